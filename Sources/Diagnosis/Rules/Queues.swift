import Events
import Language

extension Rule {
  static let acceptQueueFull = Rule(
    id: "accept_queue_full", title: "An accept queue is full: connections are refused silently",
    meaning: """
      More connections are ready than a listener's backlog holds. The kernel drops a SYN, which the client sends \
      again after a second, or the last packet of a handshake, after which the client believes it is connected.
      """,
    remedies: [
      "call accept() faster: more workers or threads, nothing slow in the accept loop",
      "give listen() a larger backlog (nginx: \"listen 80 backlog=N;\"), if the bursts are short",
    ],
    settings: [
      .init("tcp_abort_on_overflow", helps: false, "clients get a reset instead; it can harm them"),
      .init("tcp_max_syn_backlog", helps: false, "it is about connections whose handshake is not done"),
    ],
    evidence: ["ListenOverflows and ListenDrops in /proc/net/netstat", "queues of the listeners", "somaxconn"],
    sources: [
      "Documentation/networking/ip-sysctl.rst: somaxconn, tcp_abort_on_overflow",
      "tcp_v4_syn_recv_sock(), net/ipv4/tcp_ipv4.c",
    ],
    judge: inEach { facts, namespace, verdict in
      let overflows = namespace.rise("TcpExt.ListenOverflows")
      let drops = namespace.rise("TcpExt.ListenDrops")
      if overflows == nil { verdict.lacks("ListenOverflows", namespace) }
      if drops == nil { verdict.lacks("ListenDrops", namespace) }
      guard (overflows ?? 0) > 0 || (drops ?? 0) > 0 else { return }
      let isFull = (overflows ?? 0) > 0
      var seen: [Text] = [
        "accept-queue overflows: \(overflows.map { Text(verbatim: text($0)) } ?? "not known"), dropped connection attempts: \(drops.map { Text(verbatim: text($0)) } ?? "not known"), in \(span(facts.watchedSeconds))"
      ]
      let fullest = (namespace.listeners ?? []).filter { $0.queue > 0 }.sorted { $0.queue > $1.queue }.prefix(3)
      for listener in fullest {
        seen.append(
          "at port \(listener.port) \(counted(listener.queue, "connection")) wait for accept()"
            + (listener.limit.map { "; the backlog is \(text($0))" } ?? ""))
      }
      let actors = accepting(fullest.map(\.port), namespace.inode, facts)
      let isExhausted = actors.contains { actor in
        facts.exhausted.contains { $0.process.identity == actor.process?.identity }
      }
      if isExhausted {
        seen.append("it is out of descriptors: accept() fails with EMFILE, and this is the cause")
      }
      verdict.sightings.append(
        Sighting(
          severity: isFull ? .critical : .warning, netns: namespace.inode,
          subject: fullest.first.map { .port($0.port) } ?? .host, seen: seen,
          figures: [
            .init("overflows", overflows), .init("drops", drops),
            .init("longest_queue", fullest.first.map { Double($0.queue) }),
            .init("longest_queue_limit", fullest.first?.limit),
          ],
          actors: actors,
          remedies: isExhausted
            ? ["find what holds the descriptors, or raise the process's limit (see descriptors_exhausted)"]
            : backlogRemedies(fullest.first, namespace),
          remediesReplace: isExhausted,
          settings: isExhausted ? [] : backlogLimit(fullest.first, namespace).map { [$0] } ?? [],
          certainty: isFull ? .certain : .possible,
          grounds: isFull
            ? "the kernel counts each time that a queue is full; which listener is told by the queues after the watch"
            : "attempts were dropped while no queue was full: memory, or a filter, may be why",
          unknown: namespace.listeners == nil ? ["the listeners of this namespace"] : []))
    })

  /// Who accepts at these ports: first those who have done so.
  private static func accepting(_ ports: [UInt16], _ netns: UInt32, _ facts: Facts) -> [Finding.Actor] {
    var actors: [Finding.Actor] = []
    func add(_ process: Process, _ part: Text) {
      guard actors.count < 8, !actors.contains(where: { $0.process?.identity == process.identity }) else {
        return
      }
      actors.append(.init(process, part))
    }
    for port in ports {
      let served = ServedPort(netns: netns, port: port)
      let accepted = (facts.acceptors[served] ?? [:]).map { $0 }.gathered { $0.key }
        .most { some in some.elements.map(\.value).reduce(0, +) }
      for some in accepted where actors.count < 8 && !actors.contains(where: { $0.isOf(some) }) {
        let count = some.elements.map(\.value).reduce(0, +)
        actors.append(some.actor("accepts at port \(port): has \(text(count)) open"))
      }
      if let process = facts.listeners[served], accepted.isEmpty {
        add(process, "has the listener of port \(port)")
      }
    }
    return actors
  }

