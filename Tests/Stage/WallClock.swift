import Glibc

/// Times as the tracer prints them.
public enum WallClock {
  public static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// Seconds since 1970 of "2026-11-20T23:12:01.123456789Z"; nil for anything of another form.
  public static func seconds(_ text: String) -> Double? {
    guard text.hasSuffix("Z") else { return nil }
    let numbers = text.dropLast().split { "-T:".contains($0) }
    guard numbers.count == 6, text.utf8.count >= 20 else { return nil }
    let whole = numbers.dropLast().compactMap { Int32($0) }
    guard whole.count == 5, let seconds = Double(numbers[5]) else { return nil }
    var parts = tm()
    parts.tm_year = whole[0] - 1900
    parts.tm_mon = whole[1] - 1
    parts.tm_mday = whole[2]
    parts.tm_hour = whole[3]
    parts.tm_min = whole[4]
    return Double(timegm(&parts)) + seconds
  }

  /// When a process was started; nil if there is none. The kernel shows it in hundredths of a second.
  public static func start(of pid: Int32) -> Double? {
    guard let status = readFile("/proc/\(pid)/stat"), let name = status.lastIndex(of: ")") else {
      return nil
    }
    let fields = status[name...].split(separator: " ")
    guard fields.count > 20, let ticks = Double(fields[20]) else { return nil }
    let boot = now - Double(Moment.now.nanoseconds) / 1e9
    return boot + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
  }
}
