import Events
import Language

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
      if the program calls bind() before connect(), and bind() fails with EADDRINUSE: set IP_BIND_ADDRESS_NO_PORT \
      (Linux 4.2) before bind(); strace -f -e trace=bind,connect -p PID shows whether it binds
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
        grouping: facts.flows.filter { $0.netns == namespace.inode && $0.role == .client && $0.count > 0 },
        by: \.tuple)
      // What began and ended within the watch is in no count, and in the flows.
      let tuples = sockets.tuples.merging(flows.mapValues { _ in 0 }) { counted, _ in counted }
        .merging(sockets.openTuples.mapValues { _ in 0 }) { counted, _ in counted }
      verdict.sightings += tuples.compactMap { tuple, count in
        PortUse(
          tuple: tuple, timeWaits: count, open: sockets.openTuples[tuple] ?? 0,
          before: sockets.tuplesBefore.map { $0[tuple] ?? 0 }, usable: usable, flows: flows[tuple] ?? [],
          owners: sockets.openOwners[tuple] ?? [:]
        ).sighting(facts, namespace)
      }.sorted { ($0.severity, -$0.use) < ($1.severity, -$1.use) }.map(\.sighting)
    })
}

extension Rule {
  /// bind() to port 0 takes a port that no other connection has, whatever its peer.
  static let bindBeforeConnect = Rule(
    id: "bind_before_connect", title: "All local ports are taken: the program calls bind() before connect()",
    meaning: """
      connect() by itself shares a local port among services; bind() does not know the service yet, so each port \
      serves one connection at a time, and its TIME_WAIT is not reused. When none is left, bind() fails with EADDRINUSE.
      """,
    remedies: [
      """
      set IP_BIND_ADDRESS_NO_PORT (Linux 4.2) before bind(): connect() then chooses the port, and shares it among \
      services (nginx: proxy_bind does it; HAProxy: "source" does)
      """,
      "do not bind() where the address of the route is right anyway",
      "keep connections open and use them again",
    ],
    settings: [
      .init(
        "tcp_tw_reuse", helps: false,
        "it is connect() that reuses a TIME_WAIT, and bind() has chosen the port before")
    ],
    evidence: ["local ports by local address and service", "ip_local_port_range"],
    sources: [
      "90c337da1524 (IP_BIND_ADDRESS_NO_PORT)", "inet_csk_get_port(), net/ipv4/inet_connection_sock.c", "ip(7)",
    ],
    judge: inEach { facts, namespace, verdict in
      guard let sockets = namespace.sockets, let usable = namespace.usablePorts, usable > 0 else { return }
      var uses: [SocketCounts.LocalAddress: (connections: Int, services: Int, owners: [Process: Int])] = [:]
      for tuple in Set(sockets.tuples.keys).union(sockets.openTuples.keys) {
        let local = SocketCounts.LocalAddress(family: tuple.family, address: tuple.local)
        uses[local, default: (0, 0, [:])].connections +=
          (sockets.tuples[tuple] ?? 0) + (sockets.openTuples[tuple] ?? 0)
        uses[local]?.services += 1
        for (process, count) in sockets.openOwners[tuple] ?? [:] {
          uses[local]?.owners[process, default: 0] += count
        }
      }
      for (local, use) in uses {
        let ports = sockets.localPorts[local] ?? 0
        // No port serves two services, though there are several, and hardly one is left.
        guard use.services > 1, ports == use.connections,
          Double(ports) >= Threshold.portsCritical * Double(usable)
        else { continue }
        let flows = facts.flows.filter {
          $0.netns == namespace.inode && $0.role == .client && $0.family == local.family
            && $0.local == local.address
        }
        var actors = Flow.actors(flows)
        actors += PortUse.holders(use.owners).filter { holder in
          !actors.contains { $0.process?.identity == holder.process?.identity && $0.service == holder.service }
        }
        verdict.sightings.append(
          Sighting(
            severity: .critical, netns: namespace.inode,
            seen: [
              "\(text(ports)) of \(counted(usable, "usable port")) of \(local.address.text(local.family)) are taken, by \(text(use.connections)) connections and TIME_WAITs to \(text(use.services)) services",
              "each port is used for one service only, as bind() chose it before connect()",
              ports >= usable ? "none is left: bind() fails with EADDRINUSE" : "few are left",
            ],
            figures: [
              .init("ports", ports), .init("usable_ports", usable), .init("services", use.services),
            ],
            services: flows.map {
              .init(
                family: $0.family, address: $0.service.address, port: $0.service.port, isServer: false,
                count: $0.count)
            },
            actors: actors, settings: [PortUse.widerRange(namespace, usable)], certainty: .likely,
            grounds: "the ports are the kernel's own; ports that are never shared have hardly another cause",
            unknown: actors.isEmpty ? ["who: all began before the watch"] : []))
      }
    })
}

