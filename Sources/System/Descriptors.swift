import Glibc

/// How many descriptors a process has open, and how many it may have.
public struct Descriptors: Equatable, Sendable {
  public var open: Int
  /// The soft limit; nil: unlimited.
  public var limit: Int?

  /// - Parameters:
  ///   - pid: in the initial pid namespace.
  ///   - startedNanoseconds: since boot; a process that was started at another time has the pid by chance.
  /// - Returns: nil if the process is gone, or its /proc may not be read or is that of another pid namespace.
  public init?(pid: UInt32, startedNanoseconds: UInt64) {
    guard PidNamespace.isInitial, Self.startTicks(of: pid) == Self.ticks(startedNanoseconds),
      let open = Self.count(pid), let limits = try? File.text("/proc/\(pid)/limits")
    else { return nil }
    self.open = open
    limit = limits.split(separator: "\n").first { $0.hasPrefix("Max open files") }
      .flatMap { $0.dropFirst("Max open files".count).split(separator: " ").first }.flatMap { Int($0) }
  }

  /// When the process was started, in ticks since boot. Source: `starttime`, the 22nd field of /proc/PID/stat.
  private static func startTicks(of pid: UInt32) -> UInt64? {
    guard let text = try? File.text("/proc/\(pid)/stat"), let name = text.lastIndex(of: ")") else { return nil }
    let fields = text[name...].split(separator: " ")
    return fields.count > 20 ? UInt64(fields[20]) : nil
  }

  /// As the kernel rounds them. Source: nsec_to_clock_t().
  private static func ticks(_ nanoseconds: UInt64) -> UInt64 {
    nanoseconds / (1_000_000_000 / UInt64(sysconf(Int32(_SC_CLK_TCK))))
  }

  private static func count(_ pid: UInt32) -> Int? {
    let path = "/proc/\(pid)/fd"
    // v6.2, f1f1f2569901: the size of the folder is the count. Before it is 0, and the names are counted.
    var facts = stat()
    guard stat(path, &facts) == 0 else { return nil }
    if facts.st_size > 0 { return Int(facts.st_size) }
    guard let folder = opendir(path) else { return nil }
    defer { closedir(folder) }
    var count = 0
    while let entry = readdir(folder) {
      if entry.pointee.d_name.0 != UInt8(ascii: ".") { count += 1 }
    }
    return count
  }
}
