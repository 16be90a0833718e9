/// What /proc says of a process now. It may have given its pid to another meanwhile: look at its start afterwards.
public enum ProcessFiles {
  /// What is kept of a command line; one of Java's may be as long.
  public static let longestCommandLine = 4096

  /// Its words, a NUL after each; nil where it has none, or they may not be read. One byte longer than the limit: it is cut.
  ///
  /// The kernel reads them from the memory of the process, under a lock that a process which waits for a disk may hold:
  /// such a one is not asked, or whoever asks would wait with it.
  public static func commandLine(pid: UInt32) -> [UInt8]? {
    guard ProcessFacts(pid: pid)?.state != "D",
      let bytes = try? File.bytes("/proc/\(pid)/cmdline", upTo: longestCommandLine + 1), !bytes.isEmpty
    else {
      return nil
    }
    return Array(bytes.prefix(longestCommandLine + 1))
  }

  /// The text of /proc/PID/cgroup.
  public static func cgroups(pid: UInt32) -> String? { try? File.text("/proc/\(pid)/cgroup") }

  /// The effective one. Source: Documentation/filesystems/proc.rst, `Uid:` of /proc/PID/status.
  public static func user(pid: UInt32) -> UInt32? {
    guard let status = try? File.text("/proc/\(pid)/status"),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Uid:") })
    else { return nil }
    let numbers = line.split(whereSeparator: \.isWhitespace)
    return numbers.count > 2 ? UInt32(numbers[2]) : nil
  }
}
