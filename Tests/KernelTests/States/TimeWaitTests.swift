import Stage
import Testing

extension KernelTests {
  @Suite(.traced("--min-age", "30s")) struct TimeWaitTests {
    @Test(
      "Whoever ends first is the origin, whatever way it ends",
      arguments: Role.allCases, Way.allCases.sampled)
    func firstToEnd(role: Role, way: Way) throws {
      let (clientPlayer, serverPlayer) = (try Player("client"), try Player("server"))
      let tracer = try SharedTracer.current
      let talk = try Conversation(clientPlayer, serverPlayer)
      let (first, second) = role.order(talk)

      let closer = try way.end(first)
      try second.readEnd()
      try second.close()
      let event = try tracer.event("time_wait", of: first)
      try tracer.passSentinel(waitingStates: false)

      #expect(event.process?.actor == closer)
      #expect(event.attribution == "traced")
      #expect(event.cause == way.cause)
      #expect(event.role == role.rawValue)
      #expect(event.opener?.actor == Actor(pid: closer.pid, tid: closer.pid, comm: role.rawValue))
      // Where accept() cannot be hooked, the first read tells who accepted.
      #expect((role == .client ? ["connect"] : ["accept", "first_read"]).contains(event.opener?.seen))
      #expect(try tracer.events(of: first).count == 1)
      #expect(try tracer.events(of: second).isEmpty)
    }

    @Test(
      "A TIME_WAIT comes when the peer's FIN does, however late", arguments: Role.allCases, Way.allCases.sampled
    )
    func lateFin(role: Role, way: Way) throws {
      let observer = try Player("observer")
      let (clientPlayer, serverPlayer) = (try Player("client"), try Player("server"))
      let tracer = try SharedTracer.current
      let talk = try Conversation(clientPlayer, serverPlayer)
      let (first, second) = role.order(talk)

      let closer = try way.end(first)
      try first.held(by: observer).awaitTabledState(.finWait2)
      try tracer.passSentinel(waitingStates: false)
      #expect(try tracer.events(of: first).isEmpty)
      try second.close()
      let event = try tracer.event("time_wait", of: first)
      try first.held(by: observer).awaitTabledState(.timeWait)
      try tracer.passSentinel(waitingStates: false)

      #expect(event.process?.actor == closer)
      #expect(event.cause == way.cause)
      #expect(event.enteredFrom == "FIN_WAIT2")
      #expect(try tracer.events(of: first).count == 1)
      #expect(try tracer.events(of: second).isEmpty)
    }

    @Test("Every kind of address is told as it is", arguments: AddressKind.allCases.sampled, Role.allCases)
    func addresses(kind: AddressKind, role: Role) throws {
      let tracer = try SharedTracer.current
      let talk = try Conversation(
        Player("client"), Player("server"), at: kind.connected, listeningAt: kind.listening)
      let (first, second) = role.order(talk)

      try first.close()
      try second.close()
      let event = try tracer.event("time_wait", of: first)

      let isMapped = first.local.plain != first.local
      #expect(event.family == (kind == .ipv6 ? "ipv6" : "ipv4"))
      #expect(event.mapped ?? false == isMapped)
      #expect(event.local == first.local.plain)
      #expect(event.peer == first.peer.plain)
      #expect(event.process?.pid == first.player.pid)
    }

    @Test("Bytes are payload, counted to the very end", arguments: Role.allCases)
    func bytes(role: Role) throws {
      let tracer = try SharedTracer.current
      let talk = try Conversation(Player("client"), Player("server"))
      let (first, second) = role.order(talk)

      try first.shutdown(.write)
      try second.write(100)
      try second.close()
      try first.read(100)
      let event = try tracer.event("time_wait", of: first)

      let (sent, received) =
        role == .client
        ? (Conversation.requestBytes, Conversation.responseBytes)
        : (Conversation.responseBytes, Conversation.requestBytes)
      #expect(event.bytesSent == sent)
      #expect(event.bytesReceived == received + 100)
    }

    @Test("A connection without a byte has sent and received none", arguments: Role.allCases)
    func noBytes(role: Role) throws {
      let player = try Player("server")
      let listener = try player.listen()
      let tracer = try SharedTracer.current
      let talk = try Conversation(Player("client"), listener)
      let (first, second) = role.order(talk)

      try first.close()
      try second.close()
      let event = try tracer.event("time_wait", of: first)

      #expect(event.bytesSent == 0)
      #expect(event.bytesReceived == 0)
    }

    @Test("Times and the lifetime are those of the connection", arguments: Role.allCases)
    func times(role: Role) throws {
      let tracer = try SharedTracer.current
      let wallBefore = WallClock.now
      let talk = try Conversation(Player("client"), Player("server"))
      let (first, second) = role.order(talk)

      let beforeEnd = Moment.now
      try first.close()
      try second.close()
      let event = try tracer.event("time_wait", of: first)
      let (after, wallAfter) = (Moment.now, WallClock.now)
      let processStart = try #require(WallClock.start(of: first.player.pid))

      let lifetime = try #require(event.lifetimeMilliseconds)
      #expect(lifetime >= beforeEnd.milliseconds(since: talk.opened.before))
      #expect(lifetime <= after.milliseconds(since: talk.opened.after))
      let time = try #require(event.time.flatMap(WallClock.seconds))
      // The wall clock is read by two processes, and may be adjusted between the two.
      #expect(time > wallBefore - 0.1 && time < wallAfter + 0.1)
      let started = try #require(event.process?.started.flatMap(WallClock.seconds))
      #expect(abs(started - processStart) < 0.5)
    }

    @Test("Each of two connections of one process is one event")
    func twoConnections() throws {
      let (clientPlayer, serverPlayer) = (try Player("client"), try Player("server"))
      let tracer = try Tracer()
      let one = try Conversation(clientPlayer, serverPlayer)
      let other = try Conversation(clientPlayer, serverPlayer)

      try clientPlayer.exit()
      for talk in [one, other] { try talk.server.close() }
      let events = try [one, other].map { try tracer.event("time_wait", of: $0.client) }
      let summary = try tracer.stop()

      #expect(events.allSatisfy { $0.process?.pid == clientPlayer.pid && $0.cause == "exit" })
      for talk in [one, other] { #expect(try tracer.events(of: talk.client).count == 1) }
      #expect(summary.account(of: clientPlayer.pid)?.timeWait == 2)
    }
  }
}

/// The ways in which a process ends its side of a connection.
enum Way: String, CaseIterable, CustomTestStringConvertible {
  case close = "close()"
  case shutdownWrite = "shutdown(SHUT_WR)"
  case shutdownBoth = "shutdown(SHUT_RDWR)"
  case exit = "exit()"
  case kill = "SIGKILL"

