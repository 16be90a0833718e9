import Events

extension Rule {
  /// A client needs a local port that is free towards (its address, the peer's address and port).
  static let portExhaustion = Rule(
    id: "port_exhaustion", title: "Few local ports are left towards one service",
    meaning: """
      Each TIME_WAIT keeps its local port for 60 s for this local address and this service. When none is left, \
      connect() fails with EADDRNOTAVAIL (Cannot assign requested address). Other services are not affected.
      """,
    remedies: [
      "keep connections open and use them again: a pool, HTTP keep-alive",
      "let the server close first, where the protocol allows it: the TIME_WAIT is the server's then, and takes no port",
      "spread over more addresses or ports of the service, or over more local addresses",
      """
      if the program calls bind() before connect(): set IP_BIND_ADDRESS_NO_PORT (Linux 4.2) before bind(). Without \
      it a port serves one connection at a time, whatever the peer, its TIME_WAIT is never reused, and what fails \
      is bind(), with EADDRINUSE. Whether it binds is not known from here; strace -f -e trace=bind,connect -p PID \
      shows it
      """,
      """
      IP_LOCAL_PORT_RANGE (Linux 6.3) gives one program a part of the range of its own, so that another cannot take \
      it; it does not make the range larger
      """,
    ],
    settings: [
      Finding.Setting(
        "tcp_fin_timeout", helps: false,
        "it is about FIN_WAIT2; a TIME_WAIT lasts 60 s, which no setting changes"),
      Finding.Setting(
        "tcp_max_tw_buckets", helps: false,
        "lowered, it destroys TIME_WAITs of every service at once, and with them the protection from old packets"
      ),
      Finding.Setting(
        "tcp_tw_recycle", helps: false, "gone since Linux 4.12; before, it broke clients behind NAT"),
    ],
    evidence: [
      "TIME_WAITs by local address and service", "ip_local_port_range", "ip_local_reserved_ports",
      "tcp_tw_reuse",
      "tcp_timestamps", "tcp_tw_reuse_delay",
    ],
    sources: [
      "RFC 9293, 3.6.1", "Documentation/networking/ip-sysctl.rst", "tcp_twsk_unique(), net/ipv4/tcp_ipv4.c",
      "90c337da1524 (IP_BIND_ADDRESS_NO_PORT)", "91d0b78c5177 (IP_LOCAL_PORT_RANGE)",
    ],
    judge: inEach { facts, namespace, verdict in
      guard let sockets = namespace.sockets else { return verdict.lacks("the count of TIME_WAITs", namespace) }
      guard let usable = namespace.usablePorts else { return verdict.lacks("ip_local_port_range", namespace) }
      let flows = Dictionary(
        grouping: facts.flows.filter { $0.netns == namespace.inode && $0.role == .client }, by: \.tuple)
      // What began and ended within the watch is in no count, and in the flows.
      let tuples = sockets.tuples.merging(flows.mapValues { _ in 0 }) { counted, _ in counted }
        .merging(sockets.openTuples.mapValues { _ in 0 }) { counted, _ in counted }
      verdict.sightings += tuples.compactMap { tuple, count in
        PortUse(
          tuple: tuple, timeWaits: count, open: sockets.openTuples[tuple] ?? 0,
          before: sockets.tuplesBefore.map { $0[tuple] ?? 0 }, usable: usable, flows: flows[tuple] ?? []
        ).sighting(facts, namespace)
      }.sorted { ($0.severity, -$0.use) < ($1.severity, -$1.use) }.map(\.sighting)
    })
}

extension Flow {
  var tuple: SocketCounts.Tuple { SocketCounts.Tuple(family: family, local: local, peer: service) }
}

extension NamespaceFacts {
  /// Ports that connect() chooses from; nil if the range is not known.
  var usablePorts: Int? {
    guard let range = settings["ip_local_port_range"], range.count == 2, range[0] <= range[1],
      let low = UInt16(exactly: range[0]), let high = UInt16(exactly: range[1])
    else { return nil }
    return (low...high).count { !(reservedPorts?.contains($0) ?? false) }
  }
}

