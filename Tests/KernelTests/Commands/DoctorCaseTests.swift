import Glibc
import Stage
import Testing

extension KernelTests {
  /// Trouble that people reported, each one of its kind: who is named, how bad it is, and what is said to help.
  @Suite(.disabled(if: Machine.isEmulated, "they go by seconds"))
  struct DoctorCaseTests {
    private let home: Player

    init() throws {
      home = try Player("home")
      try home.enterNewNetworkNamespace()
    }

    /// A program with a first line of names and pids: `app 12 relay 13`.
    private struct Play {
      let child: Child
      private var pids: [String: Int32] = [:]

      init(in home: Player, _ program: String) throws {
        let opening = """
          import ctypes, os, signal, socket, sys, threading, time, resource
          def name(text): open("/proc/self/comm", "w").write(text)
          def fork(body, text):
              pid = os.fork()
              if pid: return pid
              ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # it ends with its parent
              name(text); body(); os._exit(0)
          def server(backlog=64, address="127.0.0.1", port=0):
              s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
              s.bind((address, port)); s.listen(backlog); return s
          def client(s): return socket.create_connection(s.getsockname())

          """
        child = try Child(
          in: home, Programs.system("python3", package: "python3"), ["-u", "-c", opening + program])
        guard let line = child.nextLine(by: .inSeconds(patience)) else { throw Failure(child.report()) }
        let words = String(decoding: line, as: UTF8.self).split(separator: " ")
        for (name, pid) in zip(
          words.enumerated().filter { $0.offset % 2 == 0 }.map(\.element),
          words.enumerated().filter { $0.offset % 2 == 1 }.map(\.element))
        {
          pids[String(name)] = Int32(pid)
        }
      }

      subscript(name: String) -> Int32 { pids[name] ?? -1 }
    }

    private func examine(seconds: UInt32 = 4) throws -> DoctorReport {
      let doctor = try Doctor("--netns", "\(home.pid)")
      sleep(seconds)
      return try doctor.stop()
    }

    /// Findings that are worse than a note.
    private func troubles(_ report: DoctorReport) -> [DoctorReport.Finding] {
      report.findings.filter { $0.severity != "note" }
    }

    @Test("Who opens how many connections, for how long each is used, and who resets them")
    func churn() throws {
      let play = try Play(
        in: home,
        """
        def serve(listener, first):
            def body():
                while True:
                    s, _ = listener.accept(); s.recv(9); s.sendall(b"y")
                    if not first:
                        try: s.recv(9)
                        except OSError: pass
                    s.close()
            return body
        def use(listener, linger):
            def body():
                while True:
                    c = client(listener); c.sendall(b"x"); c.recv(9); time.sleep(0.02)
                    if linger: c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\\1\\0\\0\\0\\0\\0\\0\\0")
                    c.close()
            return body
        one, two = server(), server()
        fork(serve(one, True), "first"); fork(serve(two, False), "second")
        quiet, rude = fork(use(one, False), "quiet"), fork(use(two, True), "rude")
        print("quiet", quiet, "rude", rude, "one", one.getsockname()[1], "two", two.getsockname()[1])
        time.sleep(60)
        """)
      let report = try examine()
      // The server closes first: no TIME_WAIT would tell of the client.
      let short = report.findings.filter { $0.rule == "short_connections" }
      let first = try #require(report.finding("server_closes_first"))
      let client = try #require(first.seen.dropFirst().first)
      #expect(client.hasPrefix("quiet[\(play["quiet"])] on this host opens "))
      #expect(client.contains(" connections a second to 127.0.0.1:\(play["one"]), each used for "))
      #expect(client.hasSuffix("; the other end closes first"))
      let rate = Double(client.split(separator: " ").dropFirst(5).first ?? "") ?? 0
      #expect(rate > 10 && rate < 50)
      let rude = try #require(short.first { $0.actors.contains { $0.pid == play["rude"] } })
      #expect((rude.figure("mean_lifetime_ms") ?? 0) == 0)
      let resets = try #require(report.finding("reset_on_close"))
      #expect(resets.actors.map(\.pid) == [play["rude"]])
      #expect(resets.actors.first?.part?.hasSuffix("resets by SO_LINGER 0") == true)
      #expect(resets.services.map(\.peer?.port) == [Int(play["two"])])
      #expect(resets.unknown.isEmpty && resets.certainty == "certain")
    }

