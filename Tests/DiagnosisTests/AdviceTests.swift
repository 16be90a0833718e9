import Events
import Language
import Testing

@testable import Diagnosis

/// What is said, and what is said not to be known.
@Suite struct AdviceTests {
  private static func exhausted(
    flows: [Flow] = [], tuple: SocketCounts.Tuple = Sample.tuple,
    _ spoil: (inout NamespaceFacts) -> Void = { _ in }
  ) throws -> Finding {
    let facts = Sample.host({ $0.flows = flows }) { facts in
      facts.sockets?.tuples = [tuple: 28_000]
      spoil(&facts)
    }
    return try #require(Sample.report(facts).finding("port_exhaustion"))
  }

  struct Reused: Sendable {
    let reuse: Int
    let timestamps: Int
    let isLoopback: Bool
    /// What is offered; nil: it works as it is.
    let offered: String?
  }

  @Test(
    "What would let a TIME_WAIT be reused",
    arguments: [
      Reused(reuse: 0, timestamps: 1, isLoopback: false, offered: "tcp_tw_reuse"),
      Reused(reuse: 0, timestamps: 1, isLoopback: true, offered: "tcp_tw_reuse"),
      Reused(reuse: 1, timestamps: 1, isLoopback: false, offered: nil),
      Reused(reuse: 2, timestamps: 1, isLoopback: false, offered: "tcp_tw_reuse"),
      Reused(reuse: 2, timestamps: 1, isLoopback: true, offered: nil),
      Reused(reuse: 2, timestamps: 0, isLoopback: true, offered: "tcp_timestamps"),
      Reused(reuse: 1, timestamps: 0, isLoopback: false, offered: "tcp_timestamps"),
    ]) func reuse(_ example: Reused) throws
  {
    let loopback = SocketCounts.Tuple(
      family: .ipv4, local: Sample.local, peer: Endpoint(address: Address(ipv4: 127, 9, 9, 9), port: 80))
    let finding = try Self.exhausted(tuple: example.isLoopback ? loopback : Sample.tuple) {
      $0.settings["tcp_tw_reuse"] = [example.reuse]
      $0.settings["tcp_timestamps"] = [example.timestamps]
    }
    let offered = finding.settings.first { $0.helps && $0.name.hasPrefix("tcp_t") }
    #expect(offered?.name == example.offered)
    #expect((offered?.command == nil) == (example.offered == nil))
    #expect((finding.severity == .note) == (example.offered == nil))
  }

  @Test("Before Linux 6.14 the delay is a second, and no setting")
  func olderKernel() throws {
    let finding = try Self.exhausted {
      $0.settings["tcp_tw_reuse_delay"] = nil
      $0.settings["tcp_tw_reuse"] = [1]
    }
    #expect(finding.seen.contains { $0.contains("older than 1,000 ms") })
    #expect(finding.setting("tcp_tw_reuse_delay") == nil)
  }

  @Test(
    "What does not help is named: the settings of the web pages",
    arguments: ["tcp_fin_timeout", "tcp_max_tw_buckets", "tcp_tw_recycle"])
  func doesNotHelp(name: String) throws {
    let setting = try #require(try Self.exhausted().setting(name))
    #expect(!setting.helps)
    #expect(setting.command == nil)
  }

  @Test("Seconds until connect() fails: what is free by what is added")
  func forecast() throws {
    let facts = Sample.host({ $0.flows = [Sample.flow(6000)] }) { facts in
      facts.sockets?.tuples = [Sample.tuple: 16_232]
      facts.sockets?.tuplesBefore = [Sample.tuple: 10_232]
    }
    let finding = try #require(Sample.report(facts).finding("port_exhaustion"))
    // 12,000 are free, 600 a second come.
    #expect(finding.figure("exhausted_in_s") == 20)
    #expect(finding.figure("new_per_s") == 600)
  }

  @Test(
    "A program is recognised by its executable, with a version or without, and its command line",
    arguments: [
      ("nginx", "nginx: worker process", "nginx"), ("php-fpm8.2", "php-fpm: pool www", "PHP-FPM"),
      ("php", "php a.php", "PHP"), ("php8.2", "php a.php", "PHP"),
      ("python3.11", "python3 worker.py", "Python"),
      ("python3.11", "/usr/bin/python3 /usr/bin/gunicorn app:app", "gunicorn"),
      ("python3.11", "python3 -m uvicorn app:app", "uvicorn"), ("node", "node server.js", "Node.js"),
      ("java", "java -jar billing.jar", "Java"), ("haproxy", "haproxy", "HAProxy"),
      ("apache2", "apache2", "Apache httpd"),
      ("wrk", "wrk -c 10", "wrk"), ("redis-benchmark", "redis-benchmark", "redis-benchmark"),
      ("node_exporter", "node_exporter", nil), ("javac", "javac", nil), ("phpunit", "phpunit", nil),
      ("", "", nil),
      ("shop", "shop", nil),
    ] as [(String, String, String?)]) func runtime(executable: String, line: String, runtime: String?)
  {
    let words = line.split(separator: " ").map(String.init)
    #expect(Runtime.named(executable, words)?.name == runtime)
  }

