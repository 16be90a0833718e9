import System
import Tracing

/// Waits for the next look, and meanwhile sees to what must be done more often.
struct Ticker {
  enum Wake { case look, key, end }

  let watch: TopWatch
  let signals: Int32
  let delayNanoseconds: UInt64
  /// nil: until somebody ends it.
  let endNanoseconds: UInt64?
  private var nextLook: UInt64
  private var nextRound: UInt64

  init(watch: TopWatch, signals: Int32, delayNanoseconds: UInt64, endNanoseconds: UInt64?) {
    self.watch = watch
    self.signals = signals
    self.delayNanoseconds = delayNanoseconds
    self.endNanoseconds = endNanoseconds
    nextLook = Host.bootNanoseconds + delayNanoseconds
    nextRound = Host.bootNanoseconds + watch.roundNanoseconds
  }

  /// - Parameter keys: a descriptor to wait for as well.
  mutating func wait(orFor keys: Int32? = nil) throws -> Wake {
    while true {
      let now = Host.bootNanoseconds
      if let endNanoseconds, now >= endNanoseconds { return .end }
      // Also where no time is left: where a look takes longer than the delay, nothing else would ever be heard.
      let wake = Waiting(signals: signals, keys: keys ?? -1).wait(
        until: min(nextLook, nextRound, endNanoseconds ?? .max))
      if wake.contains(.signal) { return .end }
      if wake.contains(.key) { return .key }
      if now >= nextLook {
        nextLook = now + delayNanoseconds
        nextRound = now + watch.roundNanoseconds
        return .look
      }
      if now >= nextRound {
        try watch.settle()
        nextRound = now + watch.roundNanoseconds
      }
    }
  }
}
