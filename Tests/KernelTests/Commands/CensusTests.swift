import Glibc
import Stage
import Testing

extension KernelTests {
  /// `tcplinger census`, in network namespaces of its own, where nobody else makes connections.
  @Suite struct CensusTests {
    private func home() throws -> Player {
      let home = try Player("home")
      try home.enterNewNetworkNamespace()
      return home
    }

    @Test(
      "By state it agrees with ss",
      arguments: [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("127.0.0.1", "::")])
    func agreesWithSS(address: String, listeningAddress: String) throws {
      let home = try home()
      let (client, server) = (try home.fork(), try home.fork())
      func talk() throws -> Conversation {
        try Conversation(client, server, at: address, listeningAt: listeningAddress)
      }
      let held = try (0..<3).map { _ in try talk() }
      let leak = try talk()
      try leak.client.shutdown(.write)  // a full socket in FIN_WAIT2
      try leak.server.awaitState(.closeWait)
      let handedOver = try talk()
      try handedOver.client.close()  // a small one
      try handedOver.client.awaitTabledState(.finWait2)
      for _ in 0..<4 {
        let short = try talk()
        try short.client.close()
        try short.client.awaitTabledState(.finWait2)
        try short.server.close()
        try short.client.awaitTabledState(.timeWait)
      }
      let deferring = try server.listen(at: listeningAddress, port: 0, "defer")
      try client.obey("connect \(address) \(deferring.local.port)")
      let full = try server.listen(at: listeningAddress, port: 0, "backlog=0")
      try client.obey("connect \(address) \(full.local.port)")
      try client.obey("connect \(address) \(full.local.port) nowait")  // its SYN finds no room

      let expected = try socketsSeenBySS(in: home)
      let census = try CensusList.take(of: home)

      #expect(census.states == expected)
      #expect(census.sockets == expected.values.reduce(0, +))
      #expect(census.states["TIME_WAIT"] == 4)
      #expect(census.states["CLOSE_WAIT"] == 2)
      #expect(census.states["FIN_WAIT2"] == 2)
      #expect(census.states["SYN_RECV"] == 1)
      #expect(census.states["SYN_SENT"] == 1)
      #expect(held.count == 3)
    }

    @Test("What waits for an acknowledgement agrees with ss as well")
    func agreesWithSSOverAWire() throws {
      let wire = try Wire()
      let listener = try wire.right.listen(at: Wire.rightAddress)
      let first = try Conversation(wire.left, listener, Wire.rightAddress)
      let second = try Conversation(wire.left, listener, Wire.rightAddress)
      try first.client.close()
      try first.client.awaitTabledState(.finWait2)
      try wire.hold()
      try first.server.close()
      try second.client.close()

      #expect(try CensusList.take(of: wire.left).states == socketsSeenBySS(in: wire.left))
      let right = try CensusList.take(of: wire.right)
      #expect(right.states == ["LISTEN": 1, "LAST_ACK": 1, "ESTABLISHED": 1])
      #expect(right.states == (try socketsSeenBySS(in: wire.right)))
      #expect(try CensusList.take(of: wire.left).states["FIN_WAIT1"] == 1)
    }

    @Test("By process each socket is its holder's, the listener's, or nobody's any more")
    func owners() throws {
      let home = try home()
      let (client, server) = (try home.fork(), try home.fork())
      let shared = try Conversation(client, server)
      let child = try server.fork()
      let closed = try Conversation(client, server)
      try closed.client.close()
      try closed.client.awaitTabledState(.finWait2)
      let queued = try client.connect(to: shared.listener.local)

      let census = try CensusList.take(of: home, "--by", "process")

      func row(_ state: String, _ pid: Int32, _ owner: String) -> CensusList.Row? {
        census.rows.first { $0.state == state && $0.pid == pid && $0.owner == owner }
      }
      #expect(row("ESTABLISHED", client.pid, "holder")?.count == 2)
      #expect(row("ESTABLISHED", server.pid, "holder")?.count == 1)
      #expect(row("ESTABLISHED", server.pid, "holder")?.shared == 1)
      #expect(row("ESTABLISHED", server.pid, "listener")?.count == 1)
      #expect(row("CLOSE_WAIT", server.pid, "holder")?.shared == 0)
      #expect(row("LISTEN", server.pid, "holder")?.shared == 1)
      #expect(census.rows.allSatisfy { $0.pid != child.pid })
      #expect(census.rows.first { $0.state == "FIN_WAIT2" }?.owner == "closed")
      #expect(census.rows.first { $0.state == "FIN_WAIT2" }?.pid == nil)
      #expect(queued.peer.port == shared.listener.local.port)
      let mine = try CensusList.take(of: home, "-p", "\(client.pid)")
      #expect(mine.states == ["ESTABLISHED": 2])
    }

