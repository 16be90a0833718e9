import Stage
import Testing

extension KernelTests {
  /// Who has a socket in CLOSE_WAIT open.
  @Suite(.traced("--min-age", "200ms")) struct HolderTests {
    @Test("Every descriptor of every process is named")
    func severalHolders() throws {
      let parent = try Player("parent")
      let tracer = try SharedTracer.current
      let talk = try Conversation(Player("client"), parent)
      let child = try parent.fork()
      try child.rename(Array("child".utf8))
      let copy = try talk.server.held(by: child).duplicate()

      try talk.client.close()
      let event = try tracer.event("close_wait", of: talk.server)
      try tracer.passSentinel()

      let expected: Set<TracedEvent.Holder> = [
        .init(pid: parent.pid, comm: "parent", fd: talk.server.fd),
        .init(pid: child.pid, comm: "child", fd: talk.server.fd, inherited: true),
        .init(pid: child.pid, comm: "child", fd: copy.fd, inherited: true),
      ]
      #expect(Set(event.holders ?? []) == expected)
      #expect(event.holders?.count == expected.count)
      #expect([parent.pid, child.pid].contains(event.process?.pid))
      #expect(try tracer.events(of: talk.server).map(\.event) == ["close_wait"])
    }

    @Test("Who closed its copy is no holder any more: the child that keeps it is the origin")
    func childKeepsIt() throws {
      let parent = try Player("parent")
      let tracer = try SharedTracer.current
      let talk = try Conversation(Player("client"), parent)
      let child = try parent.fork()
      try child.rename(Array("child".utf8))

      try talk.server.close()
      try talk.client.close()
      let event = try tracer.event("close_wait", of: talk.server)

      #expect(event.holders == [.init(pid: child.pid, comm: "child", fd: talk.server.fd, inherited: true)])
      #expect(event.process?.pid == child.pid)
      #expect(event.attribution == "holder")
      #expect(event.opener?.pid == parent.pid)
    }

    @Test("A leak passed to another process is the receiver's")
    func passedLeak() throws {
      let giver = try Player("giver")
      let channel = try giver.makeChannel()
      let receiver = try giver.fork()
      try receiver.rename(Array("receiver".utf8))
      let tracer = try SharedTracer.current
      let talk = try Conversation(Player("client"), giver)

      try giver.pass(talk.server, through: channel.one)
      let received = try receiver.receive(talk.server, through: channel.other)
      try talk.server.close()
      try talk.client.close()
      let event = try tracer.event("close_wait", of: talk.server)

      #expect(event.process?.pid == receiver.pid)
      #expect(event.holders == [.init(pid: receiver.pid, comm: "receiver", fd: received.fd)])
    }

    @Test("A leak on its way between processes has no holder, but still an opener")
    func leakInFlight() throws {
      let giver = try Player("giver")
      let channel = try giver.makeChannel()
      let tracer = try SharedTracer.current
      let talk = try Conversation(Player("client"), giver)

      try giver.pass(talk.server, through: channel.one)
      try talk.server.close()
      try talk.client.close()
      let event = try tracer.event("close_wait", of: talk.server)

      #expect(event.holders?.isEmpty ?? true)
      #expect(event.process?.pid == giver.pid)
      #expect(event.opener?.pid == giver.pid)
      #expect(event.attribution == "traced")
      #expect(event.reason == "eof_unread")
    }

    @Test("A leak kept over exec keeps its descriptor")
    func leakOverExec() throws {
      let server = try Player("server")
      let tracer = try SharedTracer.current
      let talk = try Conversation(Player("client"), server)

      try server.exec()
      try talk.client.close()
      let event = try tracer.event("close_wait", of: talk.server)

      #expect(event.holders == [.init(pid: server.pid, comm: "server", fd: talk.server.fd)])
    }

    @Test("Of several listeners at one port, the one is named in whose queue the connection waits")
    func reuseport() throws {
      let players = [try Player("one"), try Player("other")]
      let first = try players[0].listen(port: 0, "reuseport")
      let listeners = [first, try players[1].listen(port: first.local.port, "reuseport")]
      let client = try Player("client")
      let tracer = try SharedTracer.current

      let sockets = try (0..<16).map { _ in try client.connect(to: first.local) }
      for socket in sockets { try socket.close() }
      let events = try sockets.map {
        try tracer.event("close_wait", of: $0.endInQueue(of: players[0]))
      }

      // The listeners say themselves what waits with them.
      var owners: [Int: Int32] = [:]
      for listener in listeners {
        while let accepted = listener.acceptWaiting() {
          owners[accepted.peer.port] = listener.player.pid
        }
      }
      #expect(Set(owners.values).count == 2)
      for event in events {
        let port = try #require(event.peer?.port)
        #expect(event.process?.pid == owners[port])
        #expect(event.attribution == "listener")
        #expect(event.reason == "not_accepted")
      }
    }

    @Test("What is accepted late, from the peer's FIN on, is held by who accepted it")
    func acceptedLate() throws {
      let parent = try Player("parent")
      let listener = try parent.listen()
      let worker = try parent.fork()
      try worker.rename(Array("worker".utf8))
      // Accepted and read before it is old enough to be told.
      let tracer = try Tracer("--min-age", "3s")
      let socket = try Player("client").connect(to: listener.local)

      try socket.write(10)
      try socket.close()
      let accepted = try listener.held(by: worker).accept()
      try accepted.read(10)
      try accepted.readEnd()
      let event = try tracer.event("close_wait", of: accepted)
      try tracer.stop()

      #expect(event.process?.pid == worker.pid)
      #expect(event.holders == [.init(pid: worker.pid, comm: "worker", fd: accepted.fd)])
      #expect(event.reason == "eof_read")
    }
  }
}
