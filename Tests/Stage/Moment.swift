import Glibc

/// CLOCK_BOOTTIME, which the tracer uses too. Every wait on the stage has a limit, none has a fixed length.
public struct Moment: Comparable, Sendable {
  public let nanoseconds: Int64

  public static var now: Moment {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Moment(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  public static func inSeconds(_ seconds: Double) -> Moment {
    Moment(nanoseconds: now.nanoseconds + Int64(seconds * 1e9))
  }

  public static func < (left: Moment, right: Moment) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  public func milliseconds(since earlier: Moment) -> Double {
    Double(nanoseconds - earlier.nanoseconds) / 1e6
  }

  /// For poll(): rounded up, 0 once it is over.
  var millisecondsLeft: Int32 {
    Int32(max(0, (nanoseconds - Moment.now.nanoseconds + 999_999) / 1_000_000))
  }
}

/// Seconds, enough for a loaded machine: reached only by what fails.
public let patience = Machine.isEmulated ? 240.0 : 60.0

/// Between two looks: longer each time, as whoever looks takes the processor from what is looked at.
struct Pause {
  private var milliseconds: Int32 = 1

  mutating func next() -> Int32 {
    defer { milliseconds = min(2 * milliseconds, 16) }
    return milliseconds
  }
}

/// Looks again and again until it is so; false if that takes longer than patience.
public func eventually(
  within seconds: Double = patience, _ isSo: () throws -> Bool
) rethrows -> Bool {
  let deadline = Moment.inSeconds(seconds)
  var pause = Pause()
  while try !isSo() {
    guard Moment.now < deadline else { return false }
    usleep(1000 * UInt32(pause.next()))
  }
  return true
}
