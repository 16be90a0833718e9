import Stage
import Testing

extension KernelTests {
  /// Of two connections one passes. The other one comes first, so that it would be told by the time the
  /// one that passes is.
  @Suite(.onceIsEnough, .traced("--min-age", "200ms")) struct FilterTests {
    /// Both end by their client; returns what the tracer told.
    private func told(
      _ tracer: Tracer, barred: Conversation, passing: Conversation, by role: Role = .client
    ) throws -> (barred: [TracedEvent], passing: TracedEvent) {
      for talk in [barred, passing] {
        let (first, second) = role.order(talk)
        try first.close()
        try first.awaitTabledState(.finWait2)
        try second.close()
      }
      let event = try tracer.event("time_wait", of: role.order(passing).first)
      try tracer.stop()
      let barredEvents = try tracer.events(of: barred.client) + tracer.events(of: barred.server)
      return (barredEvents, event)
    }

    @Test("--pid keeps the origins of a process", arguments: Role.allCases)
    func pid(role: Role) throws {
      let (wanted, other, server) = (try Player("wanted"), try Player("other"), try Player("peer"))
      let tracer = try Tracer("--pid", "\(wanted.pid)", "--min-age", "0")
      let (barred, passing) =
        role == .client
        ? (try Conversation(other, server), try Conversation(wanted, server))
        : (try Conversation(server, other), try Conversation(server, wanted))

      let events = try told(tracer, barred: barred, passing: passing, by: role)

      #expect(events.barred.isEmpty)
      #expect(events.passing.process?.pid == wanted.pid)
      // The peer of a wanted process is not wanted, though it was in CLOSE_WAIT.
      #expect(try tracer.events(of: role.order(passing).second).isEmpty)
    }

    @Test("--peer keeps the connections to an address or a network, with or without a port")
    func peer() throws {
      let (client, server) = (try Player("client"), try Player("server"))
      let (barred, passing) = (
        try Conversation(client, server, at: "127.77.1.1"), try Conversation(client, server, at: "127.77.2.1")
      )
      let port = passing.listener.local.port
      for talk in [barred, passing] {
        try talk.server.close()
        try talk.client.awaitState(.closeWait)
      }
      for peer in ["127.77.2.1", "127.77.2.0/24", "127.77.2.1:\(port)", "127.77.2.0/24:\(port)"] {
        let groups = try LeakList.take("--peer", peer).leaks(of: client.pid)
        #expect(groups.map(\.count) == [1])
        #expect(groups.first?.peers == [.init(address: "127.77.2.1", port: port, count: 1)])
      }
      let other = try LeakList.take("--peer", "127.77.3.1", "--peer", "::1").leaks(of: client.pid)
      #expect(other.isEmpty)

      let tracer = try Tracer("--peer", "127.77.2.1", "--min-age", "0")
      let event = try tracer.event("close_wait", of: passing.client)
      for talk in [barred, passing] { try talk.client.close() }
      _ = try tracer.event("close_wait_end", of: passing.client)
      try tracer.stop()
      #expect(event.peer?.address == "127.77.2.1")
      #expect(try tracer.events(of: barred.client).isEmpty)
    }

    @Test("--pid can be given twice")
    func pids() throws {
      let (one, other, barred) = (try Player("one"), try Player("other"), try Player("barred"))
      let server = try Player("server")
      let tracer = try Tracer("-p", "\(one.pid)", "-p", "\(other.pid)")
      let talks = try [barred, one, other].map { try Conversation($0, server) }

      for talk in talks {
        try talk.client.close()
        try talk.server.close()
      }
      for talk in talks.dropFirst() { _ = try tracer.event("time_wait", of: talk.client) }
      try tracer.stop()

      #expect(try tracer.events(of: talks[0].client).isEmpty)
    }

    @Test("--pid keeps the leaks of whoever holds them")
    func pidOfHolder() throws {
      let (wanted, other, client) = (try Player("wanted"), try Player("other"), try Player("client"))
      let tracer = try Tracer("--pid", "\(wanted.pid)", "--min-age", "200ms")
      let (barred, passing) = (try Conversation(client, other), try Conversation(client, wanted))

      try barred.client.close()
      try passing.client.close()
      let event = try tracer.event("close_wait", of: passing.server)
      try tracer.stop()

      #expect(event.process?.pid == wanted.pid)
      #expect(try tracer.events(of: barred.server).isEmpty)
    }

    @Test("--pid judges a leak by who holds it, not by who opened it")
    func pidOfHolderAlone() throws {
      let (parent, client) = (try Player("parent"), try Player("client"))
      let leak = try Conversation(client, parent)
      let child = try parent.fork()
      try leak.server.close()
      let (ofParent, ofChild) = (
        try Tracer("-p", "\(parent.pid)", "--min-age", "200ms"),
        try Tracer("-p", "\(child.pid)", "--min-age", "200ms")
      )
      let own = try Conversation(client, parent)

      try leak.client.close()
      try own.client.close()
      let event = try ofChild.event("close_wait", of: leak.server)
      _ = try ofParent.event("close_wait", of: own.server)
      let end = try leak.server.held(by: child).close()
      let endEvent = try ofChild.event("close_wait_end", of: leak.server)
      try own.server.close()
      _ = try ofParent.event("close_wait_end", of: own.server)
      try ofParent.stop()
      try ofChild.stop()

      #expect(event.process?.pid == child.pid)
      #expect(endEvent.process?.actor == end)
      #expect(try ofParent.events(of: leak.server).isEmpty)
      #expect(try ofChild.events(of: own.server).isEmpty)
    }

    @Test("--pid keeps what waits for its listener to accept it")
    func pidOfListener() throws {
      let (wanted, other, client) = (try Player("wanted"), try Player("other"), try Player("client"))
      let (barred, passing) = (try other.listen(), try wanted.listen())
      let tracer = try Tracer("-p", "\(wanted.pid)", "--min-age", "200ms")
      let sockets = try [barred, passing].map { try client.connect(to: $0.local) }

      for socket in sockets { try socket.close() }
      let event = try tracer.event("close_wait", of: sockets[1].endInQueue(of: wanted))
      try tracer.stop()

      #expect(event.attribution == "listener")
      #expect(try tracer.events(of: sockets[0].endInQueue(of: other)).isEmpty)
    }

    @Test("--comm keeps the origins of processes of that name")
    func comm() throws {
      let (wanted, other, server) = (try Player("wanted"), try Player("wanted2"), try Player("peer"))
      let tracer = try Tracer("--comm", "wanted")

      let events = try told(
        tracer, barred: Conversation(other, server), passing: Conversation(wanted, server))

      #expect(events.barred.isEmpty)
      #expect(events.passing.process?.comm == "wanted")
    }

    enum Ports: CaseIterable {
      case one, list, range, listWithRange

      func text(_ port: Int) -> String {
        switch self {
        case .one: "\(port)"
        case .list: "1,\(port),2"
        case .range: "\(port)-\(port)"
        case .listWithRange: "1-5,\(port),65535"
        }
      }
    }

    @Test(
      "--port keeps connections by the local port",
      arguments: zip(Ports.allCases, ["-L", "--port", "-L", "--port"]))
    func localPort(ports: Ports, option: String) throws {
      let (client, server) = (try Player("client"), try Player("server"))
      let (wanted, other) = (try server.listen(), try server.listen())
      let tracer = try Tracer(option, ports.text(wanted.local.port))

      let events = try told(
        tracer, barred: Conversation(client, other), passing: Conversation(client, wanted),
        by: .server)

      #expect(events.barred.isEmpty)
      #expect(events.passing.local?.port == wanted.local.port)
    }

    @Test(
      "--peer-port keeps connections by the peer's port",
      arguments: zip(Ports.allCases, ["-D", "--peer-port", "-D", "--peer-port"]))
    func peerPort(ports: Ports, option: String) throws {
      let (client, server) = (try Player("client"), try Player("server"))
      let (wanted, other) = (try server.listen(), try server.listen())
      let tracer = try Tracer(option, ports.text(wanted.local.port), "--min-age", "0")
      let passing = try Conversation(client, wanted)

      let events = try told(tracer, barred: Conversation(client, other), passing: passing)

      #expect(events.barred.isEmpty)
      #expect(events.passing.peer?.port == wanted.local.port)
      #expect(try tracer.events(of: passing.server).isEmpty)
    }

    @Test("-4 and -6 keep one family; IPv4 in an IPv6 socket is IPv4", arguments: AddressKind.allCases)
    func family(kind: AddressKind) throws {
      let (client, server) = (try Player("client"), try Player("server"))
      let isIPv6 = kind == .ipv6
      let tracer = try Tracer(isIPv6 ? "-6" : "-4")

      let events = try told(
        tracer, barred: Conversation(client, server, at: isIPv6 ? "127.0.0.1" : "::1"),
        passing: Conversation(client, server, at: kind.connected, listeningAt: kind.listening))

      #expect(events.barred.isEmpty)
      #expect(events.passing.family == (isIPv6 ? "ipv6" : "ipv4"))
    }

    @Test(
      "-6 bars IPv4 in an IPv6 socket", arguments: [AddressKind.mappedClient, .mappedServer], Role.allCases)
    func mappedIsNotIPv6(kind: AddressKind, role: Role) throws {
      let (client, server) = (try Player("client"), try Player("server"))
      let tracer = try Tracer("-6")

      let events = try told(
        tracer,
        barred: Conversation(client, server, at: kind.connected, listeningAt: kind.listening),
        passing: Conversation(client, server, at: "::1"), by: role)

      #expect(events.barred.isEmpty)
    }

    @Test("--role keeps the ends that connected, or those that accepted", arguments: Role.allCases)
    func role(role: Role) throws {
      let (client, server) = (try Player("client"), try Player("server"))
      let tracer = try Tracer("--role", role.rawValue)
      let (barred, passing) = (try Conversation(client, server), try Conversation(client, server))

      let (first, second) = role.order(barred)
      try second.close()
      try first.close()
      try role.order(passing).first.close()
      try role.order(passing).second.close()
      let event = try tracer.event("time_wait", of: role.order(passing).first)
      try tracer.stop()

      #expect(event.role == role.rawValue)
      #expect(try tracer.events(of: second).isEmpty)
    }

    @Test(
      "--state keeps events of that state",
      arguments: [["time_wait"], ["close_wait"], ["fin_wait2"], ["time_wait", "close_wait"]])
    func state(states: [String]) throws {
      let tracer = try Tracer(states.flatMap { ["--state", $0] } + ["--min-age", "200ms"])
      let unfiltered = try SharedTracer.current
      let talk = try Conversation(Player("client"), Player("server"))
      let ends = ["time_wait": talk.client, "fin_wait2": talk.client, "close_wait": talk.server]

      try talk.client.close()
      for state in ["fin_wait2", "close_wait", "time_wait"] {
        let end = try #require(ends[state])
        if state == "time_wait" { try talk.server.close() }
        _ = try unfiltered.event(state, of: end)
        if states.contains(state) { _ = try tracer.event(state, of: end) }
      }
      try tracer.stop()

      let told = try (tracer.events(of: talk.client) + tracer.events(of: talk.server)).map(\.event)
      #expect(Set(told).subtracting(["close_wait_end"]) == Set(states))
      #expect(told.contains("close_wait_end") == states.contains("close_wait"))
    }

    enum NamespaceName: CaseIterable {
      case path, pid, identifier

      func text(_ player: Player) throws -> String {
        switch self {
        case .path: "/proc/\(player.pid)/ns/net"
        case .pid: "\(player.pid)"
        case .identifier: "\(player.networkNamespace)"
        }
      }
    }

    @Test("--netns keeps one network namespace", arguments: NamespaceName.allCases)
    func networkNamespace(name: NamespaceName) throws {
      let (home, other) = (try Player("home"), try Player("other"))
      try home.enterNewNetworkNamespace()
      try other.enterNewNetworkNamespace()
      let tracer = try Tracer("--netns", name.text(home), "--min-age", "0")

      let events = try told(
        tracer, barred: Conversation(other, other.fork()), passing: Conversation(home, home.fork()))

      #expect(events.barred.isEmpty)
      #expect(events.passing.netns == home.networkNamespace)
    }

    @Test("Filters hold for connections of before as well")
    func seeded() throws {
      let (client, server) = (try Player("client"), try Player("server"))
      let (wanted, other) = (try server.listen(), try server.listen())
      let (barred, passing) = (try Conversation(client, other), try Conversation(client, wanted))
      for talk in [barred, passing] { try talk.client.shutdown(.write) }
      for talk in [barred, passing] { try talk.server.readEnd() }
      let tracer = try Tracer("-L", "\(wanted.local.port)", "--min-age", "200ms")

      _ = try tracer.event("close_wait", of: passing.server)
      try tracer.stop()

      #expect(try tracer.events(of: barred.server).isEmpty)
      #expect(try tracer.events(of: passing.client).isEmpty)
    }

    enum Barrier {
      case localPort, peerPort, family, netns, pid, comm, role

      var options: [String] {
        switch self {
        case .localPort: ["-L", "1"]
        case .peerPort: ["-D", "1"]
        case .family: ["-6"]
        case .netns: ["--netns", "4294967294"]
        case .pid: ["--pid", "1"]
        case .comm: ["--comm", "nobody"]
        case .role: ["--role", "client"]
        }
      }
    }

    /// A time_wait socket stays in FIN_WAIT2 for 60 s: all tracers must have begun by then.
    @Test(
      "Filters hold for time_wait sockets of before as well",
      arguments: [[Barrier.localPort, .peerPort, .family, .netns], [.pid, .comm, .role]])
    func timeWaitSocket(barriers: [Barrier]) throws {
      let barred = try Conversation(Player("client"), Player("server"))
      try barred.client.close()
      try barred.client.awaitTabledState(.finWait2)
      let tracers = try barriers.map { ($0, try Tracer($0.options + ["--min-age", "200ms"])) }
      let unfiltered = try Tracer("--min-age", "200ms")

      _ = try unfiltered.event("fin_wait2", of: barred.client)
      try barred.server.close()
      _ = try unfiltered.event("time_wait", of: barred.client)
      try unfiltered.stop()

      for (barrier, tracer) in tracers {
        try tracer.stop()
        #expect(try tracer.events(of: barred.client).isEmpty, "\(barrier)")
      }
    }
  }
}