    @Test("A relay waits for an app that does not close: the app is named, the relay beside it")
    func relayOfLeak() throws {
      let play = try Play(
        in: home,
        """
        back, front = server(), server()
        def app():
            front.close(); kept = []
            while True:
                s, _ = back.accept(); kept.append(s); s.recv(99); s.sendall(b"ok")
        def serve(s):
            u = client(back); u.sendall(s.recv(99)); s.sendall(u.recv(99))
            if s.recv(99) == b"": u.shutdown(socket.SHUT_WR)
            u.recv(99)
        def relay():
            while True: threading.Thread(target=serve, args=(front.accept()[0],), daemon=True).start()
        def frontend():
            time.sleep(1)
            for _ in range(6):
                c = client(front); c.sendall(b"hi"); c.recv(9); c.close()
        a, r = fork(app, "app"), fork(relay, "relay")
        f = fork(frontend, "frontend")
        print("app", a, "relay", r, "frontend", f)
        time.sleep(12); os.kill(a, 9); os.kill(r, 9)
        """)
      let report = try examine()
      let trouble = troubles(report)
      #expect(trouble.map(\.rule) == ["close_wait"])
      let finding = try #require(trouble.first)
      #expect(finding.severity == "warning")
      #expect(finding.actors.first?.pid == play["app"])
      #expect(finding.actors.contains { $0.pid == play["relay"] && $0.part?.contains("relay") == true })
      #expect(finding.figure("connections") == 6)
      #expect(report.finding("fin_wait2") == nil)
      #expect(finding.services.first?.local?.port != nil)

      let leaks = try LeakList.take("--netns", "\(home.pid)")
      #expect(leaks.leaks(of: play["relay"]).map(\.part) == ["relayed"])
      #expect(leaks.leaks(of: play["relay"]).first?.waitsFor.map(\.pid) == [play["app"]])
      #expect(leaks.leaks(of: play["app"]).map(\.part) == ["leak"])
    }

    private static let slowBackend = """
      back, front = server(), server()
      def backend():
          c = back.accept()[0]
          while c.recv(99): pass
          time.sleep(float(sys.argv[1])); c.sendall(b"report"); c.close()
      def pump(a, b):
          while d := a.recv(99): b.sendall(d)
          b.shutdown(socket.SHUT_WR)
      def relay():
          a = front.accept()[0]; b = client(back)
          both = [threading.Thread(target=pump, args=x) for x in ((a, b), (b, a))]
          [t.start() for t in both]; [t.join() for t in both]; a.close(); b.close()
      for f in (backend, relay): threading.Thread(target=f).start()
      c = client(front); c.sendall(b"query"); c.shutdown(socket.SHUT_WR)
      print("all", os.getpid()); c.recv(99)
      """

    @Test("A relay that waits for a backend at work leaks nothing, nor does the backend")
    func slowBackend() throws {
      let program = Self.slowBackend.replacing("float(sys.argv[1])", with: "9")
      let play = try Play(in: home, program)
      let report = try examine()
      #expect(troubles(report).isEmpty)
      #expect(report.finding("half_closed")?.actors.first?.pid == play["all"])
      let leaks = try Run.tcplinger(["leaks", "--exit-code", "--netns", "\(home.pid)"])
      #expect(leaks.ending == .status(0))
    }

    @Test("run does not take a relay's wait for a leak")
    func runOfRelay() throws {
      let opening = """
        import os, socket, sys, threading, time
        def server(): s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(9); return s
        def client(s): return socket.create_connection(s.getsockname())

        """
      let python = try Programs.system("python3", package: "python3")
      let run = try Run.tcplinger(["run", "--json", "--", python, "-c", opening + Self.slowBackend, "3"])
      #expect(run.ending == .status(0))
      #expect(try tracedEvents(in: run.errors.lines).last?.leaked == false)
    }

    @Test("bind() before connect() to several services: it is said, with whose the ports are")
    func bindBeforeConnect() throws {
      try home.setRange(40_000, 40_099)
      let play = try Play(
        in: home,
        """
        services = [server(200, f"127.0.1.{i}", 8080) for i in (1, 2, 3)]
        print("client", os.getpid()); time.sleep(1); end = time.time() + 12
        while time.time() < end:
            for s in services:
                try:
                    c = socket.socket(); c.bind(("127.0.0.5", 0)); c.connect(s.getsockname())
                    k, _ = s.accept(); c.close(); k.close()
                except OSError: time.sleep(0.05)
        """)
      let report = try examine()
      let finding = try #require(report.finding("bind_before_connect"))
      #expect(finding.severity == "critical")
      #expect(finding.actors.first?.pid == play["client"])
      #expect(finding.remedies.contains { $0.contains("IP_BIND_ADDRESS_NO_PORT") })
      #expect(finding.seen.contains { $0.contains("EADDRINUSE") })
    }

