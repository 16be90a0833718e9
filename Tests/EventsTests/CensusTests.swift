import Testing

@testable import Events

/// Of the kernel: 28,000 connections of nginx to 10.0.0.5:8080 in TIME_WAIT.
private let entry = Records.bytes(
  """
  0a000001000000000000000000000000          | local 10.0.0.1
  0a000005000000000000000000000000          | peer 10.0.0.5
  f9ffffef 1b100000                         | netns 4026531833, pid 4123
  0000 901f 06 04 01 01                     | no local port, peer port 8080, TIME_WAIT, IPv4, client, holder
  606d000000000000                          | 28,000 sockets
  0300000000000000                          | 3 of them shared
  00e40b5402000000                          | process: started 10 s after boot
  1b100000 1b100000                         |   pid 4123, tid 4123
  6e67696e780000000000000000000000          |   "nginx"
  """)

/// The key has 48 bytes.
private func decode(_ bytes: [UInt8]) throws -> KernelCensusEntry {
  let (key, value) = (Array(bytes.prefix(48)), Array(bytes.dropFirst(48)))
  return try KernelCensusEntry(key: key.span.bytes, value: value.span.bytes)
}
private func decodeTimeWait(_ bytes: [UInt8]) throws -> KernelTimeWait { try KernelTimeWait(bytes.span.bytes) }

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
      state: .timeWait(cause: .close, enteredFrom: .finWait2)))
}

@Suite struct `A census` {
  @Test func `is decoded from what the kernel counted`() throws {
    let decoded = try decode(entry)
    #expect(decoded.count == SocketCensus.Count(sockets: 28_000, shared: 3))
    #expect(decoded.group.state == .timeWait)
    #expect(decoded.group.netns == 4_026_531_833)
    #expect(decoded.group.owner == .holder(nginx))
    #expect(decoded.group.role == .client)
    #expect(decoded.group.family == .ipv4)
    #expect(decoded.group.local == here)
    #expect(decoded.group.peer == there)
    #expect(decoded.group.localPort == nil)
    #expect(decoded.group.peerPort == 8080)
  }

  @Test func `refuses what it does not know`() {
    #expect(throws: RecordError.wrongLength(47)) {
      try decode(Array(entry.dropLast()))
    }
    var strange = entry
    strange[44] = 7
    #expect(throws: RecordError.unknownKind(7)) { try decode(strange) }
  }

  @Test func `finds the closer of a TIME_WAIT that was seen to begin, and no other`() throws {
    let record = Array(entry.prefix(KernelTimeWait.size))
    var listed = record
    listed.replaceSubrange(40..<42, with: [0x22, 0xc8])  // local port 51234
    listed[46] = 0
    listed[47] = 4
    let timeWait = try decodeTimeWait(listed)
    var seen = timeWait.connection
    #expect(seen.local.port == 51234)
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
      (SocketCensus.State.established, UInt32(7), 4), (.timeWait, 7, 3), (.timeWait, 8, 2), (.listen, 8, 1),
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
