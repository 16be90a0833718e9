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
    limit = limits.split(separator: "\n").first { $0.hasPrefix("Max open files") }
      .flatMap { $0.dropFirst("Max open files".count).split(separator: " ").first }.flatMap { Int($0) }
    // The limit is one of descriptor numbers: higher ones, opened before it was lowered, take no room.
    let isNear = limit.map { open >= $0 - $0 / 8 } ?? false
    self.open = isNear ? Self.names(pid, below: limit ?? .max) ?? open : open
  }

  /// How many each process has open, by pid, with when it was started: to compare with later.
  public static func counts() -> [UInt32: (startTicks: UInt64, open: Int)] {
    guard PidNamespace.isInitial, let folder = opendir("/proc") else { return [:] }
    defer { closedir(folder) }
    var counts: [UInt32: (startTicks: UInt64, open: Int)] = [:]
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let pid = UInt32(name), let ticks = startTicks(of: pid), let open = count(pid) else { continue }
      counts[pid] = (ticks, open)
    }
    return counts
  }

  /// Is this count of the process that was started then?
  public static func isOf(startTicks: UInt64, startedNanoseconds: UInt64) -> Bool {
    startTicks == ticks(startedNanoseconds)
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
    return facts.st_size > 0 ? Int(facts.st_size) : names(pid, below: .max)
  }

  private static func names(_ pid: UInt32, below limit: Int) -> Int? {
    guard let folder = opendir("/proc/\(pid)/fd") else { return nil }
    defer { closedir(folder) }
    var count = 0
    while let entry = readdir(folder) {
      // The name is the number; "." and ".." are none.
      let first = entry.pointee.d_name.0
      guard first != CChar(UInt8(ascii: ".")) else { continue }
      let number = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        bytes.prefix { $0 != 0 }.reduce(0) { $0 * 10 + Int($1 &- UInt8(ascii: "0")) }
      }
      if number < limit { count += 1 }
    }
    return count
  }
}