    @Test(
      "A TIME_WAIT that begins during the watch has its closer, an older one has none", arguments: Role.allCases
    )
    func watched(role: Role) throws {
      let home = try home()
      let (client, server) = (try home.fork(), try home.fork())
      func linger() throws {
        let talk = try Conversation(client, server)
        let (first, second) = role.order(talk)
        try first.close()
        try first.awaitTabledState(.finWait2)
        try second.close()
        try first.awaitTabledState(.timeWait)
      }
      try linger()
      let watch = try Child(
        Programs.tcplinger,
        [
          "census", "--json", "--by", "process", "--state", "time_wait", "--watch", "1s", "--netns",
          "\(home.pid)",
        ])
      let before = try CensusList(try #require(watch.nextLine(by: .inSeconds(patience))))
      for _ in 0..<3 { try linger() }
      var after = before
      while after.sockets < 4 { after = try CensusList(try #require(watch.nextLine(by: .inSeconds(patience)))) }
      watch.send(SIGINT)
      #expect(try watch.end() == .status(0))

      #expect(before.states == ["TIME_WAIT": 1])
      #expect(before.rows.first?.owner == "before_watch")
      let closer = role == .client ? client : server
      #expect(after.count("TIME_WAIT") { $0.owner == "before_watch" && $0.pid == nil } == 1)
      #expect(after.count("TIME_WAIT") { $0.owner == "closer" && $0.pid == closer.pid } == 3)
      #expect(after.lost == 0)
    }

    @Test("By tuple a client's TIME_WAITs share the peer's port, a server's its own", arguments: Role.allCases)
    func tuples(role: Role) throws {
      let home = try home()
      let (client, server) = (try home.fork(), try home.fork())
      let listener = try server.listen()
      for _ in 0..<5 {
        let (first, second) = role.order(try Conversation(client, listener))
        try first.close()
        try first.awaitTabledState(.finWait2)
        try second.close()
        try first.awaitTabledState(.timeWait)
      }
      let open = try CensusList.take(of: home, "--by", "tuple")
      let peers = try CensusList.take(of: home, "--by", "peer")
      try listener.close()
      let closed = try CensusList.take(of: home, "--by", "tuple")

      let port = listener.local.port
      #expect(peers.rows.map(\.count) == [5])
      #expect(peers.rows.first?.peer == .init(address: "127.0.0.1"))
      if role == .client {
        #expect(open.rows.map(\.count) == [5])
        #expect(open.rows.first?.role == "unknown")
        #expect(open.rows.first?.peer == .init(address: "127.0.0.1", port: port))
        #expect(open.rows.first?.local == .init(address: "127.0.0.1"))
      } else {
        #expect(open.rows.map(\.count) == [5])
        #expect(open.rows.first?.role == "server")
        #expect(open.rows.first?.local == .init(address: "127.0.0.1", port: port))
        // Without the listener there is no evidence.
        #expect(closed.rows.map(\.role) == Array(repeating: "unknown", count: 5))
      }
    }

    @Test("A listener is evidence of a role, though a filter leaves it out itself")
    func filteredListener() throws {
      let home = try home()
      let (client, server) = (try home.fork(), try home.fork())
      let talk = try Conversation(client, server, at: "127.0.0.1", listeningAt: "::")
      try talk.server.close()
      try talk.server.awaitTabledState(.finWait2)
      try talk.client.close()
      try talk.server.awaitTabledState(.timeWait)
      for filter in [["-4"], ["-D", "\(talk.client.local.port)"]] {
        let census = try CensusList.take(of: home, ["--by", "tuple"] + filter)
        #expect(census.rows.map(\.role) == ["server"])
        #expect(census.rows.first?.local == .init(address: "127.0.0.1", port: talk.listener.local.port))
      }
    }

    @Test("A limit keeps the most frequent rows and says what it leaves out")
    func limit() throws {
      let home = try home()
      let talk = try Conversation(home.fork(), home.fork())
      let census = try CensusList.take(of: home, "--top", "1")
      #expect(census.rows.map(\.state) == ["ESTABLISHED"])
      #expect(census.leftOut == .init(rows: 1, sockets: 1))
      #expect(census.sockets == 3)
      #expect(talk.client.fd >= 0)
    }

    @Test("Every network namespace is counted, while some of them vanish")
    func namespaces() throws {
      let home = try home()
      let talk = try Conversation(home.fork(), home.fork())
      for _ in 0..<3 {
        let passing = try (0..<5).map { _ in
          let player = try Player("passing")
          try player.enterNewNetworkNamespace()
          return player
        }
        let census = try Child(Programs.tcplinger, ["census", "--json", "--by", "netns"])
        for player in passing { try player.kill() }
        let line = try #require(census.nextLine(by: .inSeconds(patience)))
        let list = try CensusList(line)
        #expect(try census.end() == .status(0))
        #expect(list.count("ESTABLISHED") { $0.netns == home.networkNamespace } == 2)
        #expect(list.count("LISTEN") { $0.netns == home.networkNamespace } == 1)
      }
      #expect(talk.client.fd >= 0)
    }
  }
}
