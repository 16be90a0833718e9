import Glibc
import Stage
import Testing

extension KernelTests {
  /// `tcplinger doctor` on real trouble, each in a network namespace of its own.
  @Suite(.onceIsEnough) struct DoctorTests {
    private let home: Player

    init() throws {
      home = try Player("home")
      try home.enterNewNetworkNamespace()
    }

    /// Linux 6.1: tcp_ehash_entries, from which the default of tcp_max_tw_buckets follows.
    private static let knowsDefaultBuckets = readFile("/proc/sys/net/ipv4/tcp_ehash_entries") != nil

    /// The output of `tcplinger-workload short`, run in the namespace.
    private func makeConnections(_ count: Int, closer: String) throws -> String {
      let workload = try Child(
        in: home, Programs.workload,
        ["short", "--connections", "\(count)", "--closer", closer, "--addresses", "1", "--bytes", "20"])
      let ending = try workload.end(by: .inSeconds(300))
      guard ending == .status(0) else {
        throw Failure("the workload ended with \(ending); \(workload.report())")
      }
      return workload.output.text
    }

    private static func number(_ key: String, in text: String) throws -> Int {
      let rest = try #require(text.split(separator: "\"\(key)\":").dropFirst().first)
      return try #require(Int(rest.prefix { $0.isNumber }))
    }

    @Test(
      "28,000 TIME_WAITs towards one service: who, how full, what helps and what does not",
      .disabled(if: Machine.isEmulated, "too slow here: the first have ended before the last begin"))
    func ports() throws {
      // Else those of loopback may be reused, and there is no trouble.
      try home.setSysctl("net/ipv4/tcp_tw_reuse", 0)
      // A small machine allows fewer than a client has ports.
      try home.setSysctl("net/ipv4/tcp_max_tw_buckets", 131_072)
      let doctor = try Doctor("--netns", "\(home.pid)")
      let output = try makeConnections(28_000, closer: "client")
      let report = try doctor.stop()

      let finding = try #require(report.finding("port_exhaustion"))
      #expect(report.findings.first?.rule == "port_exhaustion")
      #expect(finding.severity == "critical")
      #expect(finding.netns == home.networkNamespace)
      #expect(finding.figure("usable_ports") == 28_232)
      #expect(finding.figure("time_waits") ?? 0 >= 28_000)
      #expect(finding.actors.map(\.pid) == [Int32(try Self.number("client_pid", in: output))])
      let reuse = try #require(finding.setting("tcp_tw_reuse"))
      #expect(reuse.helps)
      #expect(reuse.command?.hasPrefix("nsenter --net=/") == true)
      #expect(reuse.command?.hasSuffix("sysctl -w net.ipv4.tcp_tw_reuse=1") == true)
      #expect(finding.setting("tcp_fin_timeout")?.helps == false)
      #expect(report.finding("short_connections")?.actors.first?.pid == finding.actors.first?.pid)
      #expect(report.finding("server_closes_first") == nil)
      #expect(report.lost == 0)
      // It has only looked.
      let check = try Child(in: home, "/bin/cat", ["/proc/sys/net/ipv4/tcp_tw_reuse"])
      _ = try check.end()
      #expect(check.output.text == "0\n")
    }

    @Test(
      "A narrower range is as full with fewer; reserved ports are not usable; older ones have nobody's name")
    func narrowRange() throws {
      let write =
        "echo '40000 40999' > /proc/sys/net/ipv4/ip_local_port_range; "
        + "echo 40100-40299 > /proc/sys/net/ipv4/ip_local_reserved_ports; echo 0 > /proc/sys/net/ipv4/tcp_tw_reuse"
      #expect(try Child(in: home, "/bin/sh", ["-c", write]).end() == .status(0))
      _ = try makeConnections(600, closer: "client")
      let report = try Doctor("--netns", "\(home.pid)", "--exit-code").stop(expecting: 4)

      let finding = try #require(report.finding("port_exhaustion"))
      #expect(finding.severity == "warning")
      #expect(finding.figure("usable_ports") == 800)
      #expect(finding.figure("time_waits") == 600)
      #expect(finding.actors.isEmpty)
      #expect(finding.unknown.contains { $0.contains("before the watch") })
    }