  @Test("Each row names its source, and what it advises")
  func rows() {
    for runtime in Runtime.all {
      #expect(!runtime.source.isEmpty)
      #expect(runtime.isLoadGenerator || runtime.asClient != nil || runtime.asServer != nil)
    }
  }

  @Test("What the linker of Go wrote is Go's; a program that nobody knows gets no language's advice")
  func unknownProgram() {
    #expect(Runtime.of(Program(executable: "shop", isGo: true))?.name == "Go")
    #expect(Runtime.of(Program(executable: "shop")) == nil)
    #expect(Runtime.of(nil) == nil)
    #expect(Runtime.advice(for: [Sample.flow(3000)]).isEmpty)
  }

  @Test("The executable counts, and not the name of the process")
  func executable() throws {
    var flow = Sample.flow(3000, comm: "MainThread")
    flow.program = Program(executable: "node", commandLine: ["node", "server.js"])
    let finding = try Self.exhausted(flows: [flow])
    #expect(finding.remedies.first?.hasPrefix("Node.js: ") == true)
  }

  @Test("A load generator is said to be one")
  func loadGenerator() throws {
    var flow = Sample.flow(3000, comm: "wrk")
    flow.program = Program(executable: "wrk")
    #expect(try Self.exhausted(flows: [flow]).remedies.first?.contains("load generator") == true)
  }

  @Test(
    "A fact that is not known is named, and nothing else stops", arguments: ["tcp_tw_reuse", "tcp_timestamps"])
  func unknownSetting(name: String) throws {
    let finding = try Self.exhausted { facts in
      facts.settings["tcp_tw_reuse"] = [1]
      facts.settings[name] = nil
    }
    #expect(finding.severity == .critical)
    #expect(finding.unknown.contains { $0.hasPrefix(name) })
  }

  @Test("On a kernel that says nothing every rule stays silent, and says why")
  func knowsNothing() {
    let facts = Facts(watchedNanoseconds: 0, namespaces: [NamespaceFacts(inode: 1)])
    let report = Sample.report(facts)
    #expect(report.findings.isEmpty)
    for rule in [
      "port_exhaustion", "accept_queue_full", "syn_queue_full", "bucket_limit", "buckets_lowered", "orphans",
    ] {
      #expect(report.unknown.contains { $0.hasPrefix("\(rule): ") }, "\(rule)")
    }
    // It was removed: that it is missing is no gap.
    #expect(!report.unknown.contains { $0.hasPrefix("tw_recycle") })
  }

  @Test("A counter that was set back, or is missing, did not rise", arguments: [nil, 3] as [UInt64?])
  func counterSetBack(after: UInt64?) {
    let facts = Sample.host({ _ in }) { $0.countersAfter["TcpExt.ListenOverflows"] = after }
    let report = Sample.report(facts)
    #expect(report.finding("accept_queue_full") == nil)
    #expect(report.unknown.contains { $0.contains("ListenOverflows") })
  }

  @Test(
    "A range that is nonsense is not known", arguments: [[], [5], [70_000, 80_000], [600, 500], [-1, 5]])
  func badRange(range: [Int]) {
    let facts = Sample.host({ _ in }) { $0.settings["ip_local_port_range"] = range }
    #expect(Sample.report(facts).unknown.contains { $0.hasPrefix("port_exhaustion: ip_local_port_range") })
  }

  @Test("A watch of less than a second has no rates, and one connection in it is no churn")
  func shortWatch() {
    let report = Sample.report(
      Sample.host({ facts in
        facts.watchedNanoseconds = 4_000_000
        facts.flows = [Sample.flow(100), Sample.flow(100, .server)]
      }))
    #expect(report.findings.isEmpty)
    #expect(report.unknown == ["rates: a watch of less than a second has none"])
  }

  @Test("The figures are the numbers that were read")
  func figures() throws {
    let facts = Sample.host({ $0.flows = [Sample.flow(100)] }) { facts in
      facts.countersAfter["TcpExt.ListenOverflows"] = 12
      facts.countersAfter["TcpExt.ListenDrops"] = 20
      facts.countersAfter["TcpExt.TCPTimeWaitOverflow"] = 8
    }
    let report = Sample.report(facts)
    #expect(report.finding("accept_queue_full")?.figure("overflows") == 5)
    #expect(report.finding("accept_queue_full")?.figure("drops") == 13)
    #expect(report.finding("bucket_limit")?.figure("lost_time_waits") == 1)
    #expect(report.finding("short_connections")?.figure("mean_bytes") == 500)
    #expect(report.finding("short_connections")?.figure("mean_lifetime_ms") == 1.5)
    #expect(report.finding("short_connections")?.figure("per_s") == 10)
  }

