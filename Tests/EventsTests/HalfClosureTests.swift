import Testing

@testable import Events

@Suite struct `Half-closed connections` {
  private static let loopback = Address(ipv4: 127, 0, 0, 1)

  /// One end at 127.0.0.1:local; its peer at 127.0.0.1:peer. Seen at 100 s, in its state for so many seconds.
  private static func origin(
    _ local: UInt16, _ peer: UInt16, of pid: UInt32?, _ state: (Age) -> Origin.Kind, seconds: Double,
    isEstimate: Bool = false
  ) -> Origin {
    let process = pid.map { Process(pid: $0, tid: $0, comm: Comm("x"), startedNanoseconds: 1) }
    return Origin(
      time: WallTime(nanoseconds: 100_000_000_000),
      connection: Connection(
        family: .ipv4, netns: 1, local: Endpoint(address: loopback, port: local),
        peer: Endpoint(address: loopback, port: peer)),
      role: .unknown, process: process, attribution: .holder, opener: nil, lifetimeNanoseconds: nil,
      bytesSent: nil,
      bytesReceived: nil, kind: state(Age(nanoseconds: UInt64(seconds * 1e9), isEstimate: isEstimate)))
  }

  private static func closeWait(
    _ local: UInt16, _ peer: UInt16, of pid: UInt32, _ reason: Reason = .eofRead, seconds: Double,
    isEstimate: Bool = false
  ) -> Origin {
    origin(
      local, peer, of: pid, { .closeWait(.init(reason: reason, age: $0, unreadBytes: 0, holders: [])) },
      seconds: seconds, isEstimate: isEstimate)
  }

  private static func finWait2(
    _ local: UInt16, _ peer: UInt16, of pid: UInt32?, _ cause: Cause = .shutdown, seconds: Double,
    isEstimate: Bool = false
  ) -> Origin {
    origin(local, peer, of: pid, { .finWait2(cause: cause, age: $0) }, seconds: seconds, isEstimate: isEstimate)
  }

  private func parts(_ origins: [Origin]) -> [UInt16: HalfClosures.Part] {
    let closures = HalfClosures(origins.map { .init($0) }, now: WallTime(nanoseconds: 100_000_000_000))
    var parts: [UInt16: HalfClosures.Part] = [:]
    for origin in origins {
      if case .closeWait = origin.kind {
        parts[origin.connection.local.port] = closures.part(of: origin.connection)
      }
    }
    return parts
  }

  /// A client (pid 1, port 10) is done; the relay (pid 2, ports 20 and 21) has passed it on to the app (pid 3, port 30).
  private static func chain(client: Cause, app: Reason, isEstimate: Bool = false) -> [Origin] {
    [
      finWait2(10, 20, of: client == .shutdown ? 1 : nil, client, seconds: 9.002, isEstimate: isEstimate),
      closeWait(20, 10, of: 2, seconds: 9.001, isEstimate: isEstimate),
      finWait2(21, 30, of: 2, seconds: 9, isEstimate: isEstimate),
      closeWait(30, 21, of: 3, app, seconds: 8.999, isEstimate: isEstimate),
    ]
  }

  @Test(arguments: [true, false]) func `of a client that is gone: the app leaks, the relay waits for it`(
    isEstimate: Bool
  ) {
    let origins = Self.chain(client: .close, app: .eofUnread, isEstimate: isEstimate)
    #expect(parts(origins) == [20: .relayed, 30: .leak])
    let closures = HalfClosures(origins.map { .init($0) }, now: WallTime(nanoseconds: 100_000_000_000))
    #expect(closures.successor(of: origins[1].connection)?.connection == origins[2].connection)
    #expect(closures.peer(of: origins[2].connection)?.process?.pid == 3)
  }

  @Test func `of a client that still reads: nobody leaks`() {
    #expect(parts(Self.chain(client: .shutdown, app: .eofRead)) == [20: .relayed, 30: .awaited])
  }

  @Test func `all of one process are told apart as well`() {
    let origins = Self.chain(client: .shutdown, app: .eofRead).map { origin in
      var origin = origin
      origin.process = Process(pid: 7, tid: 7, comm: Comm("x"), startedNanoseconds: 1)
      return origin
    }
    #expect(parts(origins) == [20: .relayed, 30: .awaited])
  }

  @Test func `as many as were passed on are a relay's, and no more`() {
    let leak = Self.closeWait(22, 11, of: 2, seconds: 8)
    #expect(
      parts(Self.chain(client: .close, app: .eofUnread) + [leak]) == [20: .relayed, 22: .leak, 30: .leak])
  }

  @Test func `a half-close long after, or of what is not read to the end, passes nothing on`() {
    let late = [Self.closeWait(20, 10, of: 2, seconds: 9), Self.finWait2(21, 30, of: 2, seconds: 4)]
    #expect(parts(late) == [20: .leak])
    let unread = [
      Self.closeWait(20, 10, of: 2, .dataUnread, seconds: 9), Self.finWait2(21, 30, of: 2, seconds: 9),
    ]
    #expect(parts(unread) == [20: .leak])
  }

  @Test func `of a busy relay are all told apart, however many`() {
    let origins = (1...UInt16(20_000)).flatMap { port in
      let seconds = 100 - Double(port) / 1000
      return [
        Self.closeWait(port, 1, of: 2, seconds: seconds),
        Self.finWait2(port + 30_000, 2, of: 2, seconds: seconds - 0.0005),
      ]
    }
    #expect(parts(origins).values.allSatisfy { $0 == .relayed })
  }

  @Test func `what goes on waiting when the other end is over is a leak`() {
    let read = Self.closeWait(20, 10, of: 2, seconds: 9)
    let passed = Self.finWait2(21, 30, of: 2, seconds: 9)
    func part(endedAt seconds: Int64) -> HalfClosures.Part {
      let end = WallTime(nanoseconds: seconds * 1_000_000_000)
      return HalfClosures([.init(read), .init(passed, end: end)], now: WallTime(nanoseconds: 100_000_000_000))
        .part(of: read.connection)
    }
    #expect(part(endedAt: 95) == .leak)
    #expect(part(endedAt: 100) == .relayed)
  }
}
