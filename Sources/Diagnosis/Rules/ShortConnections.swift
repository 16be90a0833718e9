import Events
import Language

extension Rule {
  static let shortConnections = Rule(
    id: "short_connections", title: "A connection for each request",
    meaning: """
      A client connects, exchanges little and closes, again and again. Each time costs a round trip or more, and \
      leaves a TIME_WAIT at the end that closes first. At a client it keeps a local port for 60 s.
      """,
    remedies: ["keep connections open and use them again: a pool, HTTP keep-alive"],
    settings: [
      .init(
        "tcp_tw_reuse", helps: false,
        "it frees ports earlier, but the connections are as many, and each is as slow to open"
      )
    ],
    evidence: [
      "TIME_WAITs by process and service", "bytes of each", "time that each lasted",
      "ActiveOpens in /proc/net/snmp",
    ],
    sources: ["RFC 9112, 9.3 (persistence)", "RFC 9293, 3.6"],
    judge: { facts in
      var verdict = Churn.all(in: facts, role: .client) { churn in
        // The server on this host is told to close first, with its clients.
        if churn.timeWaits == 0 && facts.serves(churn.first.service) { return nil }
        // Bytes are not known where the other end closes first.
        guard churn.meanBytes ?? 0 <= Threshold.shortConnectionBytes, churn.meanBytes != nil || churn.isOpened
        else { return nil }
        let namespace = facts.namespaces.first { $0.inode == churn.first.netns }
        // Each local address has ports of its own.
        let level = (facts.perSecond(churn.mostOfOneAddress) ?? 0) * Threshold.timeWaitSeconds
        let isMany = namespace?.usablePorts.map { level >= Threshold.portsWarning * Double($0) } ?? false
        return churn.sighting(
          facts, isMany ? .warning : .note, subject: .service(family: churn.first.family, churn.first.service))
      }
      for namespace in facts.namespaces { verdict.addOthers(in: namespace, facts) }
      return verdict
    })

  static let serverClosesFirst = Rule(
    id: "server_closes_first", title: "The server closes first",
    meaning: """
      Whoever closes first has the TIME_WAIT: here the server. It costs memory, and no local port: clients come \
      from ports of their own. It is a sign that keep-alive is off, or shorter than clients are idle.
      """,
    remedies: [
      "let the client close first: keep-alive on, and longer than clients are idle; a client that sends \"Connection: close\", or speaks HTTP/1.0, asks for this"
    ],
    settings: [
      .init(
        "tcp_tw_reuse", helps: false, "it is for connections that this host opens, and these it has accepted"),
      .init("tcp_fin_timeout", helps: false, "it is about FIN_WAIT2; a TIME_WAIT lasts 60 s"),
    ],
    evidence: ["TIME_WAITs by process and port, in the role of the server"],
    sources: ["RFC 9293, 3.6", "tcp_twsk_unique(), net/ipv4/tcp_ipv4.c"],
    judge: { facts in
      Churn.all(in: facts, role: .server) { churn in
        var sighting = churn.sighting(facts, .note, subject: .port(churn.first.service.port))
        sighting.seen += Flow.openers(facts.clients(of: churn.first.service), facts).map {
          "\(name($0.process)) on this host \($0.part)"
        }
        return sighting
      }
    })
}

extension Facts {
  /// Does a process of this host close its clients' connections at this address first?
  fileprivate func serves(_ service: Endpoint) -> Bool {
    flows.contains { $0.role == .server && $0.service == service && $0.count > 0 }
  }

  /// Who opens connections to it on this host, and leaves it to the server to close.
  fileprivate func clients(of service: Endpoint) -> [Flow] {
    flows.filter { $0.role == .client && $0.service == service && $0.count == 0 }
  }
}

/// Connections of one service that come and go, by however many processes of one name.
private struct Churn {
  let flows: [Flow]
  let perSecond: Double

  private struct Key: Hashable {
    var netns: UInt32
    var comm: Comm?
    var service: Endpoint
  }

  var first: Flow { flows[0] }
  var timeWaits: Int { flows.map(\.count).reduce(0, +) }
  private var opened: Int { flows.map(\.opened).reduce(0, +) }
  /// The kernel has counted who opens them.
  var isOpened: Bool { flows.contains { $0.connects != nil } }

