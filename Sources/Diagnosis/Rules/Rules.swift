import Language

/// Every rule. Where two findings are equally bad, the earlier one is told first.
extension Rule {
  public static let all: [Rule] = [
    descriptorsExhausted, portExhaustion, bindBeforeConnect, acceptQueueFull, synQueueFull, closeWait,
    tooManyOrphans, bucketLimit,
    bucketsLowered, twRecycle, reuseWithoutTimestamps, rangeOverlapsListeners, finWait2, resetOnClose,
    deadPeers, halfClosed, shortConnections, serverClosesFirst,
  ]
}

/// Where a rule begins to speak. Those that are facts of the kernel say so; the others are choices.
enum Threshold {
  /// Seconds that a TIME_WAIT lasts: a constant of the kernel. Source: TCP_TIMEWAIT_LEN, include/net/tcp.h.
  static let timeWaitSeconds = 60.0
  /// Milliseconds after which a TIME_WAIT may be reused where no setting says: before Linux 6.14 a second, which
  /// became the default. Source: tcp_twsk_unique(), and `tcp_tw_reuse_delay` in ip-sysctl.rst.
  static let reuseDelayMilliseconds = 1000
  /// A choice: of the usable ports to one service, from here on there is less than one more doubling left.
  static let portsWarning = 0.5
  /// A choice: nearly all are taken, and the search for a free one fails now and then already.
  static let portsCritical = 0.9
  /// A choice: a minute is no time to act in.
  static let secondsCritical = 60.0
  /// A choice: new connections a second to one service from which a pool is worth having.
  static let shortConnectionsPerSecond = 10.0
  /// A choice: what moves more than this is a transfer, whose handshake does not matter.
  static let shortConnectionBytes: UInt64 = 65_536
  /// The kernel counts an orphan that has not sent for long, or met an ICMP error, up to four times: from a
  /// quarter of the limit on, some are reset. Source: tcp_out_of_resources(), net/ipv4/tcp_timer.c.
  static let orphansWarning = 0.25
  /// A choice: half of the buckets taken leaves no room for twice the load.
  static let bucketsWarning = 0.5
  /// A choice: an hour is what a person who is woken needs.
  static let descriptorSecondsCritical = 3600.0
}