  private static func backlogRemedies(_ listener: Listener?, _ namespace: NamespaceFacts) -> [Text] {
    guard let limit = listener?.limit, let most = namespace.setting("somaxconn"), limit < most else {
      return []
    }
    return [
      "the backlog is the program's own, \(text(limit)) (net.core.somaxconn allows \(text(most))): only the program can raise it"
    ]
  }

  /// nil: it is not what keeps the queue short.
  private static func backlogLimit(_ listener: Listener?, _ namespace: NamespaceFacts) -> Finding.Setting? {
    guard let now = namespace.setting("somaxconn") else { return nil }
    if let limit = listener?.limit, limit < now {
      return .init(
        "net.core.somaxconn", helps: false,
        "it is \(text(now)), and this backlog is \(text(limit)): the program asks for no more")
    }
    return .init(
      "net.core.somaxconn", helps: true,
      "\(text(now)) now: no backlog can be larger; the program must ask for more too, and listen anew",
      command: "sysctl -w net.core.somaxconn=\(now < 4096 ? 4096 : now * 2)")
  }

  static let synQueueFull = Rule(
    id: "syn_queue_full", title: "Too many handshakes at once (SYN queue)",
    meaning: """
      More clients have sent a SYN than may wait for the end of their handshake: a flood, or more new connections \
      than the server accepts. With syncookies they still get in, with fewer TCP options; without they are dropped.
      """,
    remedies: [
      "if these are honest clients: accept faster, keep connections open (the queue is no larger than the backlog)",
      "if it is a flood: filter it before it gets here",
    ],
    evidence: [
      "TCPReqQFullDrop, TCPReqQFullDoCookies in /proc/net/netstat", "tcp_max_syn_backlog", "tcp_syncookies",
    ],
    sources: [
      "Documentation/networking/ip-sysctl.rst: tcp_syncookies, tcp_max_syn_backlog",
      "tcp_conn_request(), net/ipv4/tcp_input.c",
    ],
    judge: inEach { facts, namespace, verdict in
      let dropped = namespace.rise("TcpExt.TCPReqQFullDrop")
      let cookies = namespace.rise("TcpExt.TCPReqQFullDoCookies")
      if dropped == nil { verdict.lacks("TCPReqQFullDrop", namespace) }
      if cookies == nil { verdict.lacks("TCPReqQFullDoCookies", namespace) }
      guard (dropped ?? 0) > 0 || (cookies ?? 0) > 0 else { return }
      var seen: [Text] = []
      if let dropped, dropped > 0 {
        seen.append("\(counted(dropped, "SYN")) dropped in \(span(facts.watchedSeconds))")
      }
      if let cookies, cookies > 0 {
        seen.append("\(counted(cookies, "SYN")) answered with a cookie in \(span(facts.watchedSeconds))")
      }
      let backlog = namespace.setting("tcp_max_syn_backlog")
      let usesCookies = namespace.setting("tcp_syncookies")
      var settings: [Finding.Setting] = []
      if usesCookies == 0 {
        settings.append(
          .init(
            "tcp_syncookies", helps: true, "nobody is dropped for a full queue then",
            command: "sysctl -w net.ipv4.tcp_syncookies=1"))
      }
      settings.append(
        .init(
          "tcp_max_syn_backlog", helps: true,
          (backlog.map { "\(text($0)) now; " } ?? "")
            + "with it net.core.somaxconn and the backlog of listen()",
          command: backlog.map { "sysctl -w net.ipv4.tcp_max_syn_backlog=\($0 * 2)" }))
      verdict.sightings.append(
        Sighting(
          severity: (dropped ?? 0) > 0 ? .critical : .warning, netns: namespace.inode, seen: seen,
          figures: [.init("dropped", dropped), .init("cookies", cookies)],
          settings: settings, certainty: .certain, grounds: "the kernel counts each",
          unknown: usesCookies == nil ? ["tcp_syncookies"] : []))
    })
}
