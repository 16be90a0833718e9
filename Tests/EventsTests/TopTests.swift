import Testing

@testable import Events

private let second: UInt64 = 1_000_000_000
private let curl = ProcessKey(pid: 10, startedNanoseconds: 1)
private let wget = ProcessKey(pid: 20, startedNanoseconds: 2)

private func flow(
  _ process: ProcessKey?, to last: UInt8 = 5, port: UInt16 = 80, role: Role = .client, isMapped: Bool = false
) -> CountedFlow {
  CountedFlow(
    process: process, netns: 1, family: .ipv4, isMapped: isMapped, role: role,
    localAddress: Address(ipv4: 10, 0, 0, 1),
    peerAddress: Address(ipv4: 10, 0, 0, last), port: port)
}

private func count(_ flow: CountedFlow, _ timeWaits: UInt64, _ name: String = "curl") -> KernelCount {
  KernelCount(flow: flow, comm: Comm(name), counts: ConnectionCounts(timeWaits: timeWaits), key: [1])
}

extension TimeWaitHistory {
  fileprivate mutating func look(_ seconds: UInt64, _ counts: KernelCount...) {
    look(at: seconds * second)
    for count in counts { enter(count) }
  }
}

private func report(
  _ history: TimeWaitHistory, ports: [UInt32: Int] = [:], filter: OriginFilter = OriginFilter()
) -> TopReport {
  TopReport(history, closeWaits: [], leakNanoseconds: second, ports: ports, filter: filter)
}

@Suite struct `A filter by peer` {
  private func passes(_ pattern: String, _ flow: CountedFlow) throws -> Bool {
    var filter = OriginFilter()
    filter.peers = [try PeerPattern(parsing: pattern)]
    return filter.passes(flow, Comm("curl"), nil)
  }

  @Test(arguments: [
    ("10.0.0.5", true), ("10.0.0.6", false), ("10.0.0.0/24", true), ("10.1.0.0/16", false),
    ("10.0.0.5:80", true),
    ("10.0.0.5:81", false), ("::1", false),
  ])
  func `leaves out what is counted towards others`(pattern: String, isPassed: Bool) throws {
    #expect(try passes(pattern, flow(curl)) == isPassed)
  }

  @Test func `takes a server's clients by their address, and by no port, which is not counted by`() throws {
    #expect(try passes("10.0.0.5", flow(curl, role: .server)))
    #expect(try !passes("10.0.0.5:80", flow(curl, role: .server)))
  }
}

@Suite struct `A count of the kernel's` {
  // pid 10 started at 1, as a client from 10.0.0.1 to 10.0.0.5:80 in namespace 7.
  static let key: [UInt8] =
    [1, 0, 0, 0, 0, 0, 0, 0] + [10, 0, 0, 1] + [UInt8](repeating: 0, count: 12) + [10, 0, 0, 5]
    + [UInt8](repeating: 0, count: 12) + [10, 0, 0, 0] + [7, 0, 0, 0] + [80, 0] + [4, 0, 1, 0, 0, 0]

  static func share(_ count: UInt8, _ name: String) -> [UInt8] {
    [count, 2 * count, count > 0 ? 1 : 0, 0, 0].flatMap { [$0, 0, 0, 0, 0, 0, 0, 0] } + Array(name.utf8)
      + [UInt8](repeating: 0, count: 16 - name.utf8.count)
  }

  private func decode(_ key: [UInt8], _ shares: [UInt8]) throws -> KernelCount {
    try key.withUnsafeBytes { key in
      try shares.withUnsafeBytes { shares in
        try KernelCount(key: RawSpan(_unsafeBytes: key), shares: RawSpan(_unsafeBytes: shares))
      }
    }
  }

  @Test func `is the sum of every processor's share, with the name that one of them knows`() throws {
    let found = try decode(Self.key, Self.share(3, "curl") + Self.share(0, "") + Self.share(4, "curl"))
    #expect(found.counts == ConnectionCounts(timeWaits: 7, connects: 14, accepts: 2))
    #expect(found.comm == Comm("curl"))
    #expect(found.key == Self.key)
    #expect(found.flow.process == ProcessKey(pid: 10, startedNanoseconds: 1))
    #expect(found.flow.peerAddress == Address(ipv4: 10, 0, 0, 5))
    #expect(found.flow.localAddress == Address(ipv4: 10, 0, 0, 1))
    #expect(found.flow.port == 80)
    #expect(found.flow.netns == 7)
    #expect(found.flow.role == .client)
  }

