import Stage
import Testing

extension KernelTests {
  /// Descriptors move between threads and processes; the one that makes the kernel act is the origin.
  @Suite(.traced("--min-age", "30s")) struct OwnershipTests {
    @Test("Threads are told apart: one connects, another closes")
    func threads() throws {
      let (player, server) = (try Player("client"), try Player("server"))
      let listener = try server.listen()
      let tracer = try SharedTracer.current
      let (socket, connector) = try player.connectAs(to: listener.local, inThread: true)
      let accepted = try listener.accept()

      let closer = try socket.close(inThread: true)
      try accepted.close()
      let event = try tracer.event("time_wait", of: socket)

      #expect(closer.tid != player.pid)
      #expect(connector.tid != closer.tid)
      #expect(event.process?.actor == closer)
      #expect(event.opener?.actor == connector)
    }

    @Test("The worker that accepted is named, not the parent that listens")
    func preforkedWorkers() throws {
      let (parent, client) = (try Player("parent"), try Player("client"))
      let listener = try parent.listen()
      let workers = [try parent.fork(), try parent.fork()]
      for (index, worker) in workers.enumerated() { try worker.rename(Array("worker \(index)".utf8)) }
      let tracer = try SharedTracer.current

      for worker in workers {
        let talk = try Conversation(client, listener.held(by: worker))
        try talk.exchange()
        let closer = try talk.server.close()
        try talk.client.close()
        let event = try tracer.event("time_wait", of: talk.server)
        #expect(event.process?.actor == closer)
        #expect(event.opener?.actor == closer)
        #expect(event.role == "server")
      }
    }

    @Test("A descriptor that was passed on is closed by its receiver")
    func passedDescriptor() throws {
      let giver = try Player("giver")
      let channel = try giver.makeChannel()
      let receiver = try giver.fork()
      try receiver.rename(Array("receiver".utf8))
      let tracer = try SharedTracer.current
      let talk = try Conversation(giver, Player("server"))

      try giver.pass(talk.client, through: channel.one)
      try talk.client.close()
      let received = try receiver.receive(talk.client, through: channel.other)
      let closer = try received.close()
      try talk.server.close()
      let event = try tracer.event("time_wait", of: talk.client)

      #expect(event.process?.actor == closer)
      #expect(event.opener?.pid == giver.pid)
      #expect(try tracer.events(of: talk.client).count == 1)
    }

    @Test("A descriptor that nobody received is closed by whoever drops the channel")
    func descriptorInFlight() throws {
      let giver = try Player("giver")
      let channel = try giver.makeChannel()
      let tracer = try SharedTracer.current
      let talk = try Conversation(giver, Player("server"))

      try giver.pass(talk.client, through: channel.one)
      try talk.client.close()
      try giver.close(channel.one)
      try giver.close(channel.other)
      try talk.server.readEnd()
      try talk.server.close()
      let event = try tracer.event("time_wait", of: talk.client)

      #expect(event.process?.pid == giver.pid)
      #expect(event.cause == "close")
    }

    @Test("What the kernel's garbage collector closes is not the kernel's: the opener is named")
    func garbage() throws {
      let player = try Player("litterer")
      let channel = try player.makeChannel()
      let tracer = try SharedTracer.current
      let talk = try Conversation(player, Player("server"))

      // A channel whose end lies in its own queue: no process can reach it, and a kernel thread clears it up.
      try player.pass(talk.client, through: channel.one)
      try player.pass(descriptor: channel.other, through: channel.one)
      try talk.client.close()
      try player.close(channel.one)
      try player.close(channel.other)
      // It runs when a unix socket is closed, and may want more than one call.
      let isCleared = try eventually {
        let other = try player.makeChannel()
        try player.close(other.one)
        try player.close(other.other)
        return talk.server.tabledState == .closeWait
      }
      try #require(isCleared)
      try talk.server.close()
      let event = try tracer.event("time_wait", of: talk.client)

      #expect(event.process?.pid == player.pid)
      #expect(event.opener?.pid == player.pid)
    }

    @Test("The last close of a socket that is shared by fork counts", arguments: [true, false])
    func inheritedOverFork(childIsLast: Bool) throws {
      let parent = try Player("parent")
      let tracer = try SharedTracer.current
      let talk = try Conversation(parent, Player("server"))
      let child = try parent.fork()
      try child.rename(Array("child".utf8))
      let copy = talk.client.held(by: child)
      let (earlier, later) = childIsLast ? (talk.client, copy) : (copy, talk.client)

      try earlier.close()
      try talk.server.awaitState(.established)
      let closer = try later.close()
      try talk.server.readEnd()
      try talk.server.close()
      let event = try tracer.event("time_wait", of: talk.client)

      #expect(event.process?.actor == closer)
      #expect(event.opener?.actor == Actor(pid: parent.pid, tid: parent.pid, comm: "parent"))
    }

    @Test("shutdown() counts at once, whoever else has the socket open")
    func shutdownOfSharedSocket() throws {
      let parent = try Player("parent")
      let tracer = try SharedTracer.current
      let talk = try Conversation(parent, Player("server"))
      let child = try parent.fork()
      try child.rename(Array("child".utf8))

      let closer = try talk.client.held(by: child).shutdown(.write)
      try talk.server.readEnd()
      try talk.server.close()
      let event = try tracer.event("time_wait", of: talk.client)
      try child.exit()
      try talk.client.close()
      try tracer.passSentinel(waitingStates: false)

      #expect(event.process?.actor == closer)
      #expect(event.cause == "shutdown")
      #expect(try tracer.events(of: talk.client).count == 1)
    }

    @Test("A socket kept over exec belongs to the same process")
    func inheritedOverExec() throws {
      let client = try Player("before")
      let tracer = try SharedTracer.current
      let talk = try Conversation(client, Player("server"))

      try client.exec()
      try client.rename(Array("after".utf8))
      let closer = try talk.client.close()
      try talk.server.close()
      let event = try tracer.event("time_wait", of: talk.client)

      #expect(event.process?.actor == closer)
      #expect(event.process?.comm == "after")
      #expect(event.opener?.actor == Actor(pid: client.pid, tid: client.pid, comm: "before"))
    }
  }
}