  var testDescription: String { rawValue }

  var cause: String {
    switch self {
    case .close: "close"
    case .shutdownWrite, .shutdownBoth: "shutdown"
    case .exit, .kill: "exit"
    }
  }

  func end(_ socket: Socket) throws -> Actor {
    switch self {
    case .close: try socket.close()
    case .shutdownWrite: try socket.shutdown(.write)
    case .shutdownBoth: try socket.shutdown(.both)
    case .exit: try socket.player.exit()
    case .kill: try socket.player.kill()
    }
  }
}

/// Which end of the conversation acts first.
enum Role: String, CaseIterable, CustomTestStringConvertible {
  case client, server

  var testDescription: String { rawValue }

  func order(_ talk: Conversation) -> (first: Socket, second: Socket) {
    self == .client ? (talk.client, talk.server) : (talk.server, talk.client)
  }
}

enum AddressKind: String, CaseIterable, CustomTestStringConvertible {
  case ipv4 = "IPv4"
  case ipv6 = "IPv6"
  case mappedClient = "IPv4 in the client's IPv6 socket"
  case mappedServer = "IPv4 in the server's IPv6 socket"

  var testDescription: String { rawValue }

  var connected: String {
    switch self {
    case .ipv4, .mappedServer: "127.0.0.1"
    case .ipv6: "::1"
    case .mappedClient: "::ffff:127.0.0.1"
    }
  }

  var listening: String {
    switch self {
    case .ipv4, .mappedClient: "127.0.0.1"
    case .ipv6: "::1"
    case .mappedServer: "::"
    }
  }
}