/// How far one tuple's ports are used up.
struct PortUse {
  let tuple: SocketCounts.Tuple
  let timeWaits: Int
  /// Connections that are not over: their ports nothing lets be reused.
  let open: Int
  /// TIME_WAITs before the watch; nil: not known.
  let before: Int?
  let usable: Int
  let flows: [Flow]

  /// nil: nothing to speak of.
  func sighting(_ facts: Facts, _ namespace: NamespaceFacts) -> Ranked? {
    let perSecond = facts.perSecond(flows.map(\.count).reduce(0, +))
    let reuse = Reuse(tuple, namespace)
    let forecast = Forecast(
      self, perSecond: perSecond, growth: before.flatMap { facts.perSecond(timeWaits - $0) }, reuse)
    let use = share(timeWaits + open)
    let isFilling = forecast.level >= Threshold.portsWarning * Double(usable)
    guard use >= Threshold.portsWarning || isFilling else { return nil }
    let held = counted(timeWaits, "TIME_WAIT") + (open > 0 ? " and \(counted(open, "open connection"))" : "")
    var seen = ["\(held): \(percent(timeWaits + open, of: usable)) of \(counted(usable, "usable port"))"]
    if let perSecond, perSecond > 0 { seen.append("\(rate(perSecond)) more; \(forecast.sentence)") }
    seen.append(reuse.sentence)
    var unknown = reuse.unknown.map { [$0] } ?? []
    if flows.isEmpty, timeWaits > 0 { unknown.append("who caused the TIME_WAITs: all began before the watch") }
    if open > timeWaits { unknown.append("who has them open: ss -tnp, or tcplinger census --by process") }
    if namespace.reservedPorts == nil { unknown.append("ip_local_reserved_ports: fewer ports may be usable") }
    let sighting = Sighting(
      severity: severity(use, forecast, reuse), netns: namespace.inode,
      subject: .tuple(family: tuple.family, local: tuple.local, peer: tuple.peer), seen: seen,
      figures: [
        .init("time_waits", timeWaits), .init("open", open), .init("usable_ports", usable),
        .init("new_per_s", perSecond), .init("exhausted_in_s", forecast.secondsLeft),
      ],
      actors: Flow.actors(flows), remedies: Runtime.advice(for: flows),
      settings: reuse.settings + [Self.widerRange(namespace, usable)],
      certainty: reuse.isPossible ? .likely : .certain,
      grounds: reuse.isPossible
        ? "the count is the kernel's; whether a TIME_WAIT can be reused depends on the peer's timestamps too"
        : "the count is the kernel's, and nothing lets these ports be reused", unknown: unknown)
    return Ranked(sighting: sighting, use: use)
  }

  struct Ranked {
    var sighting: Sighting
    var use: Double
    var severity: Finding.Severity { sighting.severity }
  }

  private func share(_ ports: Int) -> Double { Double(ports) / Double(max(usable, 1)) }

  private func severity(_ use: Double, _ forecast: Forecast, _ reuse: Reuse) -> Finding.Severity {
    if reuse.isPossible, share(open) < Threshold.portsWarning {
      return forecast.isExhausted ? .critical : .note
    }
    if use >= Threshold.portsCritical { return .critical }
    if let left = forecast.secondsLeft, left <= Threshold.secondsCritical { return .critical }
    return .warning
  }

  private static func widerRange(_ namespace: NamespaceFacts, _ usable: Int) -> Finding.Setting {
    let low = max(1024, namespace.setting("ip_unprivileged_port_start") ?? 1024)
    let most = 65_535 - low + 1
    guard most > usable else {
      return .init("ip_local_port_range", helps: false, "it is as wide as it can be")
    }
    return .init(
      "ip_local_port_range", helps: true,
      """
      up to \(text(most)) ports, \(text(most / Int(Threshold.timeWaitSeconds))) new connections a second; put the \
      ports of services in that range into ip_local_reserved_ports first
      """, command: "sysctl -w net.ipv4.ip_local_port_range=\"\(low) 65535\"")
  }
}
