import Testing

@testable import Events

private let nginx = Process(pid: 4123, tid: 4123, comm: Comm("nginx"), startedNanoseconds: 10_000_000_000)
private let here = Address(ipv4: 10, 0, 0, 1)
private let there = Address(ipv4: 10, 0, 0, 5)

private func connection(_ port: UInt16, isMapped: Bool = false) -> Connection {
  Connection(
    family: .ipv4, isMapped: isMapped, netns: 7, local: Endpoint(address: here, port: port),
    peer: Endpoint(address: there, port: 8080))
}

private func ended(_ connection: Connection, at nanoseconds: Int64 = 0) -> Event {
  .origin(
    Origin(
      time: WallTime(nanoseconds: nanoseconds), connection: connection, role: .client, process: nginx,
      attribution: .traced, opener: nil, lifetimeNanoseconds: nil, bytesSent: nil, bytesReceived: nil,
      kind: .timeWait(cause: .close, enteredFrom: .finWait2)))
}

@Suite struct `A census` {
  @Test func `finds the closer of a TIME_WAIT that was seen to begin, and no other`() throws {
    let timeWait = ListedTimeWait(connection: connection(51234), role: .unknown)
    var seen = timeWait.connection
    for isSeen in [true, false] {
      seen.isMapped = isSeen
      var log = TimeWaitLog()
      if isSeen { log.add(ended(seen)) }
      var census = SocketCensus()
      census.timeWaits = [timeWait]
      census.resolve(log, details: [.owner, .role])
      let group = try #require(census.groups.keys.first)
      #expect(group.owner == (isSeen ? .closer(nginx) : .beforeWatch))
      #expect(group.role == (isSeen ? .client : .unknown))
      #expect(group.peer == nil)
      #expect(census.total(.timeWait) == 1)
    }
  }

  @Test func `forgets TIME_WAITs that are over`() {
    var log = TimeWaitLog()
    log.add(ended(connection(1), at: 0))
    log.add(ended(connection(2), at: 2_000_000_000))
    log.prune(now: WallTime(nanoseconds: 62_000_000_000))
    #expect(log[connection(1)] == nil)
    #expect(log[connection(2)] != nil)
  }

  private func census() -> SocketCensus {
    var census = SocketCensus()
    for (state, netns, count) in [
      (TCPState.established, UInt32(7), 4), (.timeWait, 7, 3), (.timeWait, 8, 2), (.listen, 8, 1),
    ] {
      var group = SocketCensus.Group(state: state, netns: netns)
      group.owner = state == .listen ? .holder(nginx) : .unknown
      census.add(group, .init(sockets: count))
    }
    return census
  }

  @Test func `takes all network namespaces together, most first`() {
    let report = CensusReport(census(), by: .state, limit: nil)
    #expect(report.rows.map(\.group.state) == [.timeWait, .established, .listen])
    #expect(report.rows.map(\.count.sockets) == [5, 4, 1])
    #expect(report.sockets == 10)
    #expect(report.leftOut == (0, 0))
  }

  @Test func `keeps them apart where that is asked for`() {
    let report = CensusReport(census(), by: .netns, limit: 2)
    #expect(report.rows.map(\.group.netns) == [7, 7])
    #expect(report.rows.map(\.count.sockets) == [4, 3])
    #expect(report.leftOut == (2, 3))
  }

  @Test func `of a process has only what is known to be its`() {
    var filter = OriginFilter()
    filter.comms = [Comm("nginx")]
    let report = CensusReport(census(), by: .state, filter: filter, limit: nil)
    #expect(report.rows.map(\.group.state) == [.listen])
    #expect(report.sockets == 1)
  }
}
