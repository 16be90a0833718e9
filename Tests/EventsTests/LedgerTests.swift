import Testing

@testable import Events

private let clock = BootClock(offsetNanoseconds: 1_000)
private let nginx = Process(pid: 7, tid: 7, comm: Comm("nginx"), startedNanoseconds: 1)
private let worker = Process(pid: 9, tid: 10, comm: Comm("worker"), startedNanoseconds: 2)

/// A client's record at 10 s, opened at 9 s, with the state since 8 s; the rest is set by the test.
private func record(_ kind: KernelOrigin.Kind, _ change: (inout KernelOrigin) -> Void = { _ in }) throws
  -> KernelOrigin
{
  var record = try Records.decode(Records.timeWait)
  record.kind = kind
  record.opener = nginx
  record.closer = kind == .closeWait ? nil : worker
  record.timeNanoseconds = 10_000_000_000
  record.openedNanoseconds = 9_000_000_000
  record.sinceNanoseconds = 8_000_000_000
  record.reason = .eofRead
  change(&record)
  return record
}

/// A ledger that a test asks in the middle of an expectation.
private final class AskedLedger {
  private var ledger: Ledger

  init(filter: OriginFilter = OriginFilter()) { ledger = Ledger(filter: filter) }

  func events(_ record: KernelOrigin, holders: [Holder] = []) -> [Origin] {
    var events: [Origin] = []
    ledger.enter(record, holders: holders, clock: clock) { events.append($0) }
    return events
  }
}

@Suite struct `The ledger` {
  @Test func `holds the closer responsible for a TIME_WAIT`() throws {
    let ledger = AskedLedger()
    let origin = try #require(ledger.events(record(.timeWait)).first)
    #expect(origin.process == worker)
    #expect(origin.attribution == .traced)
    #expect(origin.opener == Opener(process: nginx, evidence: .connect))
    #expect(origin.lifetimeNanoseconds == 1_000_000_000)
    #expect(origin.time == WallTime(nanoseconds: 10_000_001_000))
  }

  @Test func `falls back to the opener, and says how that is known`() throws {
    let ledger = AskedLedger()
    let cases: [(KernelOrigin.Source, Attribution)] = [
      (.connect, .traced), (.accept, .traced), (.firstRead, .traced), (.openFile, .seeded),
      (.listener, .listener),
    ]
    for (source, attribution) in cases {
      let origin = try #require(
        ledger.events(
          record(.timeWait) {
            $0.closer = nil
            $0.openerSource = source
          }
        ).first)
      #expect(origin.process == nginx)
      #expect(origin.attribution == attribution)
    }
  }

  @Test func `says unknown where nothing is known`() throws {
    let ledger = AskedLedger()
    let origin = try #require(
      ledger.events(
        record(.timeWait) {
          $0.closer = nil
          $0.opener = nil
          $0.openerSource = .none
        }
      ).first)
    #expect(origin.process == nil)
    #expect(origin.opener == nil)
    #expect(origin.attribution == .unknown)
  }

  @Test func `does not call the owner of a listener an opener`() throws {
    let ledger = AskedLedger()
    let origin = try #require(ledger.events(record(.closeWait) { $0.openerSource = .listener }).first)
    #expect(origin.process == nginx)
    #expect(origin.opener == nil)
  }

  @Test func `holds the opener responsible among several holders of a CLOSE_WAIT`() throws {
    let ledger = AskedLedger()
    let holders = [Holder(process: worker, descriptor: 4), Holder(process: nginx, descriptor: 5)]
    let origin = try #require(ledger.events(record(.closeWait), holders: holders).first)
    #expect(origin.process == nginx)
    #expect(origin.attribution == .holder)
    guard case .closeWait(let closeWait) = origin.kind else { Issue.record("no close_wait"); return }
    #expect(closeWait.holders == holders)
    #expect(closeWait.age == Age(nanoseconds: 2_000_000_000))
  }

  @Test func `says of a holder that it inherited where its parent is known to have had the socket`() throws {
    let ledger = AskedLedger()
    func inherited(_ source: KernelOrigin.Source, opener: Process? = nginx, _ holders: [Holder]) throws
      -> [Bool]
    {
      let events = try ledger.events(
        record(.closeWait) {
          ($0.opener, $0.openerSource, $0.openedNanoseconds) = (opener, source, source == .openFile ? nil : 2)
        }, holders: holders)
      guard case .closeWait(let closeWait)? = events.first?.kind else { return [] }
      return closeWait.holders.map(\.isInherited)
    }
    let parent = Holder(process: nginx, descriptor: 5, parent: 1)
    let child = Holder(process: worker, descriptor: 5, parent: nginx.pid)
    let otherNumber = Holder(process: worker, descriptor: 6, parent: nginx.pid)
    let stranger = Holder(process: worker, descriptor: 5, parent: 1)
    // The parent is known to have opened it, whether or not it has it still.
    #expect(try inherited(.accept, [parent, otherNumber]) == [false, true])
    #expect(try inherited(.connect, [child]) == [true])
    // Only open files are known: the same number in the parent tells.
    #expect(try inherited(.openFile, [parent, child]) == [false, true])
    #expect(try inherited(.openFile, [parent, otherNumber]) == [false, false])
    #expect(try inherited(.openFile, [child]) == [false])
    // Who opened it has not inherited it, even if its parent got it back by the same number.
    #expect(try inherited(.accept, opener: worker, [parent, child]) == [false, false])
    // A child may read first from what its parent has accepted; if the parent reads first, it had it first.
    #expect(try inherited(.firstRead, opener: worker, [parent, child]) == [false, true])
    #expect(try inherited(.firstRead, [child]) == [true])
    #expect(try inherited(.accept, [parent, stranger]) == [false, false])
    // Its parent may have sent it what it cannot have inherited: it was there before the connection.
    var older = child
    older.process.startedNanoseconds = 1
    #expect(try inherited(.accept, [parent, older]) == [false, false])
    // Its own copies as well.
    let copy = Holder(process: worker, descriptor: 8, parent: nginx.pid)
    #expect(try inherited(.openFile, [parent, child, copy]) == [false, true, true])
  }

  @Test func `holds another holder responsible where the opener has let go`() throws {
    let ledger = AskedLedger()
    let holders = [Holder(process: worker, descriptor: 4)]
    let origin = try #require(ledger.events(record(.closeWait), holders: holders).first)
    #expect(origin.process == worker)
  }

  @Test func `tells the end of a CLOSE_WAIT that it told, once`() throws {
    let ledger = AskedLedger()
    #expect(try ledger.events(record(.closeWait)).count == 1)
    let end = try ledger.events(record(.closeWaitEnd))
    #expect(end.count == 1)
    guard case .closeWaitEnd(.close, _)? = end.first?.kind else { Issue.record("no end"); return }
    #expect(end.first?.process == worker)
  }

  @Test func `tells a CLOSE_WAIT with its end if it left before anybody looked`() throws {
    let ledger = AskedLedger()
    let events = try ledger.events(record(.closeWaitEnd))
    #expect(events.count == 2)
    guard case .closeWait? = events.first?.kind, case .closeWaitEnd? = events.last?.kind else {
      Issue.record("not a close_wait and its end")
      return
    }
  }

  @Test func `names nobody for a CLOSE_WAIT that a reset ended`() throws {
    let ledger = AskedLedger()
    _ = try ledger.events(record(.closeWait))
    let end = try ledger.events(
      record(.closeWaitEnd) {
        $0.closer = nil
        $0.cause = .reset
      })
    #expect(end.first?.process == nil)
    #expect(end.first?.attribution == .unknown)
  }

  @Test func `tells no end of a CLOSE_WAIT that the filter held back`() throws {
    var filter = OriginFilter()
    filter.pids = [1234]
    let ledger = AskedLedger(filter: filter)
    #expect(try ledger.events(record(.closeWait)).isEmpty)
    #expect(try ledger.events(record(.closeWaitEnd)).isEmpty)
  }
}

