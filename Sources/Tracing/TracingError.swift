import BPF
import Glibc

/// Why tracing cannot begin here, and what would mend it.
public struct TracingError: Error, Sendable, CustomStringConvertible {
  public var problem: String
  public var mend: String
  /// What libbpf and the verifier said, for whoever wants to know.
  public var log: [String] = []

  public var description: String { "\(problem); \(mend)" }

  static func loading(_ error: BPFError, log: [String]) -> TracingError {
    switch error.code {
    case EPERM:
      TracingError(
        problem: "\(error)", mend: "run as root or grant CAP_BPF and CAP_PERFMON; see tcplinger check", log: log
      )
    case ESRCH: noTypes(log: ["\(error)"] + log)
    default:
      TracingError(
        problem: "\(error)",
        mend: "what the kernel said: \(verdict(in: log)); tcplinger --verbose shows all of it",
        log: log)
    }
  }

  /// libbpf has looked in /boot and /lib/modules as well; what it calls ESRCH is that nothing is there.
  static func noTypes(log: [String]) -> TracingError {
    TracingError(
      problem: "cannot read the kernel's types: no usable BTF in /sys/kernel/btf/vmlinux",
      mend: "a kernel with CONFIG_DEBUG_INFO_BTF=y, and /sys mounted, is needed", log: log)
  }

  /// The verifier ends its log with why it refused, then with figures; libbpf goes on about what it makes of that.
  private static func verdict(in log: [String]) -> String {
    let lines = log.flatMap { $0.split(separator: "\n") }.filter { !$0.isEmpty }
    let end = lines.lastIndex { $0.contains("END PROG LOAD LOG") }
    let said = end.map { lines[..<$0].last { !$0.hasPrefix("processed ") } } ?? lines.last
    return said.map(String.init) ?? "nothing"
  }
}
