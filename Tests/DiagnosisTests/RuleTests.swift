import Events
import Language
import Testing

@testable import Diagnosis

/// Each rule on both sides of where it begins to speak.
@Suite struct RuleTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let rule: String
    let what: String
    let severity: Finding.Severity?
    let facts: Facts

    init(
      _ rule: String, _ what: String, _ severity: Finding.Severity?, _ spoil: (inout Facts) -> Void = { _ in },
      namespace: (inout NamespaceFacts) -> Void = { _ in }
    ) {
      self.rule = rule
      self.what = what
      self.severity = severity
      facts = Sample.host(spoil, namespace)
    }

    var testDescription: String { "\(rule): \(what)" }
  }

  private static func rising(_ counter: String, by count: UInt64) -> (inout NamespaceFacts) -> Void {
    { $0.countersAfter["TcpExt.\(counter)", default: 0] += count }
  }

  private static func setting(_ name: String, _ values: Int...) -> (inout NamespaceFacts) -> Void {
    { $0.settings[name] = values }
  }

  private static func timeWaits(
    _ count: Int, before: Int? = nil, _ more: @escaping (inout NamespaceFacts) -> Void = { _ in }
  ) -> (inout NamespaceFacts) -> Void {
    { facts in
      facts.sockets?.tuples = [Sample.tuple: count]
      facts.sockets?.tuplesBefore = [Sample.tuple: before ?? count]
      more(&facts)
    }
  }

  private static let ports: [Case] = [
    Case("port_exhaustion", "just under half", nil, namespace: timeWaits(14_115)),
    Case(
      "port_exhaustion", "open connections take ports as well", .warning,
      namespace: timeWaits(10_000) { $0.sockets?.openTuples = [Sample.tuple: 4116] }),
    Case(
      "port_exhaustion", "all of them are open, which reuse does not change", .critical,
      namespace: timeWaits(0) {
        $0.sockets?.openTuples = [Sample.tuple: 28_000]
        $0.settings["tcp_tw_reuse"] = [1]
      }),
    Case("port_exhaustion", "half", .warning, namespace: timeWaits(14_116)),
    Case("port_exhaustion", "just under nine tenths", .warning, namespace: timeWaits(25_408)),
    Case("port_exhaustion", "nine tenths", .critical, namespace: timeWaits(25_409)),
    Case(
      "port_exhaustion", "reserved ports are not usable", .warning,
      namespace: timeWaits(14_000) {
        $0.reservedPorts = PortSet(UInt16(40_000)...40_300)
      }),
    Case(
      "port_exhaustion", "reuse is on, and enough", .note,
      namespace: timeWaits(28_000, setting("tcp_tw_reuse", 1))),
    Case(
      "port_exhaustion", "reuse is on, and too slow", .critical, { $0.flows = [Sample.flow(290_000)] },
      namespace: timeWaits(28_000, setting("tcp_tw_reuse", 1))),
    Case(
      "port_exhaustion", "reuse cannot work without timestamps", .critical,
      namespace: timeWaits(28_000) {
        $0.settings["tcp_tw_reuse"] = [1]
        $0.settings["tcp_timestamps"] = [0]
      }),
    Case(
      "port_exhaustion", "few yet, at a rate that fills half", .warning, { $0.flows = [Sample.flow(2353)] },
      namespace: timeWaits(2353, before: 0)),
    Case(
      "port_exhaustion", "few yet, at a rate that does not", nil, { $0.flows = [Sample.flow(2352)] },
      namespace: timeWaits(2352, before: 0)),
    Case(
      "port_exhaustion", "a rate that leaves less than a minute", .critical, { $0.flows = [Sample.flow(5000)] },
      namespace: timeWaits(5000, before: 0)),
  ]

  private static let counters: [Case] = [
    Case("accept_queue_full", "no overflow", nil),
    Case("accept_queue_full", "an overflow", .critical, namespace: rising("ListenOverflows", by: 1)),
    Case("accept_queue_full", "drops alone", .warning, namespace: rising("ListenDrops", by: 1)),
    Case("syn_queue_full", "no drop", nil),
    Case("syn_queue_full", "a drop", .critical, namespace: rising("TCPReqQFullDrop", by: 1)),
    Case("syn_queue_full", "cookies", .warning, namespace: rising("TCPReqQFullDoCookies", by: 1)),
    Case("bucket_limit", "far from it", nil, namespace: { $0.sockets?.states["TIME_WAIT"] = 65_535 }),
    Case("bucket_limit", "half of it", .warning, namespace: { $0.sockets?.states["TIME_WAIT"] = 65_536 }),
    Case("bucket_limit", "an overflow", .warning, namespace: rising("TCPTimeWaitOverflow", by: 1)),
    Case("reset_on_close", "SO_LINGER", .note, namespace: rising("TCPAbortOnData", by: 1)),
    Case("reset_on_close", "unread data", .note, namespace: rising("TCPAbortOnClose", by: 1)),
    Case("reset_on_close", "neither", nil),
    Case("dead_peers", "none", nil),
    Case("dead_peers", "one", .note, namespace: rising("TCPAbortOnTimeout", by: 1)),
    Case("orphans", "under a quarter", nil, { $0.orphans = 32_767 }),
    Case("orphans", "a quarter", .warning, { $0.orphans = 32_768 }),
    Case("orphans", "resets", .critical, namespace: rising("TCPAbortOnMemory", by: 1)),
  ]

  private static let harmful: [Case] = [
    Case("buckets_lowered", "the default", nil),
    Case("buckets_lowered", "one less", .warning, namespace: setting("tcp_max_tw_buckets", 131_071)),
    Case(
      "buckets_lowered", "a namespace with the table of the host", .warning,
      namespace: {
        $0.settings["tcp_ehash_entries"] = [-262_144]
        $0.settings["tcp_max_tw_buckets"] = [5000]
      }),
    Case("tw_recycle", "not there", nil),
    Case("tw_recycle", "off", nil, namespace: setting("tcp_tw_recycle", 0)),
    Case("tw_recycle", "on", .critical, namespace: setting("tcp_tw_recycle", 1)),
    Case("reuse_without_timestamps", "both on", nil, namespace: setting("tcp_tw_reuse", 1)),
    Case(
      "reuse_without_timestamps", "on for all", .warning,
      namespace: {
        $0.settings["tcp_tw_reuse"] = [1]
        $0.settings["tcp_timestamps"] = [0]
      }),
    Case("reuse_without_timestamps", "on for loopback", .note, namespace: setting("tcp_timestamps", 0)),
    Case(
      "reuse_without_timestamps", "both off", nil,
      namespace: {
        $0.settings["tcp_tw_reuse"] = [0]
        $0.settings["tcp_timestamps"] = [0]
      }),
    Case(
      "range_overlaps_listeners", "just below", nil,
      namespace: { $0.listeners = [Listener(port: 32_767, queue: 0)] }),
    Case(
      "range_overlaps_listeners", "the first", .note,
      namespace: { $0.listeners = [Listener(port: 32_768, queue: 0)] }),
    Case(
      "range_overlaps_listeners", "the last", .note,
      namespace: { $0.listeners = [Listener(port: 60_999, queue: 0)] }),
    Case(
      "range_overlaps_listeners", "reserved", nil,
      namespace: {
        $0.listeners = [Listener(port: 40_000, queue: 0)]
        $0.reservedPorts = PortSet([40_000])
      }),
  ]

  private static let churn: [Case] = [
    Case("short_connections", "9.9 a second", nil, { $0.flows = [Sample.flow(99)] }),
    Case("short_connections", "10 a second", .note, { $0.flows = [Sample.flow(100)] }),
    Case("short_connections", "half the ports", .warning, { $0.flows = [Sample.flow(2353)] }),
    Case("short_connections", "transfers", nil, { $0.flows = [Sample.flow(100, bytes: 65_537)] }),
    Case("short_connections", "small enough", .note, { $0.flows = [Sample.flow(100, bytes: 65_536)] }),
    Case(
      "short_connections", "two processes of one name", .note,
      {
        var other = Sample.flow(50)
        other.process?.pid = 4124
        $0.flows = [Sample.flow(50), other]
      }),
    Case("short_connections", "a server's", nil, { $0.flows = [Sample.flow(100, .server)] }),
    Case(
      "short_connections", "99 that the peer closed", nil,
      namespace: { $0.countersAfter["Tcp.ActiveOpens"] = 106 }),
    Case(
      "short_connections", "100 that the peer closed", .note,
      namespace: { $0.countersAfter["Tcp.ActiveOpens"] = 107 }),
    Case("short_connections", "opened, and told already", nil, { $0.flows = [Sample.flow(99)] }) {
      $0.countersAfter["Tcp.ActiveOpens"] = 205
    },
    Case("server_closes_first", "9.9 a second", nil, { $0.flows = [Sample.flow(99, .server)] }),
    Case("server_closes_first", "10 a second", .note, { $0.flows = [Sample.flow(100, .server)] }),
    Case("server_closes_first", "a client's", nil, { $0.flows = [Sample.flow(100)] }),
  ]

  private static func leak(_ state: Origin.Kind) -> (inout Facts) -> Void {
    { facts in
      var log = WatchLog()
      log.add(.origin(Sample.origin(state)))
      facts.leaks = log.leaks { _ in nil }
    }
  }

  /// Two ends of one connection: the peer has only shut down its side, and waits.
  private static func halfClosed(by cause: Cause) -> (inout Facts) -> Void {
    { facts in
      var log = WatchLog()
      let here = Sample.closeWait(.eofRead)
      var there = Sample.origin(.finWait2(cause: cause, age: Age(nanoseconds: 5_000_000_000)))
      (there.connection.local, there.connection.peer) = (here.connection.peer, here.connection.local)
      there.process?.pid = 4125
      log.add(.origin(here))
      log.add(.origin(there))
      facts.leaks = log.leaks { _ in nil }
    }
  }

  /// A hundred usable ports, of which so many are taken by so many connections to two services.
  private static func ports(_ ports: Int, connections: Int) -> (inout NamespaceFacts) -> Void {
    { facts in
      facts.settings["ip_local_port_range"] = [40_000, 40_099]
      var other = Sample.tuple
      other.peer.port += 1
      facts.sockets?.openTuples = [Sample.tuple: connections / 2, other: connections - connections / 2]
      facts.sockets?.localPorts = [.init(family: .ipv4, address: Sample.local): ports]
    }
  }

  private static func descriptors(_ open: Int, of limit: Int) -> (inout Facts) -> Void {
    { facts in
      let reading = ProcessReading(descriptorsOpen: open, descriptorLimit: limit)
      if reading.isExhausted { facts.exhausted = [(Sample.client, reading)] }
    }
  }

  private static let leaks: [Case] = [
    Case("half_closed", "the peer has closed", nil, halfClosed(by: .close)),
    Case("half_closed", "the peer reads on", .note, halfClosed(by: .shutdown)),
    Case("close_wait", "the peer has closed, and is here", .warning, halfClosed(by: .close)),
    Case("close_wait", "the peer reads on", nil, halfClosed(by: .shutdown)),
    Case("fin_wait2", "its other end is here", nil, halfClosed(by: .close)),
    Case(
      "bind_before_connect", "none shared, nine tenths taken", .critical, namespace: ports(90, connections: 90)),
    Case("bind_before_connect", "none shared, fewer", nil, namespace: ports(89, connections: 89)),
    Case("bind_before_connect", "one shared", nil, namespace: ports(90, connections: 91)),
    Case("descriptors_exhausted", "one left", nil, descriptors(23, of: 24)),
    Case("descriptors_exhausted", "none left", .critical, descriptors(24, of: 24)),
    Case("close_wait", "none", nil),
    Case("close_wait", "one", .warning, leak(Sample.closeWait(.eofRead).kind)),
    Case("fin_wait2", "none", nil),
    Case("fin_wait2", "one", .note, leak(.finWait2(cause: .close, age: Age(nanoseconds: 2_000_000_000)))),
  ]

  static let cases = leaks + ports + counters + harmful + churn

  @Test(arguments: cases) func severity(_ example: Case) {
    #expect(Sample.report(example.facts).finding(example.rule)?.severity == example.severity)
  }

  @Test("Every rule is tried on both sides", arguments: Rule.all.map(\.id))
  func complete(rule: String) {
    #expect(Set(Self.cases.filter { $0.rule == rule }.map { $0.severity != nil }) == [true, false])
  }

  @Test("Every rule says what it means, by what, and where that stands", arguments: Rule.all.map(\.id))
  func wellFormed(id: String) throws {
    let rule = try #require(Rule.all.first { $0.id == id })
    #expect(!rule.title.isEmpty && !rule.meaning.isEmpty && !rule.evidence.isEmpty && !rule.sources.isEmpty)
    #expect(Rule.all.count { $0.id == id } == 1)
  }

  @Test("A healthy host has no finding, and its figures")
  func healthy() {
    let report = Sample.report(Sample.host({ _ in }) { $0.sockets?.timeWaits = (3000, 0) })
    #expect(report.findings.isEmpty)
    #expect(report.isHealthy)
    #expect(report.unknown.isEmpty)
    #expect(report.figures.first { $0.name == "time_wait_bytes" }?.value == 768_000.0)
  }

  @Test("The worst comes first, whatever the order of the rules")
  func order() {
    let report = Sample.report(
      Sample.host({ $0.flows = [Sample.flow(100)] }) { facts in
        facts.settings["tcp_max_tw_buckets"] = [5000]
        facts.settings["tcp_tw_recycle"] = [1]
      })
    #expect(report.findings.map(\.severity) == [.critical, .warning, .note])
  }
}