    @Test("Open connections take all ports: whose they are, and nothing about TIME_WAIT")
    func portsHeldOpen() throws {
      try home.setRange(40_000, 40_099)
      let play = try Play(
        in: home,
        """
        s = server(300, port=6379); kept = []
        for _ in range(130):
            try: c = client(s); kept += [c, s.accept()[0]]
            except OSError: pass
        print("client", os.getpid()); time.sleep(9)
        """)
      let finding = try #require(try examine(seconds: 2).finding("port_exhaustion"))
      #expect(finding.severity == "critical")
      #expect(finding.figure("open") == 100)
      #expect(finding.actors.map(\.pid) == [play["client"]])
      #expect(finding.remedies.contains { $0.contains("a pool that grows without limit") })
      #expect(finding.setting("tcp_tw_reuse") == nil)
      #expect(finding.remedies.allSatisfy { !$0.contains("TIME_WAIT") })
    }

    @Test("Idle clients leave a server that does not close: a leak, and no descriptor more than before")
    func idleClientsLeave() throws {
      let play = try Play(
        in: home,
        """
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024)); s = server(100)
        def clients():
            all = [client(s) for _ in range(60)]; time.sleep(2)
            for c in all[:30]: c.close(); time.sleep(0.1)
            time.sleep(9)
        fork(clients, "clients"); kept = [s.accept()[0] for _ in range(60)]
        print("server", os.getpid()); time.sleep(12)
        """)
      let finding = try #require(try examine(seconds: 5).finding("close_wait"))
      #expect(finding.severity == "warning")
      #expect(finding.actors.first?.pid == play["server"])
      #expect(finding.figures["exhausted_in_s"] == .some(nil))
      #expect(finding.seen.contains { $0.contains("as many as before the watch") })
    }

    @Test("Idle connections of a pool with the server's goodbye unread are reported as an unwatched pool")
    func idlePool() throws {
      let play = try Play(
        in: home,
        """
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)); s = server()
        def goodbyes():
            all = [s.accept()[0] for _ in range(12)]; time.sleep(2)
            for c in all: c.sendall(b"x" * 31); c.close()
            time.sleep(9)
        fork(goodbyes, "backend"); pool = [client(s) for _ in range(12)]; s.close()
        print("pool", os.getpid()); time.sleep(9)
        """)
      let finding = try #require(try examine().finding("close_wait"))
      #expect(finding.severity != "critical")
      #expect(finding.actors.first?.pid == play["pool"])
      #expect(finding.remedies.contains { $0.contains("idle") && $0.contains("before it is used") })
      #expect(finding.remedies.contains { $0.hasPrefix("Python: ") })
      #expect(finding.seen.allSatisfy { !$0.contains("a lock") })
    }

    @Test("An end of file that came with the last data is reported as likely read")
    func lastDataWithEnd() throws {
      let play = try Play(
        in: home,
        """
        s = server()
        def leave():
            c = client(s); c.sendall(b"hello\\n"); c.close(); time.sleep(9)
        fork(leave, "client"); a = s.accept()[0]; time.sleep(0.5); a.recv(6)
        print("server", os.getpid()); time.sleep(9)
        """)
      let finding = try #require(try examine(seconds: 2).finding("close_wait"))
      #expect(finding.actors.first?.pid == play["server"])
      #expect(finding.certainty == "likely")
      #expect(finding.seen.contains { $0.contains("perhaps the end with the last data") })
    }

    @Test("Prefork workers at work: they are named first, and the parent is not at fault")
    func preforkWorkers() throws {
      let play = try Play(
        in: home,
        """
        s = server(); name("prefork")
        def work(): a = s.accept()[0]; time.sleep(9)
        one, two = fork(work, "prefork"), fork(work, "prefork")
        time.sleep(0.2); clients = [client(s) for _ in range(6)]; time.sleep(0.3)
        for c in clients[2:]: c.sendall(b"GET"); c.close()
        print("one", one, "two", two, "parent", os.getpid()); time.sleep(8)
        """)
      let finding = try #require(try examine(seconds: 2).finding("close_wait"))
      #expect(Set(finding.actors.prefix(2).map(\.pid)) == [play["one"], play["two"]])
      #expect(finding.actors.last?.pid == play["parent"])
      let leaks = try LeakList.take("--netns", "\(home.pid)")
      let group = try #require(leaks.closeWait.first { $0.reason == "not_accepted" })
      #expect(group.pid != play["parent"])
      #expect(Set(group.listeners.map(\.pid)) == [play["one"], play["two"], play["parent"]])
    }

