import Events
import Language

extension Rule {
  static let resetOnClose = Rule(
    id: "reset_on_close", title: "Connections are reset when they are closed",
    meaning: """
      A process on this host closed with SO_LINGER 0, or with data unread, or got data after its close(): the peer \
      gets a reset, and may lose data that is on its way. No TIME_WAIT is made.
      """,
    remedies: [
      "SO_LINGER with 0 is no cure for TIME_WAIT: it throws away what is not sent yet. Remove it, and reuse connections",
      "read to the end of file before close(): unread data turns it into a reset",
    ],
    settings: [.init("any setting", helps: false, "this is done by programs")],
    evidence: ["TCPAbortOnData and TCPAbortOnClose in /proc/net/netstat", "OutRsts in /proc/net/snmp"],
    sources: ["tcp_close(), net/ipv4/tcp.c", "RFC 2525, 2.17", "RFC 9293, 3.10.5"],
    judge: inEach { facts, namespace, verdict in
      let lingers = namespace.rise("TcpExt.TCPAbortOnData")
      let unread = namespace.rise("TcpExt.TCPAbortOnClose")
      if lingers == nil { verdict.lacks("TCPAbortOnData", namespace) }
      if unread == nil { verdict.lacks("TCPAbortOnClose", namespace) }
      guard (lingers ?? 0) > 0 || (unread ?? 0) > 0 else { return }
      var seen: [Text] = []
      if let lingers, lingers > 0 {
        seen.append(
          "\(text(lingers)) by SO_LINGER 0, or by data that came after the close, in \(span(facts.watchedSeconds))"
        )
      }
      if let unread, unread > 0 {
        seen.append("\(text(unread)) with data unread, in \(span(facts.watchedSeconds))")
      }
      let resets = facts.resets.filter { $0.netns == namespace.inode }
      verdict.sightings.append(
        Sighting(
          severity: .note, netns: namespace.inode, seen: seen,
          figures: [
            .init("linger_or_late_data", lingers),
            .init("unread_data", unread),
            .init("seen_to_reset", resets.map(\.service.count).reduce(0, +)),
          ],
          services: Reset.services(resets), actors: Reset.actors(resets),
          certainty: unread ?? 0 > 0 || !resets.isEmpty ? .certain : .possible,
          grounds: resets.isEmpty
            ? "one counter of the kernel has both SO_LINGER 0 and data after the close"
            : "each reset was seen as it was sent",
          unknown: resets.isEmpty
            ? ["which process: strace -f -e trace=setsockopt,close -p PID shows SO_LINGER"] : []))
    })

  static let deadPeers = Rule(
    id: "dead_peers", title: "Peers vanish without closing",
    meaning: """
      Connections ended because the peer answered nothing any more: it lost power, or something on the way forgot \
      the connection. One that is idle is noticed only by keep-alive, if the program has asked for it.
      """,
    remedies: [
      "set SO_KEEPALIVE, with TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT, in programs with idle connections; TCP_USER_TIMEOUT bounds unanswered data"
    ],
    evidence: [
      "TCPAbortOnTimeout in /proc/net/netstat", "tcp_keepalive_time, tcp_keepalive_intvl, tcp_keepalive_probes",
    ],
    sources: ["Documentation/networking/ip-sysctl.rst: tcp_keepalive_*, tcp_retries2", "RFC 9293, 3.8.4"],
    judge: inEach { facts, namespace, verdict in
      guard let rise = namespace.rise("TcpExt.TCPAbortOnTimeout") else {
        return verdict.lacks("TCPAbortOnTimeout", namespace)
      }
      guard rise > 0 else { return }
      let notice = KeepAlive(namespace)
      verdict.sightings.append(
        Sighting(
          severity: .note, netns: namespace.inode,
          seen: ["\(counted(rise, "connection")) given up in \(span(facts.watchedSeconds))", notice.sentence],
          figures: [.init("given_up", rise), .init("keepalive_notices_after_s", notice.seconds)],
          settings: [
            .init(
              "tcp_keepalive_time", helps: true,
              "only for sockets with SO_KEEPALIVE, and if they set no time of their own")
          ],
          certainty: .certain, grounds: "the kernel counts each", unknown: notice.unknown))
    })
}

extension Reset {
  /// By process, most first, with why.
  fileprivate static func actors(_ resets: [Reset]) -> [Finding.Actor] {
    let most = resets.gathered(by: \.process).most { some in some.elements.map(\.service.count).reduce(0, +) }
    return most.prefix(5).map { $0.actor(byCause($0.elements).joined(separator: ", ")) }
  }

  private static func byCause(_ resets: [Reset]) -> [Text] {
    Dictionary(grouping: resets, by: \.cause).map { cause, resets in
      (count: resets.map(\.service.count).reduce(0, +), cause: cause)
    }.sorted { ($1.count, $0.cause.rawValue) < ($0.count, $1.cause.rawValue) }
      .map { "\(counted($0.count, "reset")) \($0.cause.wording)" }
  }

  fileprivate static func services(_ resets: [Reset]) -> [Finding.Service] {
    struct Key: Hashable {
      var endpoint: Endpoint
      var isServer: Bool
    }
    let byService = Dictionary(grouping: resets.map(\.service)) {
      Key(endpoint: Endpoint(address: $0.address, port: $0.port ?? 0), isServer: $0.isServer)
    }
    return byService.values.map { services in
      var sum = services[0]
      sum.count = services.map(\.count).reduce(0, +)
      return sum
    }.sorted { ($1.count, $0.port ?? 0) < ($0.count, $1.port ?? 0) }
  }
}

extension Cause {
  fileprivate var wording: Text {
    switch self {
    case .linger: "by SO_LINGER 0"
    case .unreadData: "by close() with data unread"
    case .dataAfterClose: "by data that came after close()"
    case .listenerClosed: "of connections that it had not accepted when it closed the listener"
    case .disconnect: "by connect() to AF_UNSPEC"
    case .linger2: "by TCP_LINGER2 below 0"
    case .close, .shutdown, .exit, .reset, .unknown: "of unknown reason"
    }
  }
}

/// When an idle connection whose peer has vanished is noticed.
struct KeepAlive {
  let seconds: Double?
  let sentence: Text

  init(_ namespace: NamespaceFacts) {
    guard let time = namespace.setting("tcp_keepalive_time"),
      let interval = namespace.setting("tcp_keepalive_intvl"),
      let probes = namespace.setting("tcp_keepalive_probes")
    else {
      seconds = nil
      sentence = "when keep-alive would notice is not known"
      return
    }
    seconds = Double(time) + Double(interval) * Double(probes)
    sentence =
      "with SO_KEEPALIVE an idle one is noticed after \(span(seconds ?? 0)) (tcp_keepalive_time \(text(time)) s, then \(text(probes)) probes \(text(interval)) s apart)"
  }

  var unknown: [Text] { seconds == nil ? ["tcp_keepalive_time, _intvl or _probes"] : [] }
}
