import Events
import Testing

@testable import Render

private let clock = BootClock(offsetNanoseconds: 1_795_212_000_000_000_000)
private let nginx = Process(pid: 4123, tid: 4125, comm: Comm("nginx"), startedNanoseconds: 10_000_000)

private func origin(_ state: Origin.Kind, _ change: (inout Origin) -> Void = { _ in }) -> Origin {
  var origin = Origin(
    time: WallTime(nanoseconds: 1_795_215_121_123_456_789),
    connection: Connection(
      family: .ipv4, netns: 4_026_531_840, local: Endpoint(address: Address(ipv4: 10, 0, 0, 1), port: 51234),
      peer: Endpoint(address: Address(ipv4: 10, 0, 0, 5), port: 8080)),
    role: .client, process: nginx, attribution: .traced, opener: Opener(process: nginx, evidence: .connect),
    lifetimeNanoseconds: 3_142_000, bytesSent: 120, bytesReceived: 5120, kind: state)
  change(&origin)
  return origin
}

private func json(_ event: Event) -> String {
  var line = LineBuffer()
  JSONRenderer(clock: clock).render(event, into: &line)
  return String(decoding: line.bytes, as: UTF8.self)
}

private func text(_ origin: Origin, colour: Bool = false, repetitions: Int = 1) -> String {
  var line = LineBuffer()
  TextRenderer(times: TimeFormat(utcOffsetSeconds: 3600), isColoured: colour).render(
    origin, repetitions: repetitions, into: &line)
  return String(decoding: line.bytes, as: UTF8.self)
}

private let timeWait = Origin.Kind.timeWait(cause: .close, enteredFrom: .finWait2)