  var mostOfOneAddress: Int {
    Dictionary(flows.map { ($0.local, $0.count) }, uniquingKeysWith: +).values.max() ?? 0
  }

  var meanBytes: UInt64? {
    let known = flows.map(\.countWithBytes).reduce(0, +)
    return known > 0 ? flows.map(\.bytes).reduce(0, +) / UInt64(known) : nil
  }

  private var meanMilliseconds: Double? {
    if let use = Flow.meanUse(flows) { return use }
    let known = flows.map(\.countWithLifetime).reduce(0, +)
    return known > 0 ? Double(flows.map(\.lifetimeNanoseconds).reduce(0, +)) / Double(known) / 1e6 : nil
  }

  /// Those that come and go often enough, most first.
  static func all(in facts: Facts, role: Role, _ judge: (Churn) -> Sighting?) -> Verdict {
    let groups = Dictionary(grouping: facts.flows.filter { $0.role == role }) { flow in
      Key(netns: flow.netns, comm: flow.process?.comm, service: flow.service)
    }
    let churns = groups.values.compactMap { flows -> Churn? in
      guard let perSecond = facts.perSecond(flows.map(\.opened).reduce(0, +)),
        perSecond >= Threshold.shortConnectionsPerSecond
      else { return nil }
      return Churn(flows: flows.sorted { $0.opened > $1.opened }, perSecond: perSecond)
    }
    return Verdict(
      sightings: churns.sorted { ($1.opened, $0.first.service.port) < ($0.opened, $1.first.service.port) }
        .compactMap(judge))
  }

  func sighting(_ facts: Facts, _ severity: Finding.Severity, subject: Finding.Subject) -> Sighting {
    var means: [Text] = []
    var unknown: [Text] = []
    if let meanBytes {
      means.append("\(size(meanBytes)) each")
    } else {
      unknown.append("bytes of the connections: the other end closes first, and they are not traced")
    }
    if let meanMilliseconds {
      means.append("used for \(milliseconds(meanMilliseconds)) on average")
    } else {
      unknown.append("how long they were open: they began before the watch")
    }
    var sum: Text = "\(counted(opened, "connection")) in \(span(facts.watchedSeconds)), \(rate(perSecond))"
    if isOpened && opened > timeWaits { sum = sum + " (\(text(timeWaits)) of them ended in a TIME_WAIT here)" }
    return Sighting(
      severity: severity, netns: first.netns, subject: subject, seen: [([sum] + means).joined(separator: ", ")],
      figures: [
        .init("connections", opened), .init("per_s", perSecond), .init("time_waits", timeWaits),
        .init("mean_bytes", meanBytes), .init("mean_lifetime_ms", meanMilliseconds),
      ],
      actors: isOpened ? Flow.openers(flows, facts) : Flow.actors(flows), remedies: Runtime.advice(for: flows),
      certainty: .certain,
      grounds: isOpened
        ? "the kernel counts each connect() by process" : "each of them was seen to close first",
      unknown: unknown)
  }
}

extension Verdict {
  /// Connections that this host opened and its peers closed first leave no TIME_WAIT here: only their number is known.
  fileprivate mutating func addOthers(in namespace: NamespaceFacts, _ facts: Facts) {
    guard let opened = namespace.rise("Tcp.ActiveOpens") else { return lacks("ActiveOpens", namespace) }
    // Of a client on this host the TIME_WAIT may be the server's.
    let known = facts.flows.filter { $0.netns == namespace.inode }
      .map { $0.role == .client ? $0.opened : $0.countFromHere }.reduce(0, +)
    let others = max(0, Int(clamping: opened) - known)
    guard let perSecond = facts.perSecond(others), perSecond >= Threshold.shortConnectionsPerSecond else {
      return
    }
    sightings.append(
      Sighting(
        severity: .note, netns: namespace.inode,
        seen: [
          "\(text(opened)) connections opened in \(span(facts.watchedSeconds)), \(text(others)) of which (\(rate(perSecond))) did not end in a TIME_WAIT here: the peer closed first, or they are open, reset or failed"
        ],
        figures: [.init("opened", opened), .init("without_time_wait", others), .init("per_s", perSecond)],
        remedies: [
          "tcplinger --min-age 0 --state close_wait --role client names who opened those that the peer closed first"
        ],
        certainty: .possible, grounds: "the kernel counts every connect(), but not how each ended",
        unknown: ["which processes"]))
  }
}