  @Test func `of another length is refused`() {
    #expect(throws: RecordError.wrongLength(55)) { try decode(Array(Self.key.dropLast()), Self.share(1, "a")) }
    #expect(throws: RecordError.wrongLength(55)) { try decode(Self.key, Array(Self.share(1, "a").dropLast())) }
    #expect(throws: RecordError.wrongLength(0)) { try decode(Self.key, []) }
  }
}

@Suite struct `The history of TIME_WAITs` {
  @Test func `says what is new since the look before`() {
    var history = TimeWaitHistory(since: 0)
    history.look(2, count(flow(curl), 10))
    #expect(history.flows[flow(curl)]?.new.timeWaits == 10)
    #expect(history.seconds == 2)
    history.look(3, count(flow(curl), 25))
    #expect(history.flows[flow(curl)]?.new.timeWaits == 15)
    #expect(history.seconds == 1)
    history.look(4)
    #expect(history.flows[flow(curl)]?.new.timeWaits == 0)
  }

  @Test func `keeps every TIME_WAIT for 60 s at least, and 65 s at the most`() {
    var history = TimeWaitHistory(since: 0)
    history.look(4, count(flow(curl), 10))
    history.look(9, count(flow(curl), 15))
    history.look(64)
    #expect(history.flows[flow(curl)]?.lately == 15)
    history.look(66)
    #expect(history.flows[flow(curl)]?.lately == 5)
    history.look(71)
    #expect(history.flows[flow(curl)]?.lately == 0)
  }

  @Test func `forgets everything after a long sleep`() {
    var history = TimeWaitHistory(since: 0)
    history.look(1, count(flow(curl), 10))
    history.look(100_000, count(flow(curl), 11))
    #expect(history.flows[flow(curl)]?.lately == 1)
  }

  @Test func `takes an element that comes twice once`() {
    var history = TimeWaitHistory(since: 0)
    history.look(1, count(flow(curl), 10), count(flow(curl), 10), count(flow(curl), 9))
    #expect(history.flows[flow(curl)]?.new.timeWaits == 10)
  }

  @Test func `forgets the idle where the kernel has, and counts them from nothing again`() {
    var history = TimeWaitHistory(since: 0)
    history.look(1, count(flow(curl), 10), count(flow(wget), 20))
    history.look(70, count(flow(wget), 21))
    history.forgetIdle { _ in true }
    #expect(history.flows[flow(curl)] == nil)
    #expect(history.flows[flow(wget)]?.lately == 1)
    history.look(71, count(flow(curl), 3))
    #expect(history.flows[flow(curl)]?.new.timeWaits == 3)
    #expect(history.flows[flow(curl)]?.lately == 3)
  }

  @Test func `keeps the idle where the kernel has not forgotten them`() {
    var history = TimeWaitHistory(since: 0)
    history.look(1, count(flow(curl), 10))
    history.look(70)
    history.forgetIdle { _ in false }
    history.look(71, count(flow(curl), 11))
    #expect(history.flows[flow(curl)]?.new.timeWaits == 1)
  }
}

@Suite struct `Connects and accepts` {
  private func count(_ flow: CountedFlow, connects: UInt64 = 0, accepts: UInt64 = 0) -> KernelCount {
    KernelCount(
      flow: flow, comm: Comm("curl"), counts: ConnectionCounts(connects: connects, accepts: accepts), key: [1])
  }

  private func accepting(_ process: ProcessKey) -> CountedFlow {
    var flow = flow(process, port: 80, role: .server)
    flow.peerAddress = Address(ipv4: 0, 0, 0, 0)
    return flow
  }

