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
    TracingError(
      problem: "\(error)",
      mend: error.code == EPERM
        ? "run as root or grant CAP_BPF and CAP_PERFMON"
        : "what the kernel said: \(log.last ?? "nothing"); --verbose shows all of it",
      log: log)
  }
}
