import Events

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
      var seen = [
        "in \(span(facts.watchedSeconds)) \(overflows.map { "\(text($0)) times" } ?? "not known how often") a queue was full, "
          + "\(drops.map { text($0) } ?? "not known how many") connection attempts were dropped"
      ]
      let fullest = (namespace.listeners ?? []).filter { $0.queue > 0 }.sorted { $0.queue > $1.queue }.prefix(3)
      for listener in fullest {
        seen.append("at port \(listener.port) \(counted(listener.queue, "connection")) wait for accept()")
      }
      let queues = facts.leaks.filter { $0.netns == namespace.inode && $0.group.acceptQueue != nil }
      verdict.sightings.append(
        Sighting(
          severity: isFull ? .critical : .warning, netns: namespace.inode,
          subject: fullest.first.map { .port($0.port) } ?? .host, seen: seen,
          figures: [
            .init("overflows", overflows), .init("drops", drops),
            .init("longest_queue", fullest.first.map { Double($0.queue) }),
          ],
          actors: queues.prefix(3).map { leak in
            let queue = leak.group.acceptQueue
            return .init(
              leak.group.process,
              "has a listener whose queue is \(text(queue?.length ?? 0)) of \(text(queue?.limit ?? 0))")
          },
          settings: [backlogLimit(namespace)], certainty: isFull ? .certain : .possible,
          grounds: isFull
            ? "the kernel counts each time that a queue is full; which listener is told by the queues after the watch"
            : "attempts were dropped while no queue was full: memory, or a filter, may be why",
          unknown: namespace.listeners == nil ? ["the listeners of this namespace"] : []))
    })

  private static func backlogLimit(_ namespace: NamespaceFacts) -> Finding.Setting {
    let now = namespace.setting("somaxconn")
    return .init(
      "net.core.somaxconn", helps: true,
      "\(now.map { "\(text($0)) now: " } ?? "")no backlog can be larger; the program must ask for more too, and listen anew",
      command: now.map { "sysctl -w net.core.somaxconn=\($0 < 4096 ? 4096 : $0 * 2)" })
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
      var seen: [String] = []
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
          "\(backlog.map { "\(text($0)) now; " } ?? "")with it net.core.somaxconn and the backlog of listen()",
          command: backlog.map { "sysctl -w net.ipv4.tcp_max_syn_backlog=\($0 * 2)" }))
      verdict.sightings.append(
        Sighting(
          severity: (dropped ?? 0) > 0 ? .critical : .warning, netns: namespace.inode, seen: seen,
          figures: [.init("dropped", dropped), .init("cookies", cookies)],
          settings: settings, certainty: .certain, grounds: "the kernel counts each",
          unknown: usesCookies == nil ? ["tcp_syncookies"] : []))
    })
}
