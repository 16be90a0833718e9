import BPF
import Glibc
import System

/// Why tracing cannot begin here, or go on, and what would mend it.
public struct TracingError: Error, Sendable, CustomStringConvertible {
  public var problem: String
  public var mend: String
  /// What libbpf and the verifier printed, for --verbose.
  public var log: [String] = []

  public var description: String { "\(problem); \(mend)" }
}

extension TracingError {
  /// - Parameters:
  ///   - log: what libbpf said of it.
  ///   - capabilities: what the calling thread has.
  ///   - restrictions: what else this machine may forbid by.
  init(
    _ error: BPFError, log: [String], capabilities: Capabilities = .current,
    restrictions: Restrictions = .current
  ) {
    self.init(problem: "\(error)", mend: "", log: log)
    // Loaded programs may be run without CAP_PERFMON, which is dropped by then.
    let needed: Capabilities = error.operation == "load" ? [.bpf, .perfmon] : .bpf
    switch error.code {
    case EPERM where !capabilities.contains(.sysAdmin) && !capabilities.contains(needed):
      mend = "run as root or grant CAP_BPF and CAP_PERFMON"
    case EPERM:
      let facts = restrictions.facts.map { "\($0.name) \($0.value)" }.joined(separator: "; ")
      problem += ", though the capabilities for it are granted"
      mend = "find which of these forbids it: \(facts)"
    case ESRCH:
      self = .noTypes(log: ["\(error)"] + log)
    case ENOMEM:
      mend = "free memory, or raise the limit of this cgroup (memory.max) or of locked memory (ulimit -l)"
    default:
      let verdict = Self.verdict(in: log).map { "the kernel says: \($0); " } ?? ""
      mend = verdict + "run it again with --verbose, and report what it prints"
    }
  }

  /// libbpf has looked in /boot and /lib/modules as well; what it calls ESRCH is that nothing is there.
  static func noTypes(log: [String]) -> TracingError {
    TracingError(
      problem: "cannot read the kernel's types: no usable BTF in /sys/kernel/btf/vmlinux",
      mend: "use a kernel with CONFIG_DEBUG_INFO_BTF=y, and mount /sys", log: log)
  }

  /// The verifier ends its log with why it refused, then with figures; libbpf goes on about what it makes of that.
  private static func verdict(in log: [String]) -> String? {
    let end = log.lastIndex { $0.contains("END PROG LOAD LOG") }
    return end.map { log[..<$0].last { !$0.hasPrefix("processed ") } } ?? log.last
  }
}

/// Does it, and gives an error of the kernel's interface the words for a person.
func explained<Result: ~Copyable>(_ work: () throws -> Result) throws -> Result {
  do {
    return try work()
  } catch let error as BPFError {
    throw TracingError(error, log: LibraryLog.takeWarnings())
  }
}