    @Test("Out of descriptors is the cause of a full accept queue, and the backlog is the program's own")
    func descriptorLimit() throws {
      let play = try Play(
        in: home,
        """
        s = server(4)
        def clients():
            all = []
            for _ in range(30):
                c = socket.socket(); c.settimeout(0.3)
                try: c.connect(s.getsockname()); all.append(c)
                except OSError: c.close()
            for c in all[-4:]: c.close()
            for _ in range(200):
                c = socket.socket(); c.settimeout(0.1)
                try: c.connect(s.getsockname())
                except OSError: pass
                c.close()
        fork(clients, "clients"); resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24)); kept = []
        print("server", os.getpid()); end = time.time() + 15
        while time.time() < end:
            try: kept.append(s.accept()[0])
            except OSError: time.sleep(0.1)
        """)
      let report = try examine(seconds: 6)
      let finding = try #require(report.finding("descriptors_exhausted"))
      #expect(report.findings.first?.rule == "descriptors_exhausted")
      #expect(finding.actors.map(\.pid) == [play["server"]])
      #expect(finding.figure("descriptors_open") == 24)
      #expect(finding.figure("descriptor_limit") == 24)
      let queue = try #require(report.finding("accept_queue_full"))
      #expect(queue.actors.first?.pid == play["server"])
      #expect(queue.settings.allSatisfy { $0.name != "net.core.somaxconn" || !$0.helps })
      #expect(queue.remedies.allSatisfy { !$0.contains("more workers") })
    }

    @Test("A process that writes to a peer that does not read is blocked in send()")
    func blockedInSend() throws {
      let play = try Play(
        in: home,
        """
        s = server()
        def half():
            c = client(s); c.sendall(b"GET"); time.sleep(0.5); c.shutdown(socket.SHUT_WR); time.sleep(9)
        fork(half, "client"); a = s.accept()[0]; a.recv(9); print("server", os.getpid()); a.sendall(b"x" * 20000000)
        """)
      let report = try examine(seconds: 3)
      let leaks = try LeakList.take("--netns", "\(home.pid)")
      #expect(leaks.leaks(of: play["server"]).first?.unsentBytes ?? 0 > 100_000)
      let finding = try #require(report.findings.first { $0.actors.first?.pid == play["server"] })
      #expect(finding.figure("unsent_bytes") ?? 0 > 100_000)
      #expect(finding.remedies.contains { $0.contains("SO_SNDTIMEO") })
    }

    @Test("Descriptors in flight in a unix socket: the connections are listed, as no process's")
    func inFlight() throws {
      let play = try Play(
        in: home,
        """
        a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM); s = server()
        for _ in range(3):
            c = client(s); k, _ = s.accept(); socket.send_fds(a, [b"x"], [k.fileno()]); k.close(); c.close()
        print("sender", os.getpid()); time.sleep(9)
        """)
      let leaks = try LeakList.take("--netns", "\(home.pid)", "--min-age", "0")
      #expect(leaks.closeWait.map(\.count) == [3])
      #expect(leaks.closeWait.map(\.unheld) == [3])
      let finding = try #require(try examine(seconds: 2).finding("close_wait"))
      #expect(finding.seen.contains { $0.contains("in flight in a unix socket") })
      #expect(play["sender"] > 0)
    }

    @Test("A hundred connections a second, closed by the client: all have their TIME_WAIT")
    func steadyClient() throws {
      let play = try Play(
        in: home,
        """
        s = server(100)
        def serve():
            while True: c = s.accept()[0]; c.recv(1); c.close()
        threading.Thread(target=serve, daemon=True).start()
        print("client", os.getpid()); t = time.time()
        for i in range(1000):
            client(s).close(); time.sleep(max(0, t + (i + 1) * 0.01 - time.time()))
        """)
      let report = try examine(seconds: 5)
      let findings = report.findings.filter { $0.rule == "short_connections" }
      #expect(findings.map { $0.actors.first?.pid } == [play["client"]])
      let perSecond = try #require(findings.first?.figure("per_s"))
      #expect(80...120 ~= perSecond)
    }

    @Test("A stopped process can close nothing: that is said first")
    func stopped() throws {
      let play = try Play(
        in: home,
        """
        s = server(); c = client(s); a = s.accept()[0]; c.close()
        print("server", os.getpid()); time.sleep(9)
        """)
      kill(play["server"], SIGSTOP)
      let finding = try #require(try examine(seconds: 2).finding("close_wait"))
      #expect(finding.seen.first?.contains("stopped") == true)
      #expect(finding.remedies.first?.contains("CONT") == true)
      kill(play["server"], SIGKILL)
    }
  }
}

extension Player {
  fileprivate func setRange(_ low: Int, _ high: Int) throws {
    let write = "echo '\(low) \(high)' > /proc/sys/net/ipv4/ip_local_port_range"
    guard try Child(in: self, "/bin/sh", ["-c", write]).end() == .status(0) else { throw Failure("no range") }
  }
}
