import Stage
import Testing

extension KernelTests {
  /// Who sends a reset, and why: `--state reset`.
  @Suite(.traced("--state", "reset", "--state", "time_wait", "--min-age", "200ms")) struct ResetEventTests {
    @Test(
      "A reset is told once, of the process that caused it, with the cause",
      arguments: ResetTests.Reset.allCases.filter(\.isTold).sampled, Role.allCases)
    func told(reset: ResetTests.Reset, role: Role) throws {
      let tracer = try SharedTracer.current
      let talk = try Conversation(Player("client"), Player("server"))
      let (first, second) = role.order(talk)

      try reset.play(first, second)
      let (sender, other) = reset.event.isByFirst ? (first, second) : (second, first)
      let event = try tracer.event("reset", of: sender)
      #expect(event.cause == reset.event.cause)
      #expect(event.process?.pid == sender.player.pid)
      #expect(event.role == (sender.player.pid == talk.client.player.pid ? "client" : "server"))
      try second.player.exit()
      try tracer.passSentinel(waitingStates: false)
      #expect(try tracer.events(of: sender).map(\.event) == ["reset"])
      #expect(try tracer.events(of: other).isEmpty)
    }

    @Test("An end that was reset by its peer has sent none, nor has one that ended in order")
    func none() throws {
      let tracer = try SharedTracer.current
      let talk = try Conversation(Player("client"), Player("server"))
      try talk.client.close()
      try talk.server.readEnd()
      try talk.server.close()
      _ = try tracer.event("time_wait", of: talk.client)
      try tracer.passSentinel(waitingStates: false)
      for socket in [talk.client, talk.server] {
        #expect(try !tracer.events(of: socket).contains { $0.event == "reset" })
      }
    }

    @Test("What waits in the queue of a listener that is closed is reset by whom that was")
    func listener() throws {
      let tracer = try SharedTracer.current
      let server = try Player("server")
      let listener = try server.listen()
      let client = try Player("client").connect(to: listener.local)
      let queued = client.endInQueue(of: server)
      try listener.close()
      let event = try tracer.event("reset", of: queued)
      #expect(event.cause == "listener_closed")
      #expect(event.process?.pid == server.pid)
    }

    @Test("A filter by port holds resets back, whichever state the connection was in")
    func filtered() throws {
      let tracer = try SharedTracer.current
      let other = try Tracer("--state", "reset", "--port", "1")
      for isHalfClosed in [false, true] {
        let talk = try Conversation(Player("client"), Player("server"))
        if isHalfClosed {
          try talk.client.shutdown(.write)
          try talk.server.readEnd()
        }
        try talk.server.resetOnClose()
        try talk.server.close()
        _ = try tracer.event("reset", of: talk.server)
      }
      #expect(try other.stop().resets == TracedEvent.Account(seen: 0, attributed: 0))
    }

    @Test("A process that ends with data unread resets")
    func exit() throws {
      let tracer = try SharedTracer.current
      let talk = try Conversation(Player("client"), Player("server"))
      try talk.client.write(10)
      try talk.server.awaitBytes(10)
      try talk.server.player.exit()
      let event = try tracer.event("reset", of: talk.server)
      #expect(event.cause == "unread_data")
      #expect(event.process?.pid == talk.server.player.pid)
    }
  }
}
