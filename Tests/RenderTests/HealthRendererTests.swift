import Diagnosis
import Events
import Language
import Testing

@testable import Render

private func finding(_ change: (inout Finding) -> Void = { _ in }) -> Finding {
  var finding = Finding(
    rule: "port_exhaustion", title: "Ports run out", severity: .critical, netns: 4_026_531_840,
    subject: .tuple(
      family: .ipv4, local: Address(ipv4: 10, 0, 0, 1),
      peer: Endpoint(address: Address(ipv4: 10, 0, 0, 5), port: 8080)),
    seen: ["27,000 TIME_WAITs", "470 a second more"],
    figures: [.init("time_waits", 27_000), .init("share", 0.12345), .init("missing", Double?.none)],
    actors: [
      .init(Process(pid: 7, tid: 7, comm: Comm("a\u{1b}[31m"), startedNanoseconds: 1), "27,000 TIME_WAITs"),
      .init(nil, "the rest"),
    ],
    meaning: "It is full.", remedies: ["use a pool"],
    settings: [
      .init("tcp_tw_reuse", helps: true, "reuses them", command: "sysctl -w net.ipv4.tcp_tw_reuse=1"),
      .init("tcp_fin_timeout", helps: false, "is about FIN_WAIT2"),
    ],
    certainty: .certain, grounds: "the kernel counts", unknown: ["tcp_timestamps"], sources: ["RFC 9293"])
  change(&finding)
  return finding
}

private func report(_ findings: [Finding], _ change: (inout HealthReport) -> Void = { _ in }) -> HealthReport {
  var report = HealthReport(
    time: WallTime(nanoseconds: 1_795_215_121_000_000_000), kernel: "6.18.0",
    watchedNanoseconds: 10_000_000_000,
    namespaces: [4_026_531_840], findings: findings, account: ["12 ESTABLISHED"],
    figures: [.init("established", 12)], unknown: [], lost: 0)
  change(&report)
  return report
}

private func text(_ report: HealthReport) -> String {
  var line = LineBuffer()
  HealthRenderer().renderText(report, into: &line)
  return String(decoding: line.bytes, as: UTF8.self)
}

@Suite struct `A report of health` {
  @Test func `says all of a finding, with names made harmless`() {
    #expect(
      text(report([finding()])) == #"""
        Found: 1 critical. Watched for 10s, Linux 6.18.0.

        1. CRITICAL  Ports run out: 10.0.0.1 -> 10.0.0.5:8080
            seen       27,000 TIME_WAITs
                       470 a second more
            by         a\x1b[31m[7]: 27,000 TIME_WAITs
                       unknown process: the rest
            means      It is full.
            do         - use a pool
            helps      - tcp_tw_reuse: reuses them
                           sysctl -w net.ipv4.tcp_tw_reuse=1
            does not   - tcp_fin_timeout: is about FIN_WAIT2
            sure       certain: the kernel counts
            not known  tcp_timestamps
            source     RFC 9293

        The figures
        - 12 ESTABLISHED

        tcplinger has changed nothing: run the commands above if you agree.

        """#)
  }

  @Test func `says of a second finding of the rule only what is new`() {
    let second = finding {
      $0.remedies.insert("restart it", at: 0)
      $0.subject = .port(80)
    }
    let shown = text(report([finding(), second]))
    #expect(shown.contains("2. CRITICAL  Ports run out: port 80\n"))
    #expect(shown.contains("restart it"))
    #expect(shown.contains("the rest   as in 1"))
    #expect(shown.split(separator: "use a pool").count == 2)
  }

  @Test func `shows five of a kind, and says how many more there are`() {
    let shown = text(report((0..<7).map { port in finding { $0.subject = .port(UInt16(port)) } }))
    #expect(shown.contains("port 4\n") && !shown.contains("port 5\n"))
    #expect(shown.contains("Found: 7 critical."))
    #expect(shown.contains("\nAnd 2 more; --json has all of them.\n"))
  }

  @Test func `names the network namespace where there are several`() {
    let shown = text(report([finding()]) { $0.namespaces.append(5) })
    #expect(shown.contains("[network namespace 4026531840]"))
  }

  @Test func `says that nothing is wrong, and what is not known`() {
    let healthy = report([]) {
      $0.unknown = ["network namespace 5: cannot enter /run/netns/a\u{1b}b"]
      $0.lost = 3
    }
    #expect(
      text(healthy) == #"""
        Nothing wrong was found. Watched for 10s, Linux 6.18.0.

        The figures
        - 12 ESTABLISHED
        - LOST: 3 events of the watch; figures by process are too low

        Not known
        - network namespace 5: cannot enter /run/netns/a\x1bb

        """#)
  }

  @Test func `is one JSON object, with null for what is not known`() {
    var line = LineBuffer()
    HealthRenderer().renderJSON(report([finding()]), into: &line)
    #expect(
      String(decoding: line.bytes, as: UTF8.self) == #"""
        {"event":"doctor","schema":1,"time":"2026-11-20T22:52:01.000000000Z","kernel":"6.18.0","watched_s":10.000,\#
        "healthy":false,"netns":[4026531840],"findings":[{"rule":"port_exhaustion","severity":"critical",\#
        "title":"Ports run out","netns":4026531840,"local":{"address":"10.0.0.1"},\#
        "peer":{"address":"10.0.0.5","port":8080},"seen":["27,000 TIME_WAITs","470 a second more"],\#
        "figures":{"time_waits":27000,"share":0.123,"missing":null},\#
        "services":[],"actors":[{"pid":7,"comm":"a\u001b[31m","part":"27,000 TIME_WAITs"},\#
        {"pid":null,"comm":null,"part":"the rest"}],"meaning":"It is full.","remedies":["use a pool"],\#
        "settings":[{"name":"tcp_tw_reuse","helps":true,"why":"reuses them",\#
        "command":"sysctl -w net.ipv4.tcp_tw_reuse=1"},{"name":"tcp_fin_timeout","helps":false,\#
        "why":"is about FIN_WAIT2","command":null}],"certainty":"certain","grounds":"the kernel counts",\#
        "unknown":["tcp_timestamps"],"sources":["RFC 9293"]}],"figures":{"established":12},"unknown":[],"lost":0}

        """#)
  }

  @Test(arguments: [
    (0, "0"), (7, "7"), (1000, "1,000"), (28_232, "28,232"), (-1234, "-1,234"), (1_000_000, "1,000,000"),
  ])
  func `groups digits`(number: Int, shown: String) { #expect(Digits.grouped(number) == shown) }

  @Test(arguments: [(""), ("1"), ("80,443"), ("1-3,5"), ("65535"), ("1-65535"), ("8000-8999,65534-65535")])
  func `writes ports as they are read`(text: String) throws {
    #expect((text.isEmpty ? PortSet([]) : try PortSet(parsing: text)).description == text)
  }
}
