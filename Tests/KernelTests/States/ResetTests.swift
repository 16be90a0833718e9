import Stage
import Testing

extension KernelTests {
  /// Ends that leave nothing behind: the kernel's own table is asked too.
  @Suite(.traced("--min-age", "200ms")) struct ResetTests {
    enum Reset: String, CaseIterable, CustomTestStringConvertible {
      case lingerZero = "SO_LINGER 0"
      case unreadData = "data unread at close()"
      case peerInFinWait2 = "a reset in FIN_WAIT2"
      case peerInTimeWaitSocket = "a reset to the time_wait socket"
      case dataAfterClose = "data after close()"
      case unreadDataInFinWait2 = "data unread at close() in FIN_WAIT2"
      case linger2BeforeClose = "TCP_LINGER2 below 0"
      case linger2InFinWait2 = "TCP_LINGER2 below 0 in FIN_WAIT2"

      var testDescription: String { rawValue }

      /// Does the end that closes first send it, and why?
      var event: (isByFirst: Bool, cause: String) {
        switch self {
        case .lingerZero: (true, "linger")
        case .unreadData, .unreadDataInFinWait2: (true, "unread_data")
        case .peerInFinWait2, .peerInTimeWaitSocket: (false, "linger")
        case .dataAfterClose: (true, "data_after_close")
        case .linger2BeforeClose, .linger2InFinWait2: (true, "tcp_linger2")
        }
      }

      /// v6.10, 19822a980e19: the kernel tells of resets for time_wait sockets since then.
      var isTold: Bool { self != .dataAfterClose || Machine.kernelVersion >= (6, 10) }

      func play(_ first: Socket, _ second: Socket) throws {
        switch self {
        case .lingerZero:
          try first.resetOnClose()
          try first.close()
        case .unreadData:
          try second.write(10)
          try first.awaitBytes(10)
          try first.close()
        case .peerInFinWait2:
          try first.shutdown(.write)
          try first.awaitState(.finWait2)
          try second.resetOnClose()
          try second.close()
        case .peerInTimeWaitSocket:
          try first.close()
          try first.awaitTabledState(.finWait2)
          try second.resetOnClose()
          try second.close()
        case .dataAfterClose:
          try first.close()
          try first.awaitTabledState(.finWait2)
          try second.write(10)
        case .unreadDataInFinWait2:
          try first.shutdown(.write)
          try second.write(10)
          try first.awaitBytes(10)
          try first.awaitState(.finWait2)
          try first.close()
        case .linger2BeforeClose:
          try first.setLinger2(-1)
          try first.close()
        case .linger2InFinWait2:
          try first.setLinger2(-1)
          try first.shutdown(.write)
          try first.awaitState(.finWait2)
          try first.close()
        }
      }
    }

    @Test("What ends by a reset is no TIME_WAIT", arguments: Reset.allCases.sampled, Role.allCases)
    func noTimeWait(reset: Reset, role: Role) throws {
      let tracer = try SharedTracer.current
      let talk = try Conversation(Player("client"), Player("server"))
      let (first, second) = role.order(talk)

      try reset.play(first, second)
      try first.awaitTabledState(nil)
      try second.player.exit()
      try tracer.passSentinel()

      #expect(try !tracer.events(of: first).contains { $0.event == "time_wait" })
      #expect(try !tracer.events(of: second).contains { $0.event == "time_wait" })
    }

    @Test("A connection that nobody accepts and that is refused leaves nothing")
    func refused() throws {
      let player = try Player("client")
      let listener = try player.listen()
      try listener.close()
      let tracer = try SharedTracer.current

      #expect(throws: Failure.self) { try player.connect(to: listener.local) }
      try tracer.passSentinel()

      #expect(try tracer.events(Question(peer: listener.local.port)).isEmpty)
    }
  }
}
