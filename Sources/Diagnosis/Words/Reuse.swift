import Events
import Language

/// May connect() take a port of this tuple that is in TIME_WAIT? As tcp_twsk_unique() decides it.
struct Reuse {
  enum Answer: Equatable {
    case yes
    case off
    case notLoopback
    case noTimestamps
    case notKnown(String)
  }

  let answer: Answer
  /// How old the TIME_WAIT must be.
  let delayMilliseconds: Int
  private let hasDelaySetting: Bool

  init(_ tuple: SocketCounts.Tuple, _ namespace: NamespaceFacts) {
    hasDelaySetting = namespace.setting("tcp_tw_reuse_delay") != nil
    delayMilliseconds = namespace.setting("tcp_tw_reuse_delay") ?? Threshold.reuseDelayMilliseconds
    let isLoopback = tuple.local.isLoopback(tuple.family) || tuple.peer.address.isLoopback(tuple.family)
    answer =
      switch (namespace.setting("tcp_tw_reuse"), namespace.setting("tcp_timestamps")) {
      case (nil, _): .notKnown("tcp_tw_reuse")
      case (0, _): .off
      case (2, _) where !isLoopback: .notLoopback
      case (_, 0): .noTimestamps
      case (_, nil): .notKnown("tcp_timestamps")
      default: .yes
      }
  }

  /// Not known counts as no: better a false alarm than none.
  var isPossible: Bool { answer == .yes }

  var unknown: Text? {
    if case .notKnown(let setting) = answer { "\(setting): whether TIME_WAITs can be reused" } else { nil }
  }

  var sentence: Text {
    switch answer {
    case .yes:
      "connect() may reuse one that is older than \(text(delayMilliseconds)) ms (tcp_tw_reuse, tcp_timestamps are on)"
    case .off: "connect() may not reuse them: tcp_tw_reuse is 0"
    case .notLoopback: "connect() may not reuse them: tcp_tw_reuse is 2, which is for loopback addresses only"
    case .noTimestamps: "connect() may not reuse them: tcp_timestamps is 0, which tcp_tw_reuse needs"
    case .notKnown(let setting): "whether connect() may reuse them is not known: \(setting) cannot be read"
    }
  }

  /// What would let them be reused.
  var settings: [Finding.Setting] {
    let reuse = Finding.Setting(
      "tcp_tw_reuse", helps: true,
      "connect() then reuses a TIME_WAIT older than \(text(delayMilliseconds)) ms, if the peer uses timestamps too; it is for outgoing connections only",
      command: "sysctl -w net.ipv4.tcp_tw_reuse=1")
    let timestamps = Finding.Setting(
      "tcp_timestamps", helps: true, "tcp_tw_reuse needs them; for connections that begin afterwards",
      command: "sysctl -w net.ipv4.tcp_timestamps=1")
    switch answer {
    case .yes:
      guard hasDelaySetting, delayMilliseconds > Threshold.reuseDelayMilliseconds else {
        return [.init("tcp_tw_reuse", helps: false, "it is on already for these")]
      }
      return [
        .init(
          "tcp_tw_reuse_delay", helps: true,
          "\(text(Threshold.reuseDelayMilliseconds)) ms is the default; never below the clock tick of the peer",
          command: "sysctl -w net.ipv4.tcp_tw_reuse_delay=\(Threshold.reuseDelayMilliseconds)")
      ]
    case .off, .notLoopback: return [reuse]
    case .noTimestamps: return [timestamps]
    case .notKnown: return [reuse, timestamps]
    }
  }
}

/// Where the ports are going at the rate that was watched.
struct Forecast {
  /// Ports that cannot be used, once as many leave TIME_WAIT as enter it.
  let level: Double
  /// nil: they do not run out at this rate, or it is not known.
  let secondsLeft: Double?
  let isExhausted: Bool
  private let usable: Int

  /// - Parameter growth: TIME_WAITs more a second, those that ended counted off.
  init(_ use: PortUse, perSecond: Double?, growth: Double?, _ reuse: Reuse) {
    usable = use.usable
    let lifetime = reuse.isPossible ? Double(reuse.delayMilliseconds) / 1000 : Threshold.timeWaitSeconds
    level = (perSecond ?? 0) * lifetime + Double(use.open)
    isExhausted = level >= Double(usable)
    let free = Double(max(0, usable - use.timeWaits - use.open))
    secondsLeft =
      if reuse.isPossible || !isExhausted {
        nil
      } else if let growth, growth > 0 {
        free / growth
      } else {
        free == 0 ? 0 : nil
      }
  }

  var sentence: Text {
    if let secondsLeft {
      return secondsLeft == 0
        ? "none is left: connect() fails with EADDRNOTAVAIL"
        : "connect() fails with EADDRNOTAVAIL in \(span(secondsLeft))"
    }
    if isExhausted { return "that is more than the ports allow" }
    return "at this rate \(text(Int(level.rounded()))) of \(text(usable)) ports will be taken at a time"
  }
}