@Suite struct `JSON` {
  @Test func `of a TIME_WAIT has the fields of the contract`() {
    #expect(
      json(.origin(origin(timeWait))) == """
        {"event":"time_wait","time":"2026-11-20T22:52:01.123456789Z","family":"ipv4","netns":4026531840,\
        "role":"client","local":{"address":"10.0.0.1","port":51234},"peer":{"address":"10.0.0.5","port":8080},\
        "process":{"pid":4123,"tid":4125,"comm":"nginx","started":"2026-11-20T22:00:00.01Z"},\
        "opener":{"pid":4123,"tid":4125,"comm":"nginx","seen":"connect"},"attribution":"traced",\
        "lifetime_ms":3.142,"bytes_sent":120,"bytes_received":5120,"cause":"close","entered_from":"FIN_WAIT2"}

        """)
  }

  @Test func `has null for what is not known`() {
    let unknown = origin(.timeWait(cause: .unknown, enteredFrom: .closing)) {
      $0.process = nil
      $0.opener = nil
      $0.attribution = .unknown
      $0.lifetimeNanoseconds = nil
      $0.bytesSent = nil
      $0.bytesReceived = nil
      $0.role = .unknown
    }
    #expect(
      json(.origin(unknown)).contains(
        """
        "process":null,"opener":null,"attribution":"unknown","lifetime_ms":null,"bytes_sent":null,\
        "bytes_received":null,"cause":"unknown","entered_from":"CLOSING"}
        """))
  }

  @Test func `of a CLOSE_WAIT lists every holder`() {
    let closeWait = Origin.CloseWait(
      reason: .dataUnread, age: Age(nanoseconds: 5_000_400_000, isEstimate: true), unreadBytes: 17,
      holders: [Holder(process: nginx, descriptor: 211), Holder(process: nginx, descriptor: 212)])
    #expect(
      json(.origin(origin(.closeWait(closeWait)))).contains(
        """
        "age_ms":5000.400,"age_is_estimate":true,"reason":"data_unread","unread_bytes":17,"unsent_bytes":0,"holders":[\
        {"pid":4123,"tid":4125,"comm":"nginx","fd":211},{"pid":4123,"tid":4125,"comm":"nginx","fd":212}]}
        """))
  }

  @Test func `of a mapped connection says so`() {
    let mapped = origin(timeWait) { $0.connection.isMapped = true }
    #expect(json(.origin(mapped)).contains("\"family\":\"ipv4\",\"mapped\":true,"))
  }

  @Test(
    arguments: [
      ([0x61, 0x22, 0x5c, 0x62], #""a\"\\b""#),  // quote and backslash
      ([0x1b, 0x5b, 0x33, 0x31, 0x6d], #""\u001b[31m""#),  // an escape sequence
      ([0x0a, 0x00], #""\u000a""#),  // a line feed
      ([0xff, 0x61], "\"\u{FFFD}a\""),  // no UTF-8
      ([0xe2, 0x82], "\"\u{FFFD}\u{FFFD}\""),  // UTF-8 cut short
      ([0xc2, 0x9b], #""\u009b""#),  // a control character of C1
      ([0xc3, 0xa9], "\"é\""),
      ([0xe2, 0x80, 0xae], #""\u202e""#),  // turns the direction of the line
    ] as [([UInt8], String)])
  func `of a hostile name is valid and harmless`(bytes: [UInt8], expected: String) {
    var line = LineBuffer()
    line.append(json: Comm(bytes))
    #expect(String(decoding: line.bytes, as: UTF8.self) == expected)
  }

  @Test func `of a summary is the account`() {
    var tally = Tally()
    tally.count(origin(timeWait))
    let summary = tally.summary(time: WallTime(nanoseconds: 0), durationNanoseconds: 2_500_000_000)
    #expect(
      json(.summary(summary)) == """
        {"event":"summary","time":"1970-01-01T00:00:00.000000000Z","duration_s":2.500,\
        "time_wait":{"seen":1,"attributed":1},"close_wait":{"seen":0,"attributed":0},\
        "fin_wait2":{"seen":0,"attributed":0},"lost":0,"processes":[{"pid":4123,"comm":"nginx",\
        "time_wait":1,"close_wait":0,"fin_wait2":0}],"services":[],"unkept_contexts":0}

        """)
  }
}

@Suite struct `Text` {
  @Test func `stands under its header`() {
    var line = LineBuffer()
    TextRenderer(times: TimeFormat(utcOffsetSeconds: 0), isColoured: false).renderHeader(into: &line)
    let lines = String(decoding: line.bytes, as: UTF8.self) + text(origin(timeWait))
    #expect(
      lines == """
        TIME          STATE       PID     COMM         LOCAL                      PEER                          LIFE       CAUSE
        23:52:01.123  TIME_WAIT   4123    nginx        10.0.0.1:51234          -> 10.0.0.5:8080                 3.1ms      close

        """)
  }

  @Test func `of a wide value pushes its own line only`() {
    let wide = origin(timeWait) {
      $0.connection.family = .ipv6
      $0.connection.local.address = Address(ipv6: [0x20, 1, 0xd, 0xb8, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6])
      $0.peerProcess = Process(pid: 812, tid: 812, comm: Comm("postgres"), startedNanoseconds: 0)
    }
    #expect(
      text(wide) == """
        23:52:01.123  TIME_WAIT   4123    nginx        [2001:db8:1:2:3:4:5:6]:51234 -> [::10.0.0.5]:8080 postgres[812] \
        3.1ms close

        """)
  }

  @Test func `names the process at the other end behind its address, and JSON has it as well`() {
    let known = origin(timeWait) {
      $0.peerProcess = Process(pid: 812, tid: 812, comm: Comm("post\u{1b}gres"), startedNanoseconds: 0)
      $0.thread = Comm("pool-3")
      $0.openerThread = Comm("pool-3")
    }
    #expect(text(known).contains("-> 10.0.0.5:8080 post\\x1bgres[812] "))
    #expect(json(.origin(known)).contains(#""peer_process":{"pid":812,"comm":"post\u001bgres"},"attribution""#))
    #expect(json(.origin(known)).contains(#""comm":"nginx","thread":"pool-3","started""#))
    #expect(json(.origin(known)).contains(#""comm":"nginx","thread":"pool-3","seen""#))
  }

  @Test func `of a reset says why, in words and in the contract's word`() {
    #expect(text(origin(.reset(cause: .dataAfterClose))).contains("RESET       4123    nginx"))
    #expect(text(origin(.reset(cause: .dataAfterClose))).hasSuffix("data came after close()\n"))
    #expect(
      json(.origin(origin(.reset(cause: .dataAfterClose)))).hasSuffix(#","cause":"data_after_close"}"# + "\n"))
  }

  @Test func `names nobody where nobody is known`() {
    let unknown = origin(timeWait) {
      $0.process = nil
      $0.role = .unknown
    }
    #expect(text(unknown).contains("TIME_WAIT   -       -            10.0.0.1:51234          -- 10.0.0.5:8080"))
  }

  @Test func `says what keeps a CLOSE_WAIT, and who else has it`() {
    let other = Process(pid: 9, tid: 9, comm: Comm("worker"), startedNanoseconds: 0)
    let closeWait = Origin.CloseWait(
      reason: .eofRead, age: Age(nanoseconds: 5_000_000_000), unreadBytes: 0,
      holders: [Holder(process: other, descriptor: 9), Holder(process: nginx, descriptor: 211)])
    #expect(
      text(origin(.closeWait(closeWait))).contains("held 5s    eof_read, fd 211, also held by worker[9] fd 9\n")
    )
  }

  @Test func `names a holder once, with all its descriptors and whether it inherited`() {
    func held(_ pid: UInt32, _ descriptor: UInt32, inherited: Bool = false) -> Holder {
      let process = Process(pid: pid, tid: pid, comm: Comm("kid"), startedNanoseconds: 0)
      var holder = Holder(process: process, descriptor: descriptor)
      holder.isInherited = inherited
      return holder
    }
    let holders = [
      Holder(process: nginx, descriptor: 7), held(5001, 4, inherited: true), held(5001, 8), held(5002, 4),
      held(5003, 4), held(5003, 5),
    ]
    let closeWait = Origin.Kind.closeWait(
      .init(reason: .eofRead, age: Age(nanoseconds: 5_000_000_000), unreadBytes: 0, holders: holders))
    #expect(
      text(origin(closeWait)).hasSuffix(
        "eof_read, fd 7, also held by kid[5001] fd 4+8 (inherited), also held by kid[5002] fd 4, and 1 more\n"))
    #expect(
      json(.origin(origin(closeWait))).contains(#""pid":5001,"tid":5001,"comm":"kid","fd":4,"inherited":true}"#)
    )
    #expect(json(.origin(origin(closeWait))).contains(#""pid":5001,"tid":5001,"comm":"kid","fd":8}"#))
  }

  @Test func `is aligned alike with colour and without`() {
    let coloured = text(origin(timeWait), colour: true)
    #expect(coloured.contains("\u{1b}[36mTIME_WAIT\u{1b}[0m"))
    #expect(
      coloured.replacing("\u{1b}[36m", with: "").replacing("\u{1b}[0m", with: "") == text(origin(timeWait)))
  }

  @Test func `of a fold says how many it stands for`() {
    #expect(text(origin(timeWait), repetitions: 40).hasSuffix("close ×40\n"))
  }

  @Test(
    arguments: [
      ([0x1b, 0x5b, 0x32, 0x4a], #"\x1b[2J"#), ([0x5c], #"\\"#), ([0xff], #"\xff"#),
      ([0xc2, 0x9b], #"\u{9b}"#),
      ([0x7f], #"\x7f"#), ([0xc3, 0xa9], "é"),
    ] as [([UInt8], String)])
  func `of a hostile name cannot steer the terminal`(bytes: [UInt8], expected: String) {
    var line = LineBuffer()
    line.append(escaping: Comm(bytes))
    #expect(String(decoding: line.bytes, as: UTF8.self) == expected)
  }

  @Test(
    arguments: [
      (0, "0us"), (999, "0.9us"), (1500, "1.5us"), (25_000, "25us"), (3_142_000, "3.1ms"), (50_000_000, "50ms"),
      (1_000_000_000, "1s"), (1_250_000_000, "1.2s"), (59_999_000_000, "59s"), (65_000_000_000, "1m05s"),
      (3_900_000_000_000, "1h05m"), (90_000_000_000_000, "25h00m"),
    ] as [(UInt64, String)])
  func `of a span of time is short`(nanoseconds: UInt64, expected: String) {
    var line = LineBuffer()
    line.append(span: nanoseconds)
    #expect(String(decoding: line.bytes, as: UTF8.self) == expected)
  }
}

@Suite struct `The list of leaks` {
  private static func closeWait(_ reason: Reason, _ queue: AcceptQueue? = nil) -> Origin.Kind {
    .closeWait(
      .init(
        reason: reason, age: Age(nanoseconds: 5_000_000_000), unreadBytes: 3,
        holders: [Holder(process: nginx, descriptor: 5)], acceptQueue: queue))
  }

  /// Rows of one process for three reasons, and one of another end; descriptors grow by 21 a second.
  private static func render(
    _ body: (LeakRenderer, [LeakRenderer.Row], [LeakRenderer.Row], inout LineBuffer) -> Void
  )
    -> String
  {
    var report = LeakReport()
    for _ in 0..<4 { report.add(origin(closeWait(.notAccepted, AcceptQueue(length: 9, limit: 64)))) }
    for _ in 0..<3 { report.add(origin(closeWait(.eofRead))) }
    for _ in 0..<2 { report.add(origin(closeWait(.dataUnread))) }
    report.add(origin(.finWait2(cause: .close, age: Age(nanoseconds: 2_000_000_000))))
    func row(_ group: LeakReport.Group) -> LeakRenderer.Row {
      .init(group: group, descriptorsOpen: 790, descriptorLimit: 1000, growth: 0.5, descriptorGrowth: 21)
    }
    var line = LineBuffer()
    body(LeakRenderer(), report.leaks.map(row), report.stuck.map(row), &line)
    return String(decoding: line.bytes, as: UTF8.self)
  }

  @Test func `foretells once a process when its descriptors run out, where the connections have some`() {
    let text = Self.render { renderer, leaks, stuck, line in
      renderer.renderText(leaks: leaks, stuck: stuck, into: &line)
    }
    #expect(
      text == """
        CLOSE_WAIT: the peer has closed, the process has not
        PID     COMM             COUNT    REASON        OLDEST   GROWTH     DESCRIPTORS         PEERS
        4123    nginx            4        not_accepted  5s       +0.5/s     790/1,000           10.0.0.5:8080 (4)
                accept queue 9 of 64, one waits for 5s
        4123    nginx            3        eof_read      5s       +0.5/s     790/1,000           10.0.0.5:8080 (3)
                descriptors +21/s, they run out in 10s
        4123    nginx            2        data_unread   5s       +0.5/s     790/1,000           10.0.0.5:8080 (2)
                6 bytes unread

        FIN_WAIT2: the process has closed, or shut down its side, and the peer has not closed
        PID     COMM             COUNT    REASON        OLDEST   GROWTH     DESCRIPTORS         PEERS
        4123    nginx            1        peer_open     2s       +0.5/s     790/1,000           10.0.0.5:8080 (1)

        """)
  }

  @Test(arguments: [-21, -0.04, 0, 1 / 60, 1e9] as [Double])
  func `takes any growth of descriptors, up or down`(growth: Double) {
    var report = LeakReport()
    report.add(origin(Self.closeWait(.eofRead)))
    let rows = report.leaks.map {
      LeakRenderer.Row(
        group: $0, descriptorsOpen: 790, descriptorLimit: 1_073_741_816, growth: growth,
        descriptorGrowth: growth)
    }
    var line = LineBuffer()
    LeakRenderer().renderText(leaks: rows, stuck: [], into: &line)
    LeakRenderer().renderJSON(time: WallTime(nanoseconds: 0), leaks: rows, stuck: [], lost: 0, into: &line)
    let text = String(decoding: line.bytes, as: UTF8.self)
    #expect(text.contains(growth == -21 ? "-21/s" : "/s"))
    #expect(text.contains("they run out in") == (growth > 1))
  }

  @Test func `shows that connections become fewer, and foretells nothing then`() {
    var report = LeakReport()
    for _ in 0..<3 { report.add(origin(Self.closeWait(.eofRead))) }
    let rows = report.leaks.map {
      LeakRenderer.Row(
        group: $0, descriptorsOpen: 790, descriptorLimit: 1000, growth: -3, descriptorGrowth: -2.5)
    }
    var text = LineBuffer()
    LeakRenderer().renderText(leaks: rows, stuck: [], into: &text)
    #expect(
      String(decoding: text.bytes, as: UTF8.self) == """
        CLOSE_WAIT: the peer has closed, the process has not
        PID     COMM             COUNT    REASON        OLDEST   GROWTH     DESCRIPTORS         PEERS
        4123    nginx            3        eof_read      5s       -3.0/s     790/1,000           10.0.0.5:8080 (3)

        """)
    var json = LineBuffer()
    LeakRenderer().renderJSON(time: WallTime(nanoseconds: 0), leaks: rows, stuck: [], lost: 0, into: &json)
    let object = String(decoding: json.bytes, as: UTF8.self)
    #expect(object.contains(#""growth_per_s":-3.0,"#))
    #expect(object.contains(#""descriptors_growth_per_s":-2.5,"exhausted_in_s":null,"#))
  }

  @Test func `fits a terminal of 80 columns, peers below`() {
    let text = Self.render { _, leaks, _, line in
      LeakRenderer(width: 80).renderText(leaks: Array(leaks.dropFirst().prefix(1)), stuck: [], into: &line)
    }
    #expect(
      text == """
        CLOSE_WAIT: the peer has closed, the process has not
        PID     COMM            COUNT   REASON        OLDEST  GROWTH   DESCRIPTORS
        4123    nginx           3       eof_read      5s      +0.5/s   790/1,000
                10.0.0.5:8080 (3)
                descriptors +21/s, they run out in 10s

        """)
  }

  @Test func `foretells in JSON for each group whose connections have descriptors, and for no other`() {
    let json = Self.render { renderer, leaks, stuck, line in
      renderer.renderJSON(
        time: WallTime(nanoseconds: 0), leaks: leaks, stuck: stuck, lost: 7, into: &line)
    }
    let forecasts = json.split(separator: "\"exhausted_in_s\":").dropFirst().map { $0.prefix { $0 != "," } }
    #expect(forecasts == ["null", "10.0", "10.0", "null"])
    #expect(json.contains(#""descriptors_growth_per_s":21.0"#))
    #expect(json.hasSuffix(#"],"lost":7}"# + "\n"))
  }

  @Test func `grows by the connections of a group, and by all descriptors of its process`() throws {
    func report(_ count: Int) -> LeakReport {
      var report = LeakReport()
      for _ in 0..<count { report.add(origin(Self.closeWait(.eofRead))) }
      return report
    }
    let trend = LeakTrend(since: report(10), descriptors: [nginx.identity: 100], seconds: 2)
    let group = try #require(report(50).leaks.first)
    #expect(trend.growth(of: group) == 20)
    #expect(trend.descriptorGrowth(of: nginx, open: 142) == 21)
    // The same pid, another process; and the first look.
    let stranger = Process(pid: nginx.pid, tid: 1, comm: nginx.comm, startedNanoseconds: 9)
    #expect(trend.descriptorGrowth(of: stranger, open: 142) == nil)
    #expect(LeakTrend().growth(of: group) == nil)
    // One more in a minute, of the limit that containers have.
    #expect(LeakTrend.secondsLeft(open: 100, limit: 1_073_741_816, growthPerSecond: 1 / 60) == nil)
    #expect(LeakTrend.secondsLeft(open: 100, limit: 50, growthPerSecond: -3) == nil)
    #expect(LeakTrend.secondsLeft(open: 100, limit: 50, growthPerSecond: 3) == 0)
  }
}

