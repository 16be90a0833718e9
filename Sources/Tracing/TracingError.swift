import BPF

/// Why tracing cannot begin here, and what would mend it.
public struct TracingError: Error, Sendable, CustomStringConvertible {
  public var problem: String
  public var mend: String
  /// What libbpf and the verifier said, for whoever wants to know.
  public var log: [String] = []

  public var description: String { "\(problem); \(mend)" }

  static func loading(_ error: BPFError, log: [String]) -> TracingError {
    let isPermission = error.code == 1 || error.code == 13
    return TracingError(
      problem: "\(error)",
      mend: isPermission
        ? "run as root or grant CAP_BPF, CAP_PERFMON and CAP_SYS_RESOURCE"
        : "run with --verbose for what the kernel said",
      log: log)
  }
}
