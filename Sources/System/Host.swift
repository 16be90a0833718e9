import Glibc

/// Facts of the machine that the tool runs on.
public enum Host {
  /// The length of a jiffy: a coarse clock goes on by one at a time. Source: clock_getres(2).
  public static var jiffyNanoseconds: UInt32 {
    var length = timespec()
    clock_getres(CLOCK_MONOTONIC_COARSE, &length)
    return UInt32(clamping: length.tv_nsec)
  }

  /// This process, as its own pid namespace counts.
  public static var processID: Int32 { getpid() }

  /// `uname -r`, say `6.12.48+deb13-amd64`.
  public static var kernelRelease: String {
    var names = utsname()
    guard uname(&names) == 0 else { return "unknown" }
    return withUnsafeBytes(of: names.release) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  /// The first two numbers of the release; nil if it does not begin with them.
  public static var kernelVersion: (major: Int, minor: Int)? {
    let numbers = kernelRelease.split { $0 == "." || $0 == "-" }.prefix(2).map { Int($0) }
    guard numbers.count == 2, let major = numbers[0], let minor = numbers[1] else { return nil }
    return (major, minor)
  }

  public static var pageSize: Int { sysconf(Int32(_SC_PAGESIZE)) }

  public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Can functions of the kernel be probed at all?
  public static var hasKprobes: Bool { exists("/sys/bus/event_source/devices/kprobe/type") }

  /// Nanoseconds that CLOCK_REALTIME is ahead of CLOCK_BOOTTIME, now.
  public static var bootClockOffsetNanoseconds: Int64 {
    nanoseconds(of: CLOCK_REALTIME) - nanoseconds(of: CLOCK_BOOTTIME)
  }

  /// CLOCK_BOOTTIME: what the kernel stamps records with.
  public static var bootNanoseconds: UInt64 { UInt64(nanoseconds(of: CLOCK_BOOTTIME)) }

  /// How long the machine has slept: CLOCK_BOOTTIME less CLOCK_MONOTONIC. The two are read one after the other, so the
  /// least of some differences is the truest.
  public static var suspendedNanoseconds: UInt64 {
    (0..<5).reduce(UInt64.max) { least, _ in
      let monotonic = nanoseconds(of: CLOCK_MONOTONIC)
      return min(least, UInt64(max(0, nanoseconds(of: CLOCK_BOOTTIME) - monotonic)))
    }
  }

  /// What the calling thread has used of a processor.
  public static var threadCPUNanoseconds: UInt64 { UInt64(nanoseconds(of: CLOCK_THREAD_CPUTIME_ID)) }

  /// Seconds that the local time of day is ahead of UTC, now.
  public static var utcOffsetSeconds: Int {
    var seconds = time(nil)
    var local = tm()
    localtime_r(&seconds, &local)
    return local.tm_gmtoff
  }

  private static func nanoseconds(of clock: clockid_t) -> Int64 {
    var value = timespec()
    clock_gettime(clock, &value)
    return Int64(value.tv_sec) * 1_000_000_000 + Int64(value.tv_nsec)
  }
}