extension Flow {
  var tuple: SocketCounts.Tuple { SocketCounts.Tuple(family: family, local: local, peer: service) }
}

extension NamespaceFacts {
  /// nil: not known.
  var portRange: PortRange? {
    settings["ip_local_port_range"].flatMap { PortRange($0, reserved: reservedPorts) }
  }

  /// Ports that connect() chooses from; nil if the range is not known.
  var usablePorts: Int? { portRange?.size }
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
  /// Who has the open ones.
  let owners: [Process: Int]

  /// nil: nothing to speak of.
  func sighting(_ facts: Facts, _ namespace: NamespaceFacts) -> Ranked? {
    let perSecond = facts.perSecond(flows.map(\.count).reduce(0, +))
    let reuse = Reuse(tuple, namespace)
    let forecast = Forecast(
      self, perSecond: perSecond, growth: before.flatMap { facts.perSecond(timeWaits - $0) }, reuse)
    let use = share(timeWaits + open)
    let isFilling = forecast.level >= Threshold.portsWarning * Double(usable)
    guard use >= Threshold.portsWarning || isFilling else { return nil }
    if open > timeWaits, share(open) >= Threshold.portsWarning { return heldOpen(facts, namespace, perSecond) }
    let held = counted(timeWaits, "TIME_WAIT") + (open > 0 ? " and \(counted(open, "open connection"))" : "")
    var seen: [Text] = [
      "\(held): \(percent(timeWaits + open, of: usable)) of \(counted(usable, "usable port"))"
    ]
    if let perSecond, perSecond > 0 { seen.append("\(rate(perSecond)) are added; \(forecast.sentence)") }
    seen.append(reuse.sentence)
    var unknown = reuse.unknown.map { [$0] } ?? []
    if flows.isEmpty, timeWaits > 0 { unknown.append("who caused the TIME_WAITs: all began before the watch") }
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

  /// Open connections take the ports: TIME_WAIT has no part in it.
  private func heldOpen(_ facts: Facts, _ namespace: NamespaceFacts, _ perSecond: Double?) -> Ranked {
    let use = share(open + timeWaits)
    let isFull = use >= Threshold.portsCritical
    var seen: [Text] = [
      "\(counted(open, "open connection"))"
        + (timeWaits > 0 ? " and \(counted(timeWaits, "TIME_WAIT"))" : "")
        + ": \(percent(timeWaits + open, of: usable)) of \(counted(usable, "usable port"))"
    ]
    if open + timeWaits >= usable {
      seen.append("none is left: connect() fails with EADDRNOTAVAIL (Cannot assign requested address)")
    }
    return Ranked(
      sighting: Sighting(
        severity: isFull ? .critical : .warning,
        title: "Open connections take the local ports towards one service",
        meaning: """
          Each connection to a service has a local port of its own for as long as it is open. When none is left, \
          connect() fails with EADDRNOTAVAIL. Other services are not affected. Most of these connections are open, \
          so what is said of TIME_WAIT does not help.
          """, netns: namespace.inode,
        subject: .tuple(family: tuple.family, local: tuple.local, peer: tuple.peer), seen: seen,
        figures: [
          .init("time_waits", timeWaits), .init("open", open), .init("usable_ports", usable),
          .init("new_per_s", perSecond), .init("exhausted_in_s", nil as Int?),
        ],
        actors: Self.holders(owners),
        remedies: [
          "a pool that grows without limit: give it a limit, and close what is idle",
          "find connections that nobody uses any more: each has a descriptor of the process (ls -l /proc/PID/fd)",
          "spread over more addresses or ports of the service, or over more local addresses",
        ], remediesReplace: true,
        settings: [Self.widerRange(namespace, usable)], certainty: .certain,
        grounds: "the count is the kernel's",
        unknown: owners.isEmpty ? ["who has them open: ss -tnp, or tcplinger census --by process"] : []),
      use: use)
  }

  /// Who has how many open, most first.
  static func holders(_ owners: [Process: Int]) -> [Finding.Actor] {
    func sum(_ some: Gathered<(key: Process, value: Int)>) -> Int { some.elements.map(\.value).reduce(0, +) }
    let most = owners.map { $0 }.gathered { $0.key }.most(by: sum)
    return most.prefix(5).map { $0.actor("has \(text(sum($0))) open") }
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

  static func widerRange(_ namespace: NamespaceFacts, _ usable: Int) -> Finding.Setting {
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