    @Test("Open connections take ports as well, at the client's end alone")
    func open() throws {
      #expect(
        try Child(in: home, "/bin/sh", ["-c", "echo '40000 40009' > /proc/sys/net/ipv4/ip_local_port_range"])
          .end()
          == .status(0))
      let (client, server) = (try home.fork(), try home.fork())
      let listener = try server.listen(port: 8080)
      let talks = try (0..<9).map { _ in try Conversation(client, listener) }
      let doctor = try Doctor("--netns", "\(home.pid)", "--exit-code")
      let finding = try #require(try doctor.stop(expecting: 5).finding("port_exhaustion"))
      #expect(finding.severity == "critical")
      #expect(finding.figure("open") == Double(talks.count))
      #expect(finding.figure("time_waits") == 0)
    }

    @Test(
      "Over loopback tcp_tw_reuse is on by default: full, and no trouble",
      .disabled(if: Machine.isEmulated, "too slow here: the first have ended before the last begin"))
    func reused() throws {
      #expect(
        try Child(in: home, "/bin/sh", ["-c", "echo '40000 40999' > /proc/sys/net/ipv4/ip_local_port_range"])
          .end()
          == .status(0))
      _ = try makeConnections(900, closer: "client")
      let report = try Doctor("--netns", "\(home.pid)").stop()
      #expect(report.finding("port_exhaustion")?.severity == "note")
      #expect(report.healthy)
    }

    @Test("A server that closes first has the TIME_WAITs, and tcp_tw_reuse is said not to help")
    func server() throws {
      let doctor = try Doctor("--netns", "\(home.pid)")
      let output = try makeConnections(3000, closer: "server")
      let report = try doctor.stop()

      let finding = try #require(report.finding("server_closes_first"))
      #expect(finding.actors.map(\.pid) == [Int32(try Self.number("server_pid", in: output))])
      #expect(finding.port == (try Self.number("port", in: output)))
      #expect(finding.figure("connections") == 3000)
      #expect(finding.setting("tcp_tw_reuse")?.helps == false)
      #expect(report.finding("port_exhaustion") == nil)
      // The client is here, too: its connections have their TIME_WAIT at the server's end.
      #expect(report.finding("short_connections") == nil)
    }

    @Test("A leak that grows: the process, its reason, and its descriptors")
    func leak() throws {
      let (client, server) = (try home.fork(), try home.fork())
      let listener = try server.listen()
      let doctor = try Doctor("--netns", "\(home.pid)")
      for _ in 0..<5 {
        let talk = try Conversation(client, listener)
        try talk.client.close()
        try talk.server.readEnd()
      }
      // Told after a second.
      let leaks = eventually {
        (try? LeakList.take("--min-age", "2s", "--netns", "\(home.pid)").leaks(of: server.pid).first?.count)
          == 5
      }
      try #require(leaks)
      let report = try doctor.stop()

      let finding = try #require(report.finding("close_wait"))
      #expect(finding.actors.map(\.pid) == [server.pid, client.pid])
      #expect(finding.figure("connections") == 5)
      #expect(finding.figure("growth_per_s") ?? 0 > 0)
      #expect(finding.figure("descriptors_open") == Double(namesIn("/proc/\(server.pid)/fd").count))
      #expect(finding.seen.contains { $0.contains("likely a leak of descriptors") })
      // The clients closed, and their peer does not: it is told once.
      #expect(report.finding("fin_wait2") == nil)
    }

    @Test("A full accept queue: connections are dropped")
    func acceptQueue() throws {
      let doctor = try Doctor("--netns", "\(home.pid)")
      let program = """
        import socket, time
        server = socket.socket(); server.bind(("127.0.0.1", 8025)); server.listen(1)
        clients = [socket.socket() for _ in range(8)]
        for client in clients:
            client.setblocking(False); client.connect_ex(("127.0.0.1", 8025)); time.sleep(0.02)
        print("ready", flush=True); time.sleep(60)
        """
      let python = try Child(in: home, Programs.system("python3", package: "python3"), ["-c", program])
      _ = try #require(python.nextLine(by: .inSeconds(patience)))
      #expect(eventually { ((try? home.networkCounter("ListenOverflows")) ?? 0) > 0 })
      let report = try doctor.stop()

      let finding = try #require(report.finding("accept_queue_full"))
      #expect(finding.severity == "critical")
      #expect(finding.port == 8025)
      #expect(finding.figure("longest_queue") == 2)
      #expect(finding.figure("overflows") ?? 0 >= 1)
    }

    @Test("A lowered limit of TIME_WAITs, and connections that lost theirs to it")
    func buckets() throws {
      try home.setSysctl("net/ipv4/tcp_max_tw_buckets", 5)
      let doctor = try Doctor("--netns", "\(home.pid)")
      _ = try makeConnections(200, closer: "client")
      let report = try doctor.stop()

      let finding = try #require(report.finding("bucket_limit"))
      #expect(finding.figure("lost_time_waits") == Double(try home.networkCounter("TCPTimeWaitOverflow")))
      #expect(finding.figure("limit") == 5)
      if Self.knowsDefaultBuckets {
        let lowered = try #require(report.finding("buckets_lowered"))
        #expect(lowered.setting("tcp_max_tw_buckets")?.command?.hasSuffix("=5") == false)
      }
      #expect(!report.healthy)
    }

    @Test("Harmful settings: reuse without timestamps, a service inside the range of local ports")
    func settings() throws {
      try home.setSysctl("net/ipv4/tcp_timestamps", 0)
      try home.setSysctl("net/ipv4/tcp_tw_reuse", 1)
      _ = try home.listen(port: 40_000)
      let report = try Doctor("--netns", "\(home.pid)").stop()

      #expect(report.finding("reuse_without_timestamps")?.severity == "warning")
      let range = try #require(report.finding("range_overlaps_listeners"))
      #expect(range.figure("ports") == 1)
      #expect(
        range.setting("ip_local_reserved_ports")?.command?.hasSuffix("net.ipv4.ip_local_reserved_ports=40000")
          == true)
    }

    @Test("SO_LINGER 0 and data unread: connections are reset")
    func resets() throws {
      let doctor = try Doctor("--netns", "\(home.pid)")
      let talk = try Conversation(home.fork(), home.fork())
      try talk.client.resetOnClose()
      try talk.client.close()
      let unread = try Conversation(home.fork(), home.fork())
      try unread.client.write(10)
      try unread.server.awaitBytes(10)
      try unread.server.close()
      let report = try doctor.stop()
      let finding = try #require(report.finding("reset_on_close"))
      #expect(finding.figure("linger_or_late_data") == 1)
      #expect(finding.figure("unread_data") == 1)
    }

    @Test("Nothing wrong: no finding, and the figures")
    func healthy() throws {
      let listener = try home.listen(port: 8080)
      let doctor = try Doctor("--netns", "\(home.pid)", "--exit-code")
      let talk = try Conversation(home.fork(), listener)
      try talk.client.close()
      try talk.server.readEnd()
      try talk.server.close()
      try talk.client.awaitTabledState(.timeWait)
      let report = try doctor.stop()

      #expect(report.healthy)
      #expect(report.findings.isEmpty)
      #expect(report.netns == [home.networkNamespace])
      #expect(report.figure("time_wait") == 1)
      #expect(report.figure("time_wait_bytes") ?? 0 > 0)
      #expect(
        report.unknown.map { $0.prefix { $0 != ":" } } == (Self.knowsDefaultBuckets ? [] : ["buckets_lowered"]))
    }

    @Test("A network namespace that vanishes during the watch is left out, and nothing else stops")
    func vanishes() throws {
      let doctor = try Doctor()
      let netns = home.networkNamespace
      try home.kill()
      let report = try doctor.stop()
      #expect(!report.netns.contains(netns))
      #expect(!report.netns.isEmpty)
    }
  }
}