@Suite struct `The folder` {
  @Test func `lets through what a person can follow, and folds the rest by process and service`() {
    var folder = Folder(linesPerSecond: 2)
    let other = origin(timeWait) { $0.process?.pid = 5 }
    let admitted = [origin(timeWait), origin(timeWait), origin(timeWait), other, origin(timeWait)]
      .enumerated().map { folder.admits($1, atNanoseconds: UInt64($0)) }
    #expect(admitted == [true, true, false, false, false])
    #expect(folder.dueNanoseconds == 1_000_000_000)
    let folds = folder.takeFolds()
    #expect(folds.map(\.count) == [2, 1])
    #expect(folds.map(\.latest.process?.pid) == [4123, 5])
    #expect(folder.dueNanoseconds == nil)
    let later = folder.admits(origin(timeWait), atNanoseconds: 1_000_000_001)
    #expect(later)
  }

  @Test func `folds the clients of a server together, whatever their ports`() {
    var folder = Folder(linesPerSecond: 0)
    for port in UInt16(1)...3 {
      _ = folder.admits(
        origin(timeWait) {
          $0.role = .server
          $0.connection.peer.port = port
        }, atNanoseconds: 0)
    }
    let counts = folder.takeFolds().map(\.count)
    #expect(counts == [3])
  }
}
