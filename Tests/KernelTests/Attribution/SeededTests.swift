import Stage
import Testing

extension KernelTests {
  /// Connections that are older than the tracer.
  @Suite struct SeededTests {
    @Test("An open connection is known when it ends", arguments: Role.allCases, Way.allCases.sampled)
    func established(role: Role, way: Way) throws {
      let talk = try Conversation(Player("client"), Player("server"))
      let (first, second) = role.order(talk)
      let tracer = try Tracer("--min-age", "30s")

      let closer = try way.end(first)
      try second.readEnd()
      try second.close()
      let event = try tracer.event("time_wait", of: first)
      try tracer.passSentinel(waitingStates: false)
      try tracer.stop()

      #expect(event.process?.actor == closer)
      #expect(event.attribution == "traced")
      #expect(event.cause == way.cause)
      #expect(event.role == role.rawValue)
      // Nobody saw the connection made.
      #expect(event.lifetimeMilliseconds == nil)
      #expect(try tracer.events(of: first).count == 1)
      #expect(try tracer.events(of: second).isEmpty)
    }

    @Test("What sits in CLOSE_WAIT already is told, with who has it open")
    func closeWait() throws {
      let talk = try Conversation(Player("client"), Player("server"))
      try talk.client.close()
      try talk.server.readEnd()
      let tracer = try Tracer("--min-age", "200ms")

      let event = try tracer.event("close_wait", of: talk.server)
      let closer = try talk.server.close()
      let end = try tracer.event("close_wait_end", of: talk.server)
      try tracer.passSentinel()
      try tracer.stop()

      #expect(event.process?.pid == closer.pid)
      #expect(event.attribution == "holder")
      #expect(event.holders == [.init(pid: closer.pid, comm: "server", fd: talk.server.fd)])
      #expect(event.reason == "eof_read")
      #expect(event.role == "server")
      #expect(end.process?.actor == closer)
      #expect(end.cause == "close")
      #expect(try tracer.events(of: talk.server).map(\.event) == ["close_wait", "close_wait_end"])
    }

    @Test("What waits in the accept queue already is told, with who listens")
    func inAcceptQueue() throws {
      let (client, server) = (try Player("client"), try Player("server"))
      let listener = try server.listen()
      let socket = try client.connect(to: listener.local)
      try socket.close()
      let tracer = try Tracer("--min-age", "200ms")

      let event = try tracer.event("close_wait", of: socket.endInQueue(of: server))
      try tracer.stop()

      #expect(event.process?.pid == server.pid)
      #expect(event.attribution == "listener")
      #expect(event.reason == "not_accepted")
    }

    @Test("A connection that waited in the queue and is accepted then ends like any other")
    func acceptedThen() throws {
      let (client, server) = (try Player("client"), try Player("server"))
      let listener = try server.listen()
      let socket = try client.connect(to: listener.local)
      let tracer = try Tracer()

      let accepted = try listener.accept()
      let closer = try accepted.close()
      try socket.close()
      let event = try tracer.event("time_wait", of: accepted)
      try tracer.stop()

      #expect(event.process?.actor == closer)
      #expect(event.attribution == "traced")
    }

    @Test("A side that was shut down already is its holder's")
    func halfClosed() throws {
      let talk = try Conversation(Player("client"), Player("server"))
      try talk.client.shutdown(.write)
      try talk.client.awaitState(.finWait2)
      let tracer = try Tracer("--min-age", "200ms")

      let waiting = try tracer.event("fin_wait2", of: talk.client)
      try talk.server.close()
      let event = try tracer.event("time_wait", of: talk.client)
      try tracer.passSentinel()
      try tracer.stop()

      for event in [waiting, event] {
        #expect(event.process?.pid == talk.client.player.pid)
        #expect(event.attribution == "seeded")
        #expect(event.cause == "shutdown")
        #expect(event.role == "client")
      }
      #expect(try tracer.events(of: talk.client).map(\.event) == ["fin_wait2", "time_wait"])
    }

    @Test("A time_wait socket of before has no process, and none is made up")
    func timeWaitSocket() throws {
      let talk = try Conversation(Player("client"), Player("server"))
      try talk.client.close()
      try talk.client.awaitTabledState(.finWait2)
      let tracer = try Tracer("--min-age", "200ms")

      try talk.server.close()
      let event = try tracer.event("time_wait", of: talk.client)
      try tracer.passSentinel()
      let summary = try tracer.stop()

      #expect(event.process == nil)
      #expect(event.opener == nil)
      #expect(event.attribution == "unknown")
      #expect(event.cause == "unknown")
      #expect(event.role == "unknown")
      #expect(event.lifetimeMilliseconds == nil)
      #expect(try tracer.events(of: talk.client).filter { $0.event == "time_wait" }.count == 1)
      let timeWaits = try #require(summary.timeWaits)
      #expect(timeWaits.attributed < timeWaits.seen)
    }

    @Test("A TIME_WAIT of before is not told")
    func timeWait() throws {
      let talk = try Conversation(Player("client"), Player("server"))
      try talk.client.close()
      try talk.server.close()
      try talk.client.awaitTabledState(.timeWait)
      let tracer = try Tracer("--min-age", "200ms")

      try tracer.passSentinel()
      try tracer.stop()

      #expect(try tracer.events(of: talk.client).isEmpty)
    }

    @Test("Whoever only had the connection open is not called its opener")
    func openerUnknown() throws {
      let parent = try Player("parent")
      let talk = try Conversation(parent, Player("server"))
      let child = try parent.fork()
      try child.rename(Array("child".utf8))
      try talk.client.close()
      let tracer = try Tracer()

      let closer = try talk.client.held(by: child).close()
      try talk.server.close()
      let event = try tracer.event("time_wait", of: talk.client)
      try tracer.stop()

      #expect(event.process?.actor == closer)
      #expect(event.opener == nil)
    }
  }
}