  @Test("Who opens connections is named, whoever closes them first, with how many and how long each is used")
  func openers() throws {
    var flow = Sample.flow(0, bytes: 0)
    (flow.connects, flow.uses, flow.usedNanoseconds) = (8120, 8000, 16_000_000_000)
    (flow.countWithBytes, flow.countWithLifetime) = (0, 0)
    let finding = try #require(Sample.report(Sample.host({ $0.flows = [flow] })).finding("short_connections"))
    let service = "\(flow.service.address.text(.ipv4)):\(flow.service.port)"
    #expect(
      finding.actors == [
        .init(
          Sample.client,
          "opens 812 connections a second to \(service), each used for 2.0 ms; the other end closes first")
      ])
    #expect(finding.figure("per_s") == 812)
    #expect(finding.figure("mean_lifetime_ms") == 2)
    #expect(finding.severity == .note)
  }

  @Test("Who resets connections is named, most first, with why and where")
  func resets() throws {
    func reset(_ cause: Cause, _ count: Int) -> Reset {
      Reset(
        netns: Sample.namespace().inode, process: Sample.client, cause: cause,
        service: .init(
          family: .ipv4, address: Address(ipv4: 10, 0, 0, 5), port: 6379, isServer: false, count: count))
    }
    let facts = Sample.host({ $0.resets = [reset(.unreadData, 2), reset(.linger, 40)] }) { facts in
      facts.countersBefore["TcpExt.TCPAbortOnData"] = 0
      facts.countersAfter["TcpExt.TCPAbortOnData"] = 40
    }
    let finding = try #require(Sample.report(facts).finding("reset_on_close"))
    #expect(
      finding.actors == [
        .init(Sample.client, "40 resets by SO_LINGER 0, 2 resets by close() with data unread")
      ])
    #expect(finding.services.map(\.count) == [42])
    #expect(finding.certainty == .certain)
    #expect(finding.unknown.isEmpty)
  }

  @Test("A process with several local addresses is named once, with the sum")
  func actorOnce() throws {
    var other = Sample.flow(40)
    other.local = Address(ipv4: 10, 0, 0, 2)
    let report = Sample.report(Sample.host({ $0.flows = [Sample.flow(100), other] }))
    let finding = try #require(report.finding("short_connections"))
    #expect(finding.actors == [.init(Sample.client, "140 TIME_WAITs as the client")])
  }

  @Test("Each network namespace is judged by itself")
  func namespaces() {
    let facts = Sample.host({ facts in
      var other = Sample.namespace { $0.settings["tcp_tw_recycle"] = [1] }
      other.inode = 99
      facts.namespaces.append(other)
    })
    #expect(Sample.report(facts).findings.map(\.netns) == [99])
  }

  @Test("The command for reserved ports keeps those that are reserved")
  func reserved() throws {
    let facts = Sample.host({ _ in }) { facts in
      facts.listeners = [Listener(port: 40_000, queue: 0), Listener(port: 40_001, queue: 0)]
      facts.reservedPorts = PortSet([50_000])
    }
    let finding = try #require(Sample.report(facts).finding("range_overlaps_listeners"))
    #expect(
      finding.setting("ip_local_reserved_ports")?.command
        == "sysctl -w net.ipv4.ip_local_reserved_ports=40000-40001,50000")
  }

  @Test(
    "States are found in every spelling",
    arguments: [
      ("TIME_WAIT", "TIME_WAIT"), ("time-wait", "TIME_WAIT"), ("TimeWait", "TIME_WAIT"),
      ("FIN_WAIT_2", "FIN_WAIT2"),
      ("fin-wait-1", "FIN_WAIT1"), ("ESTAB", "ESTABLISHED"), ("SYN-RECEIVED", "SYN_RECV"), ("closed", "CLOSE"),
      ("last ack", "LAST_ACK"),
    ]) func states(text: String, name: String)
  {
    #expect(States.named(text)?.name == name)
  }

  @Test("An unknown state is refused", arguments: ["", "WAIT", "TIME", "_"])
  func noState(text: String) { #expect(States.named(text) == nil) }

  @Test("All states of RFC 9293 are explained") func allStates() {
    #expect(States.all.count == 11)
    #expect(States.all.allSatisfy { !$0.helps.isEmpty && !$0.doesNotHelp.isEmpty && !$0.sources.isEmpty })
  }
}