@Suite struct `The filter` {
  @Test func `passes a CLOSE_WAIT for any of its holders`() throws {
    var filter = OriginFilter()
    filter.comms = [Comm("worker")]
    let ledger = AskedLedger(filter: filter)
    let holders = [Holder(process: nginx, descriptor: 3), Holder(process: worker, descriptor: 4)]
    #expect(try ledger.events(record(.closeWait), holders: holders).count == 1)
    #expect(try ledger.events(record(.closeWait), holders: [holders[0]]).isEmpty)
  }

  @Test func `wants both, where a pid and a name are given`() throws {
    var filter = OriginFilter()
    filter.pids = [worker.pid]
    filter.comms = [Comm("nginx")]
    let ledger = AskedLedger(filter: filter)
    #expect(try ledger.events(record(.timeWait)).isEmpty)
  }

  @Test func `holds back the other role`() throws {
    var filter = OriginFilter()
    filter.role = .server
    let ledger = AskedLedger(filter: filter)
    #expect(try ledger.events(record(.timeWait)).isEmpty)
    #expect(try ledger.events(record(.timeWait) { $0.role = .server }).count == 1)
  }
}

@Suite struct `A peer` {
  private static func connection(_ family: Family, _ address: Address, _ port: UInt16 = 443) -> Connection {
    let endpoint = Endpoint(address: address, port: port)
    return Connection(
      family: family, netns: 1, local: Endpoint(address: Address(ipv4: 9, 9, 9, 9), port: 1), peer: endpoint)
  }

  private static let documentation = Address(ipv6: [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])

