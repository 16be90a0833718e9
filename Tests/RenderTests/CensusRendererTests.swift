import Events
import Testing

@testable import Render

private func process(_ pid: UInt32, _ comm: String) -> Process {
  Process(pid: pid, tid: pid, comm: Comm(comm), startedNanoseconds: 1)
}

private func group(
  _ state: TCPState, _ change: (inout SocketCensus.Group) -> Void = { _ in }
) -> SocketCensus.Group {
  var group = SocketCensus.Group(state: state, netns: 4_026_532_001)
  change(&group)
  return group
}

private func report(
  _ grouping: CensusReport.Grouping, _ groups: [(SocketCensus.Group, Int)], limit: Int? = nil
) -> CensusReport {
  var census = SocketCensus()
  census.namespaces = [4_026_532_001]
  for (group, count) in groups { census.add(group, .init(sockets: count, shared: count == 12 ? 3 : 0)) }
  return CensusReport(census, by: grouping, limit: limit)
}

private func text(_ report: CensusReport, _ names: [UInt32: String] = [:]) -> String {
  var line = LineBuffer()
  CensusRenderer(report, names: names).renderText(into: &line)
  return String(decoding: line.bytes, as: UTF8.self)
}

private func json(_ report: CensusReport, _ names: [UInt32: String] = [:]) -> String {
  var line = LineBuffer()
  CensusRenderer(report, names: names).renderJSON(
    time: WallTime(nanoseconds: 1_795_215_121_123_456_789), into: &line)
  return String(decoding: line.bytes, as: UTF8.self)
}

private let owned = [
  (group(.timeWait) { $0.owner = .closer(process(4123, "web\u{1b}[31m")) }, 28_231),
  (group(.established) { $0.owner = .holder(process(99, "nginx")) }, 12),
  (group(.established) { $0.owner = .listener(process(991, "slow")) }, 4),
  (group(.timeWait) { $0.owner = .beforeWatch }, 3),
  (group(.finWait2) { $0.owner = .closed }, 2),
]

private func ipv6(_ last: UInt8) -> Address {
  Address(ipv6: [0x20, 1] + [UInt8](repeating: 0, count: 13) + [last])
}

private let tuples = [
  (
    group(.timeWait) {
      ($0.family, $0.local, $0.peer) = (.ipv4, Address(ipv4: 10, 0, 0, 1), Address(ipv4: 10, 0, 0, 5))
      $0.peerPort = 8080
    }, 28_231
  ),
  (
    group(.timeWait) {
      ($0.family, $0.local, $0.peer) = (.ipv6, ipv6(1), ipv6(2))
      ($0.role, $0.localPort) = (.server, 443)
    }, 7
  ),
]

@Suite struct `The text of a census` {
  @Test func `by state`() {
    #expect(
      text(
        report(.state, [(group(.timeWait), 28_231), (group(.established), 1), (group(.listen), 2)], limit: 2))
          == """
          COUNT      STATE
          28,231     TIME_WAIT
          2          LISTEN
          1          in 1 more rows (--limit shows more)
          28,234 sockets in 1 network namespace

          """)
  }

  @Test func `by process, with hostile names escaped`() {
    #expect(
      text(report(.process, owned)) == """
        COUNT      STATE        PID     COMM             PROCESS
        28,231     TIME_WAIT    4123    web\\x1b[31m      closed first
        12         ESTABLISHED  99      nginx            has it open, 3 held by other processes as well
        4          ESTABLISHED  991     slow             has not accepted it
        3          TIME_WAIT    -       -                began before the watch
        2          FIN_WAIT2    -       -                its process has closed it
        28,252 sockets in 1 network namespace

        """)
  }

  @Test func `by tuple`() {
    #expect(
      text(report(.tuple, tuples)) == """
        COUNT      STATE        LOCAL                   PEER
        28,231     TIME_WAIT    10.0.0.1             -- 10.0.0.5:8080
        7          TIME_WAIT    [2001::1]:443        <- 2001::2
        28,238 sockets in 1 network namespace

        """)
  }

  @Test func `by network namespace, with its name escaped`() {
    #expect(
      text(report(.netns, [(group(.timeWait), 5)]), [4_026_532_001: "a\u{7}b"]) == """
        COUNT      STATE        NETNS       NAME
        5          TIME_WAIT    4026532001  a\\x07b
        5 sockets in 1 network namespace

        """)
  }

  @Test func `says that what has no process may have been lost`() {
    var report = report(.process, [(group(.timeWait) { $0.owner = .beforeWatch }, 3)])
    report.lost = 2
    #expect(text(report).contains("began before the watch, or was lost\n"))
  }
}

@Suite struct `The JSON of a census` {
  private static let head =
    "{\"event\":\"census\",\"schema\":1,\"time\":\"2026-11-20T22:52:01.123456789Z\",\"by\":"

  @Test func `by process`() {
    var report = report(.process, [owned[1], owned[3]])
    (report.lost, report.watchedNanoseconds) = (0, 10_002_000_000)
    #expect(
      json(report) == Self.head + """
        "process","watched_s":10.002,"sockets":15,"rows":[\
        {"count":12,"state":"ESTABLISHED","pid":99,"comm":"nginx","owner":"holder","shared":3},\
        {"count":3,"state":"TIME_WAIT","pid":null,"comm":null,"owner":"before_watch","shared":0}],\
        "left_out":{"rows":0,"sockets":0},"namespaces":1,"unread_namespaces":0,"uncounted":0,"unowned":0,"lost":0}

        """)
  }

  @Test func `by tuple`() {
    #expect(
      json(report(.tuple, tuples, limit: 1)) == Self.head + """
        "tuple","watched_s":null,"sockets":28238,"rows":[\
        {"count":28231,"state":"TIME_WAIT","netns":4026532001,"role":"unknown",\
        "local":{"address":"10.0.0.1","port":null},"peer":{"address":"10.0.0.5","port":8080}}],\
        "left_out":{"rows":1,"sockets":7},"namespaces":1,"unread_namespaces":0,"uncounted":0,"unowned":0,"lost":null}

        """)
  }
}