  @Test func `are rates of their process, and accepts have no peer`() throws {
    var history = TimeWaitHistory(since: 0)
    history.look(2, count(flow(curl), connects: 10), count(accepting(wget), accepts: 30))
    let report = report(history)
    let client = try #require(report.rows.first { $0.id == curl })
    let server = try #require(report.rows.first { $0.id == wget })
    #expect(client.connectsPerSecond == 5)
    #expect(client.acceptsPerSecond == 0)
    #expect(client.timeWaits == 0)
    #expect(client.peers.map(\.connectsPerSecond) == [5])
    #expect(server.acceptsPerSecond == 15)
    #expect(server.peers.isEmpty)
  }

  @Test func `are not known where nobody sees who accepts`() throws {
    var history = TimeWaitHistory(since: 0)
    history.look(2, count(flow(curl), connects: 10))
    let report = TopReport(
      history, closeWaits: [], leakNanoseconds: second, seesAccepts: false, ports: [:])
    #expect(report.rows.map(\.acceptsPerSecond) == [nil])
  }

  @Test func `keep a flow for as long as a TIME_WAIT would`() {
    var history = TimeWaitHistory(since: 0)
    history.look(1, count(flow(curl), connects: 10))
    history.look(60)
    history.forgetIdle { _ in true }
    #expect(history.flows.count == 1)
    history.look(70)
    history.forgetIdle { _ in true }
    #expect(history.flows.isEmpty)
  }
}

@Suite struct `The report of top` {
  @Test func `has a row a process, with its busiest peer first`() throws {
    var history = TimeWaitHistory(since: 0)
    history.look(
      2, count(flow(curl, to: 5), 10), count(flow(curl, to: 6), 30), count(flow(wget, to: 5), 1, "wget"),
      count(flow(nil), 3))
    let rows = report(history).rows
    #expect(rows.count == 3)
    let row = try #require(rows.first { $0.id == curl })
    #expect(row.timeWaits == 40)
    #expect(row.timeWaitsPerSecond == 20)
    #expect(row.peers.map(\.name.address) == [Address(ipv4: 10, 0, 0, 6), Address(ipv4: 10, 0, 0, 5)])
    #expect(rows.contains { $0.id == nil && $0.comm == nil && $0.timeWaits == 3 })
  }

  @Test func `counts the ports that other processes take towards the same peer`() throws {
    var history = TimeWaitHistory(since: 0)
    history.look(1, count(flow(curl), 10), count(flow(wget), 30), count(flow(wget, port: 81), 100))
    let rows = report(history, ports: [1: 200]).rows
    #expect(rows.first { $0.id == curl }?.portShare == 0.2)
    #expect(rows.first { $0.id == wget }?.portShare == 0.5)
  }

  @Test func `knows no share of a server, nor where the range is not known`() {
    var history = TimeWaitHistory(since: 0)
    history.look(1, count(flow(curl, role: .server), 10), count(flow(wget), 10))
    let rows = report(history, ports: [2: 100]).rows
    #expect(rows.allSatisfy { $0.portShare == nil })
  }

  @Test func `is of the wanted peers alone in its sums, its peers and its share of the ports`() throws {
    var history = TimeWaitHistory(since: 0)
    history.look(
      2, count(flow(curl, to: 5), 10), count(flow(curl, to: 6), 30), count(flow(wget, to: 6), 50, "wget"))
    var filter = OriginFilter()
    filter.peers = [try PeerPattern(parsing: "10.0.0.4/31")]
    let rows = report(history, ports: [1: 100], filter: filter).rows
    let row = try #require(rows.first)
    #expect(rows.count == 1)
    #expect(row.id == curl)
    #expect(row.timeWaits == 10)
    #expect(row.timeWaitsPerSecond == 5)
    #expect(row.portShare == 0.1)
    #expect(row.peers.map(\.name.address) == [Address(ipv4: 10, 0, 0, 5)])
  }

  @Test func `takes a server's clients together whatever their port, and IPv4 over IPv6 with plain IPv4`()
    throws
  {
    var history = TimeWaitHistory(since: 0)
    history.look(
      1, count(flow(curl, role: .server), 1), count(flow(curl, port: 81, role: .server), 1),
      count(flow(curl, role: .server, isMapped: true), 1))
    let peer = try #require(report(history).rows.first?.peers.first)
    #expect(peer.timeWaits == 3)
    #expect(peer.name.port == nil)
  }
}
