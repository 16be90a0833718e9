import Events
import Language

extension Facts {
  /// All findings, worst first, and the figures of the host.
  public func examine(time: WallTime, kernel: String) -> HealthReport {
    let judged = Rule.findings(in: self)
    let account = Account(self)
    return HealthReport(
      time: time, kernel: kernel, watchedNanoseconds: watchedNanoseconds, namespaces: namespaces.map(\.inode),
      findings: judged.findings, account: account.sentences, figures: account.figures,
      unknown: account.unknown + judged.unknown, lost: lost)
  }
}

/// The figures of the host, shown also when nothing is wrong.
private struct Account {
  var sentences: [Text] = []
  var figures: [Finding.Figure] = []
  var unknown: [Text] = []

  init(_ facts: Facts) {
    if !facts.hasRates { unknown.append("rates: a watch of less than a second has none") }
    countSockets(facts)
    addTimeWaits(facts)
    addFullestTuple(facts)
    let counters: [(counter: String, name: String, sentence: Text)] = [
      ("TcpExt.ListenOverflows", "accept_queue_overflows", "accept-queue overflows"),
      (
        "TcpExt.TCPTimeWaitOverflow", "lost_time_waits",
        "TIME_WAITs lost to tcp_max_tw_buckets"
      ),
    ]
    for (counter, name, sentence) in counters {
      let rises = facts.namespaces.compactMap { $0.rise(counter) }
      guard rises.count == facts.namespaces.count else {
        figures.append(.init(name, nil))
        continue
      }
      let sum = rises.reduce(0, +)
      figures.append(.init(name, sum))
      sentences.append("\(sentence): \(text(sum))")
    }
  }

  /// In the order in which people know them.
  private static let states = [
    "ESTABLISHED", "TIME_WAIT", "CLOSE_WAIT", "FIN_WAIT1", "FIN_WAIT2", "LAST_ACK", "CLOSING", "SYN_SENT",
    "SYN_RECV",
    "LISTEN",
  ]

  private mutating func countSockets(_ facts: Facts) {
    let counts = facts.namespaces.compactMap(\.sockets)
    for namespace in facts.namespaces where namespace.sockets == nil {
      unknown.append("the sockets of network namespace \(namespace.inode)")
    }
    guard !counts.isEmpty else { return }
    var parts: [Text] = []
    for state in Self.states {
      let sum = counts.map { $0.states[state] ?? 0 }.reduce(0, +)
      figures.append(.init(state.lowercased(), sum))
      if sum > 0 { parts.append("\(text(sum)) \(state)") }
    }
    let place: Text =
      facts.namespaces.count == 1 ? "" : " in \(text(facts.namespaces.count)) network namespaces"
    sentences.append((parts.isEmpty ? "no TCP sockets" : parts.joined(separator: ", ")) + place)
  }

  private mutating func addTimeWaits(_ facts: Facts) {
    let counts = facts.namespaces.compactMap(\.sockets)
    let (ipv4, ipv6) = (
      counts.map(\.timeWaits.ipv4).reduce(0, +), counts.map(\.timeWaits.ipv6).reduce(0, +)
    )
    let (size4, size6) = facts.timeWaitSocketBytes
    guard !counts.isEmpty, ipv4 == 0 || size4 != nil, ipv6 == 0 || size6 != nil else {
      figures.append(.init("time_wait_bytes", nil))
      if !counts.isEmpty {
        unknown.append("the size of a TIME_WAIT: /proc/slabinfo cannot be read, or does not say")
      }
      return
    }
    let bytes = UInt64(ipv4 * (size4 ?? 0) + ipv6 * (size6 ?? 0))
    figures.append(.init("time_wait_bytes", bytes))
    guard ipv4 + ipv6 > 0 else { return }
    let each: Text =
      ipv6 == 0
      ? "\(size4 ?? 0) B each"
      : ipv4 == 0 ? "\(size6 ?? 0) B each" : "IPv4 \(size4 ?? 0) B, IPv6 \(size6 ?? 0) B each"
    sentences.append(
      "the TIME_WAITs take \(size(bytes)) (\(each)); each ends by itself after 60 s, and to have thousands is normal"
    )
  }

  private mutating func addFullestTuple(_ facts: Facts) {
    var fullest: (use: Double, count: Int, usable: Int)?
    for namespace in facts.namespaces {
      guard let usable = namespace.usablePorts, usable > 0,
        let count = namespace.sockets?.tuples.values.max()
      else { continue }
      let use = Double(count) / Double(usable)
      if use > fullest?.use ?? 0 { fullest = (use, count, usable) }
    }
    guard let fullest else { return }
    figures.append(.init("fullest_service_ports_used", fullest.use))
    sentences.append(
      "towards no service more than \(percent(fullest.count, of: fullest.usable)) of the local ports are in TIME_WAIT (\(text(fullest.count)) of \(text(fullest.usable)))"
    )
  }
}
