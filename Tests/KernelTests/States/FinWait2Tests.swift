import Stage
import Testing

extension KernelTests {
  @Suite(.traced("--min-age", "200ms")) struct FinWait2Tests {
    @Test(
      "A peer that does not close is told after min-age, and never becomes a TIME_WAIT",
      arguments: [Way.close, .shutdownWrite, .exit], Role.allCases)
    func neverEnds(way: Way, role: Role) throws {
      let home = try Player("home")
      try home.enterNewNetworkNamespace()
      try home.setSysctl("net/ipv4/tcp_fin_timeout", 1)
      let (client, server) = (try home.fork(), try home.fork())
      let tracer = try SharedTracer.current
      let talk = try Conversation(client, server)
      let (first, second) = role.order(talk)
      let beforeEnd = Moment.now

      let closer = try way.end(first)
      let event = try tracer.event("fin_wait2", of: first)
      let after = Moment.now
      // What is closed is given up by the kernel after tcp_fin_timeout, what is open never.
      if way != .shutdownWrite { try first.held(by: home).awaitTabledState(nil) }
      try tracer.passSentinel()

      #expect(event.process?.actor == closer)
      #expect(event.attribution == "traced")
      #expect(event.cause == way.cause)
      #expect(event.role == role.rawValue)
      let age = try #require(event.ageMilliseconds)
      #expect(age >= 200)
      #expect(age <= after.milliseconds(since: beforeEnd))
      #expect(try tracer.events(of: first).map(\.event) == ["fin_wait2"])
      #expect(try !tracer.events(of: second).contains { $0.event == "time_wait" })
    }

    @Test("A late FIN makes the TIME_WAIT when it comes", arguments: [Way.close, .shutdownWrite, .exit])
    func comesAfterAll(way: Way) throws {
      let tracer = try SharedTracer.current
      let talk = try Conversation(Player("client"), Player("server"))

      let closer = try way.end(talk.client)
      _ = try tracer.event("fin_wait2", of: talk.client)
      try talk.server.close()
      let event = try tracer.event("time_wait", of: talk.client)
      try tracer.passSentinel()

      #expect(event.process?.actor == closer)
      #expect(event.cause == way.cause)
      #expect(event.enteredFrom == "FIN_WAIT2")
      #expect(try tracer.events(of: talk.client).map(\.event) == ["fin_wait2", "time_wait"])
    }

    @Test("With a long tcp_fin_timeout the whole socket waits, without any process")
    func longTimeout() throws {
      let home = try Player("home")
      try home.enterNewNetworkNamespace()
      try home.setSysctl("net/ipv4/tcp_fin_timeout", 120)
      let tracer = try SharedTracer.current
      let talk = try Conversation(home.fork(), home.fork())

      let closer = try talk.client.close()
      let waiting = try tracer.event("fin_wait2", of: talk.client)
      try talk.server.close()
      let event = try tracer.event("time_wait", of: talk.client)

      #expect(waiting.process?.actor == closer)
      #expect(event.process?.actor == closer)
      #expect(event.cause == "close")
      #expect(try tracer.events(of: talk.client).map(\.event) == ["fin_wait2", "time_wait"])
    }

    @Test("A short FIN_WAIT2 is silent", .traced("--min-age", "30s"), arguments: [Way.close, .shutdownWrite])
    func short(way: Way) throws {
      let tracer = try SharedTracer.current
      let talk = try Conversation(Player("client"), Player("server"))

      _ = try way.end(talk.client)
      try talk.client.awaitTabledState(.finWait2)
      try talk.server.close()
      _ = try tracer.event("time_wait", of: talk.client)
      try tracer.passSentinel(waitingStates: false)

      #expect(try tracer.events(of: talk.client).map(\.event) == ["time_wait"])
    }

    @Test("A side that is shut down, told, and closed later is told once")
    func shutDownThenClosed() throws {
      let talk = try Conversation(Player("client"), Player("server"))
      let tracer = try SharedTracer.current
      try talk.client.shutdown(.write)
      _ = try tracer.event("fin_wait2", of: talk.client)
      try talk.client.close()
      try tracer.passSentinel()
      try talk.server.close()
      _ = try tracer.event("time_wait", of: talk.client)
      #expect(try tracer.events(of: talk.client).map(\.event) == ["fin_wait2", "time_wait"])
    }
  }
}