  @Test(
    arguments: [
      ("10.0.0.5", true, false), ("10.0.0.5:443", true, false), ("10.0.0.5:80", false, false),
      ("10.0.0.4", false, false), ("10.0.0.4/31", true, false), ("10.0.0.6/31", false, false),
      ("10.0.0.0/8", true, false), ("11.0.0.0/8", false, false), ("10.9.9.9/8:443", true, false),
      ("0.0.0.0/0", true, false), ("::ffff:10.0.0.5", true, false), ("::10.0.0.5", false, false),
      ("::/0", false, true), ("2001:db8::1", false, true), ("2001:db8::2", false, false),
      ("2001:db8::/32", false, true), ("2001:db9::/32", false, false), ("2001:db8::2/126", false, true),
      ("[2001:db8::1]", false, true), ("[2001:db8::1]:443", false, true), ("[2001:db8::1]:80", false, false),
      ("[2001:db8::/32]:443", false, true), ("2001:db8::1/64", false, true), ("8001:db8::/1", false, false),
    ] as [(String, Bool, Bool)])
  func `is what its text says`(text: String, ipv4: Bool, ipv6: Bool) throws {
    let pattern = try PeerPattern(parsing: text)
    #expect(pattern.matches(Self.connection(.ipv4, Address(ipv4: 10, 0, 0, 5))) == ipv4)
    #expect(pattern.matches(Self.connection(.ipv6, Self.documentation)) == ipv6)
  }

  @Test(arguments: [
    "", "host", "10.0.0", "10.0.0.256", "10.0.0.5/33", "10.0.0.5/-1", "10.0.0.5/", "10.0.0.5:0",
    "10.0.0.5:65536",
    "10.0.0.5:", ":80", "10.0.0.5:+80", "2001:db8::1/129", "[2001:db8::1]80", "[2001:db8::1", "[]:80", "::1%lo",
    "10.0.0.5 ", "10.0.0.5/8/8", "[10.0.0.5]x",
  ])
  func `refuses what is none`(text: String) {
    #expect(throws: PeerPattern.ParseError.self) { try PeerPattern(parsing: text) }
  }

  @Test func `passes the filter if it is one of those that are meant`() throws {
    var filter = OriginFilter()
    filter.peers = try [PeerPattern(parsing: "10.1.0.0/16"), PeerPattern(parsing: "2001:db8::/32")]
    let ledger = AskedLedger(filter: filter)
    for (address, isMeant) in [(Address(ipv4: 10, 1, 2, 3), true), (Address(ipv4: 10, 2, 2, 3), false)] {
      let events = try ledger.events(record(.timeWait) { $0.connection = Self.connection(.ipv4, address) })
      #expect(events.count == (isMeant ? 1 : 0))
    }
  }
}

@Suite struct `The account` {
  @Test func `counts by process, most first, and what has no name`() throws {
    let ledger = AskedLedger()
    var tally = Tally()
    for _ in 0..<2 { ledger.events(try record(.timeWait)).forEach { tally.count($0) } }
    ledger.events(try record(.finWait2) { $0.closer = nginx }).forEach { tally.count($0) }
    ledger.events(
      try record(.timeWait) {
        $0.closer = nil
        $0.opener = nil
      }
    ).forEach { tally.count($0) }
    tally.count(Loss(time: WallTime(nanoseconds: 0), count: 5, place: .ringBuffer))
    let summary = tally.summary(time: WallTime(nanoseconds: 0), durationNanoseconds: 1)
    #expect(summary.timeWait == Summary.Count(seen: 3, attributed: 2))
    #expect(summary.timeWait.unknown == 1)
    #expect(summary.finWait2 == Summary.Count(seen: 1, attributed: 1))
    #expect(summary.lost == 5)
    #expect(summary.processes.map(\.process.pid) == [worker.pid, nginx.pid])
  }

  @Test func `does not take two processes with one pid for one`() throws {
    let ledger = AskedLedger()
    var tally = Tally()
    ledger.events(try record(.timeWait)).forEach { tally.count($0) }
    ledger.events(try record(.timeWait) { $0.closer?.startedNanoseconds = 77 }).forEach { tally.count($0) }
    #expect(tally.summary(time: WallTime(nanoseconds: 0), durationNanoseconds: 1).processes.count == 2)
  }

  @Test func `adds up with another`() throws {
    let ledger = AskedLedger()
    var one = Tally()
    var other = Tally()
    ledger.events(try record(.timeWait)).forEach { one.count($0) }
    ledger.events(try record(.timeWait)).forEach { other.count($0) }
    one.add(other)
    let summary = one.summary(time: WallTime(nanoseconds: 0), durationNanoseconds: 1)
    #expect(summary.timeWait.seen == 2)
    #expect(summary.processes.map(\.timeWait) == [2])
  }
}

@Suite struct `A set of ports` {
  @Test(
    arguments: [
      ("80", [80], [79, 81]), ("80,443", [80, 443], [81]), ("8000-8002", [8000, 8001, 8002], [7999, 8003]),
      ("1-65535", [1, 65535], [0]), ("22,8000-8001,22", [22, 8000, 8001], [23]),
    ] as [(String, [UInt16], [UInt16])])
  func `has what its text says`(text: String, inside: [UInt16], outside: [UInt16]) throws {
    let ports = try PortSet(parsing: text)
    #expect(inside.allSatisfy(ports.contains))
    #expect(!outside.contains(where: ports.contains))
  }

  @Test(arguments: ["", "0", "70000", "80,", ",80", "-80", "80-", "a", "+80", "80 ", "10-5", "1-2-3", "８０"])
  func `refuses what is no port`(text: String) {
    #expect(throws: PortSet.ParseError.self) { try PortSet(parsing: text) }
  }
}
