import Events
import System

extension Host {
  /// The time of day, from the clock that stamps the kernel's records.
  static var now: WallTime {
    BootClock(offsetNanoseconds: bootClockOffsetNanoseconds).wallTime(ofBoot: bootNanoseconds)
  }
}
