/// Nanoseconds since 1970-01-01T00:00:00Z.
public struct WallTime: Hashable, Comparable, Sendable {
  public var nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  public static func < (left: WallTime, right: WallTime) -> Bool { left.nanoseconds < right.nanoseconds }
}

/// Turns the kernel's time since boot into time of day.
public struct BootClock: Sendable {
  /// What CLOCK_REALTIME is ahead of CLOCK_BOOTTIME; it moves when somebody sets the clock.
  public var offsetNanoseconds: Int64

  public init(offsetNanoseconds: Int64) { self.offsetNanoseconds = offsetNanoseconds }

  public func wallTime(ofBoot nanoseconds: UInt64) -> WallTime {
    WallTime(nanoseconds: Int64(clamping: nanoseconds) &+ offsetNanoseconds)
  }
}
