/// What can keep even root from loading a BPF program, as far as this process can read it.
public struct Restrictions: Sendable, Equatable {
  /// Each as it was read, or "not readable".
  public var lockdown: String
  public var securityModules: String
  public var seccomp: String
  public var userNamespace: String
  public var container: String
  public var kernel: String

  public init(
    lockdown: String, securityModules: String, seccomp: String, userNamespace: String, container: String,
    kernel: String
  ) {
    self.lockdown = lockdown
    self.securityModules = securityModules
    self.seccomp = seccomp
    self.userNamespace = userNamespace
    self.container = container
    self.kernel = kernel
  }

  public static var current: Restrictions {
    Restrictions(
      lockdown: line(of: "/sys/kernel/security/lockdown"),
      securityModules: line(of: "/sys/kernel/security/lsm"), seccomp: seccomp(), userNamespace: userNamespace(),
      container: container(), kernel: Host.kernelRelease)
  }

  /// With its name each, for one line or several.
  public var facts: [(name: String, value: String)] {
    [
      ("lockdown", lockdown), ("LSMs", securityModules), ("seccomp", seccomp),
      ("user namespace", userNamespace), ("container", container), ("kernel", kernel),
    ]
  }

  private static func line(of path: String) -> String {
    guard let text = try? File.text(path) else { return "not readable" }
    return text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  /// Source: Documentation/filesystems/proc.rst.
  private static func seccomp() -> String {
    guard let status = try? File.text("/proc/thread-self/status"),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Seccomp:") }),
      let mode = line.split(whereSeparator: \.isWhitespace).last
    else { return "not readable" }
    return mode == "0" ? "off" : mode == "2" ? "filter" : "strict"
  }

  /// In the initial one every number is itself.
  private static func userNamespace() -> String {
    guard let map = try? File.text("/proc/self/uid_map") else { return "not readable" }
    return map.split(whereSeparator: \.isWhitespace) == ["0", "0", "4294967295"] ? "initial" : "nested"
  }

  /// Engines leave one of these signs; another one may leave none.
  private static func container() -> String {
    for (path, engine) in [("/.dockerenv", "docker"), ("/run/.containerenv", "podman")]
    where Host.exists(path) { return engine }
    let environment = (try? File.text("/proc/1/environ")) ?? ""
    let sign = environment.split(separator: "\0").first { $0.hasPrefix("container=") }
    return sign.map { String($0.dropFirst("container=".count)) } ?? "none seen"
  }
}
