import Glibc
import System

/// What a command waits for. Every command waits here, and shows meanwhile what it waits for.
struct Waiting {
  struct Wake: OptionSet {
    let rawValue: UInt8

    static let signal = Wake(rawValue: 1)
    static let event = Wake(rawValue: 2)
    /// A key, or a new size of the terminal.
    static let key = Wake(rawValue: 4)
    static let readerGone = Wake(rawValue: 8)
    /// Nothing else came.
    static let time: Wake = []
  }

  /// Descriptors: -1 is not waited for.
  var signals: Int32
  var events: Int32 = -1
  var keys: Int32 = -1
  /// Where the output goes, to hear of a reader who leaves.
  var output: Int32 = -1
  /// Text of the line of progress; nil: no such line.
  var progress: String?

  /// Waits for what comes first; at least looks once, also if the time is over.
  ///
  /// - Parameters:
  ///   - end: how long the whole wait is, by CLOCK_BOOTTIME, for the line of progress.
  ///   - due: an earlier time to wake up at.
  func wait(until end: UInt64? = nil, orUntil due: UInt64? = nil) -> Wake {
    let last = [end, due].compactMap(\.self).min()
    while true {
      let now = Host.bootNanoseconds
      if let progress { Progress.show(progress, secondsLeft: end.map { ($0 - min(now, $0)) / 1_000_000_000 }) }
      let isProgressing = progress != nil && Progress.isWanted
      let next = isProgressing ? min(last ?? .max, now + 1_000_000_000) : last
      guard let wake = poll(milliseconds: next.map { Self.milliseconds(from: now, to: $0) } ?? -1) else {
        continue
      }
      if wake != .time || next == last { return wake }
    }
  }

  /// nil: interrupted.
  private func poll(milliseconds: Int32) -> Wake? {
    var waits = [
      pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
      pollfd(fd: events, events: Int16(POLLIN), revents: 0),
      pollfd(fd: keys, events: Int16(POLLIN), revents: 0),
      pollfd(fd: output, events: 0, revents: 0),
    ]
    let ready = Glibc.poll(&waits, nfds_t(waits.count), milliseconds)
    // The one signal that is not blocked is that of a new size, and only the screen asks for it.
    if ready < 0 { return keys >= 0 ? .key : nil }
    var wake = Wake()
    for (wait, meaning) in zip(waits, [Wake.signal, .event, .key, .readerGone]) where wait.revents != 0 {
      wake.insert(meaning)
    }
    return wake
  }

  /// Rounded up, so that the end of a wait is never before what it waits for.
  private static func milliseconds(from now: UInt64, to end: UInt64) -> Int32 {
    end > now ? Int32(clamping: (end - now + 999_999) / 1_000_000) : 0
  }
}
