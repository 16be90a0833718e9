import Stage
import Testing

extension KernelTests {
  @Suite(.traced("--min-age", "200ms")) struct CloseWaitTests {
    /// What an application has done when it sits in CLOSE_WAIT.
    enum Neglect: String, CaseIterable, CustomTestStringConvertible {
      case notAccepted = "not_accepted"
      case dataUnread = "data_unread"
      case endUnread = "eof_unread"
      case endRead = "eof_read"

      var testDescription: String { rawValue }

      /// The client has ended; returns the server's end in CLOSE_WAIT.
      func play(_ client: Player, _ server: Player) throws -> Socket {
        if self == .notAccepted {
          let listener = try server.listen()
          let socket = try client.connect(to: listener.local)
          try socket.close()
          return socket.endInQueue(of: server)
        }
        let talk = try Conversation(client, server)
        try talk.client.write(100)
        // Before the FIN comes: data and FIN that wait together may become one, and are read as one.
        try talk.server.read(self == .dataUnread ? 40 : 100)
        try talk.client.close()
        try talk.server.awaitState(.closeWait)
        if self == .endRead { try talk.server.readEnd() }
        return talk.server
      }
    }

    /// Old enough to be told only once the application has done all that it does.
    @Test(
      "A CLOSE_WAIT is told with the reason it lasts", .traced("--min-age", "1s"), arguments: Neglect.allCases)
    func reasons(neglect: Neglect) throws {
      let (client, server) = (try Player("client"), try Player("server"))
      let tracer = try SharedTracer.current
      let start = Moment.now
      let socket = try neglect.play(client, server)
      let event = try tracer.event("close_wait", of: socket)
      let limit = Moment.now.milliseconds(since: start)
      try tracer.passSentinel()

      #expect(event.reason == neglect.rawValue)
      #expect(event.unreadBytes == (neglect == .dataUnread ? 60 : 0))
      #expect(event.role == "server")
      #expect(event.process?.pid == server.pid)
      #expect(event.process?.comm == "server")
      let age = try #require(event.ageMilliseconds)
      #expect(age >= 1000 && age <= limit)
      #expect(try tracer.events(of: socket).map(\.event) == ["close_wait"])
      if neglect == .notAccepted {
        #expect(event.attribution == "listener")
        #expect(event.opener == nil)
        #expect(event.holders?.isEmpty ?? true)
      } else {
        #expect(event.attribution == "holder")
        #expect(event.opener?.pid == server.pid)
        #expect(event.holders == [.init(pid: server.pid, comm: "server", fd: socket.fd)])
        #expect(event.bytesSent == Conversation.responseBytes)
        #expect(event.bytesReceived == Conversation.requestBytes + 100)
      }
    }

    /// As Go listens by default. The client speaks TCP: so does the connection.
    @Test(
      "A CLOSE_WAIT that an MPTCP listener has not accepted is the listener's, one that it has its own",
      .enabled(if: Machine.has("/proc/sys/net/mptcp/enabled"), "the kernel has no MPTCP"))
    func mptcpListener() throws {
      let (client, server) = (try Player("client"), try Player("server"))
      let tracer = try SharedTracer.current
      let listener = try server.listen(at: "127.0.0.1", port: 0, "mptcp")
      let waiting = try client.connect(to: listener.local)
      try waiting.close()
      let unaccepted = try tracer.event("close_wait", of: waiting.endInQueue(of: server))
      #expect(unaccepted.reason == "not_accepted")
      #expect(unaccepted.attribution == "listener")
      #expect(unaccepted.process?.pid == server.pid)

      // It takes what waits first; the tracer is told of the end of both.
      try listener.accept().close()
      let socket = try client.connect(to: listener.local)
      let accepted = try listener.accept()
      try socket.close()
      let event = try tracer.event("close_wait", of: accepted)
      #expect(event.process?.pid == server.pid)
      #expect(event.holders == [.init(pid: server.pid, comm: "server", fd: accepted.fd)])
    }

    @Test("A client can be left in CLOSE_WAIT as well")
    func client() throws {
      let tracer = try SharedTracer.current
      let talk = try Conversation(Player("client"), Player("server"))

      try talk.server.close()
      let event = try tracer.event("close_wait", of: talk.client)

      #expect(event.process?.pid == talk.client.player.pid)
      #expect(event.opener?.pid == talk.client.player.pid)
      #expect(event.role == "client")
      #expect(event.reason == "eof_unread")
    }

    @Test("Data that waits unaccepted is counted")
    func unacceptedData() throws {
      let (client, server) = (try Player("client"), try Player("server"))
      let listener = try server.listen()
      let tracer = try SharedTracer.current
      let socket = try client.connect(to: listener.local)

      try socket.write(70)
      try socket.close()
      let event = try tracer.event("close_wait", of: socket.endInQueue(of: server))

      #expect(event.reason == "not_accepted")
      #expect(event.unreadBytes == 70)
      #expect(event.bytesReceived == 70)
    }

    @Test("A short CLOSE_WAIT is silent")
    func short() throws {
      let tracer = try Tracer("--min-age", "30s")
      let talk = try Conversation(Player("client"), Player("server"))

      try talk.client.close()
      try talk.server.readEnd()
      try talk.server.close()
      _ = try tracer.event("time_wait", of: talk.client)
      try tracer.passSentinel(waitingStates: false)
      let summary = try tracer.stop()

      #expect(try tracer.events(of: talk.server).isEmpty)
      #expect(summary.account(of: talk.server.player.pid) == nil)
    }

    @Test("With --min-age 0 every CLOSE_WAIT is told, however short")
    func everyOne() throws {
      // In a network namespace of their own: every connection of a busy host would make three lines.
      let home = try Player("home")
      try home.enterNewNetworkNamespace()
      let (client, server) = (try home.fork(), try home.fork())
      let tracer = try Tracer("--min-age", "0", "--netns", "\(home.networkNamespace)")

      for _ in 0..<20 {
        let talk = try Conversation(client, server)
        try talk.client.close()
        try talk.server.close()
        let event = try tracer.event("close_wait", of: talk.server)
        #expect(event.process?.pid == server.pid)
        let end = try tracer.event("close_wait_end", of: talk.server)
        #expect(end.process?.pid == server.pid)
        #expect(try tracer.events(of: talk.server).count == 2)
      }
      try tracer.stop()
    }

    enum Departure: String, CaseIterable, CustomTestStringConvertible {
      case close, shutdown, exit, kill, reset

      var testDescription: String { rawValue }

      var cause: String { self == .kill ? "exit" : rawValue }

      func play(_ talk: Conversation) throws -> Actor {
        switch self {
        case .close: return try talk.server.close()
        case .shutdown: return try talk.server.shutdown(.write)
        case .exit: return try talk.server.player.exit()
        case .kill: return try talk.server.player.kill()
        case .reset:
          try talk.client.resetOnClose()
          return try talk.client.close()
        }
      }
    }

    @Test("The end of a reported CLOSE_WAIT is told with its cause", arguments: Departure.allCases)
    func ends(departure: Departure) throws {
      let tracer = try SharedTracer.current
      let talk = try Conversation(Player("client"), Player("server"))

      let beforeEnd = Moment.now
      try talk.client.shutdown(.write)
      _ = try tracer.event("close_wait", of: talk.server)
      let actor = try departure.play(talk)
      let event = try tracer.event("close_wait_end", of: talk.server)
      let after = Moment.now
      try tracer.passSentinel()

      #expect(event.cause == departure.cause)
      if departure == .reset {
        // No process of this end did it; the client's is none of this end's.
        #expect(event.process?.pid != actor.pid)
      } else {
        #expect(event.process?.actor == actor)
      }
      let held = try #require(event.heldMilliseconds)
      #expect(held >= 200)
      #expect(held <= after.milliseconds(since: beforeEnd))
      #expect(try tracer.events(of: talk.server).map(\.event) == ["close_wait", "close_wait_end"])
    }

    @Test("What waits to be accepted goes with its listener")
    func listenerGone() throws {
      let (client, server) = (try Player("client"), try Player("server"))
      let listener = try server.listen()
      let tracer = try SharedTracer.current
      let socket = try client.connect(to: listener.local)
      let queued = socket.endInQueue(of: server)

      try socket.close()
      _ = try tracer.event("close_wait", of: queued)
      try listener.close()
      let event = try tracer.event("close_wait_end", of: queued)
      try tracer.passSentinel()

      #expect(event.process.map { $0.pid == server.pid } ?? true)
      #expect(try tracer.events(of: queued).map(\.event) == ["close_wait", "close_wait_end"])
      #expect(try !tracer.events(of: socket).contains { $0.event == "time_wait" })
    }
  }
}
