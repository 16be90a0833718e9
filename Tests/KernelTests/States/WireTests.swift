import Stage
import Testing

extension KernelTests {
  /// Over a wire: packets arrive while a process runs that has nothing to do with the connection.
  @Suite struct WireTests {
    @Test(
      "A simultaneous close makes a TIME_WAIT at each end, from CLOSING",
      arguments: [Way.close, .shutdownWrite])
    func simultaneousClose(way: Way) throws {
      let wire = try Wire()
      let tracer = try Tracer("--min-age", "30s")
      let talk = try Conversation(wire.left, wire.right, at: Wire.rightAddress)

      try wire.hold()
      let closers = [try way.end(talk.client), try way.end(talk.server)]
      try wire.flow()
      for (socket, closer) in zip([talk.client, talk.server], closers) {
        let event = try tracer.event("time_wait", of: socket)
        #expect(event.process?.actor == closer)
        #expect(event.cause == way.cause)
        #expect(event.enteredFrom == "CLOSING")
        #expect(event.netns == socket.player.networkNamespace)
      }
      try tracer.passSentinel(waitingStates: false)
      try tracer.stop()

      #expect(try tracer.events(of: talk.client).count == 1)
      #expect(try tracer.events(of: talk.server).count == 1)
    }

    @Test(
      "The closer is named while a stranger's packets are handled", .traced("--min-age", "200ms"),
      arguments: Role.allCases, Way.allCases.sampled)
    func stranger(role: Role, way: Way) throws {
      let wire = try Wire()
      let tracer = try SharedTracer.current
      let talk = try Conversation(wire.left, wire.right, at: Wire.rightAddress)
      let (first, second) = role.order(talk)

      let closer = try way.end(first)
      try second.readEnd()
      let leak = try tracer.event("close_wait", of: second)
      let holder = try second.close()
      let event = try tracer.event("time_wait", of: first)

      #expect(event.process?.actor == closer)
      #expect(leak.process?.pid == holder.pid)
      #expect(leak.holders == [.init(pid: holder.pid, comm: holder.comm, fd: second.fd)])
    }

    @Test("Bytes that were sent twice count once")
    func retransmission() throws {
      let wire = try Wire()
      let tracer = try Tracer()
      let talk = try Conversation(wire.left, wire.right, at: Wire.rightAddress)

      try wire.hold()
      try talk.client.write(1000)
      try talk.client.awaitRetransmission()
      try wire.flow()
      try talk.server.read(1000)
      try talk.client.close()
      try talk.server.close()
      let event = try tracer.event("time_wait", of: talk.client)
      try tracer.stop()

      #expect(event.bytesSent == Conversation.requestBytes + 1000)
      #expect(event.bytesReceived == Conversation.responseBytes)
    }

    @Test("A time_wait socket in the place of one that was reset is not taken for it")
    func placeTakenAgain() throws {
      let wire = try Wire()
      let tracer = try Tracer("--min-age", "30s")
      let reset = try Conversation(wire.left, wire.right, at: Wire.rightAddress)
      let closed = try Conversation(wire.left, wire.right, at: Wire.rightAddress)
      try reset.client.close()
      try reset.client.awaitTabledState(.finWait2)
      try closed.client.shutdown(.write)
      try closed.client.awaitState(.finWait2)

      // In one go: a reset frees a time_wait socket, a FIN makes one, which the kernel puts in the same place, and
      // the same FIN once more is a packet for it.
      try wire.hold()
      try reset.server.resetOnClose()
      try reset.server.close()
      try closed.server.close()
      try #require(eventually { closed.server.tabledRetransmissions > 0 })
      try wire.flow()
      _ = try tracer.event("time_wait", of: closed.client)
      try reset.client.awaitTabledState(nil)
      try tracer.passSentinel(waitingStates: false)
      try tracer.stop()

      #expect(try tracer.events(of: reset.client).isEmpty)
      #expect(try tracer.events(of: closed.client).map(\.event) == ["time_wait"])
    }
  }
}
