import Glibc
import Stage
import Testing

extension KernelTests {
  /// `tcplinger run -- COMMAND`.
  @Suite struct FollowTests {
    /// A Python program that has a connection whose other end it has closed; then the given lines.
    private func program(_ lines: String) -> String {
      """
      import os, select, socket, sys, time
      l = socket.socket(); l.bind(("127.0.0.1", 0)); l.listen(5)
      c = socket.create_connection(l.getsockname()); s, _ = l.accept(); s.close()
      select.select([c], [], [])
      \(lines)
      """
    }

    private func follow(_ lines: String, _ options: String...) throws -> (Run, [TracedEvent]) {
      let python = try Programs.system("python3", package: "python3")
      let run = try Run.tcplinger(["run", "--json"] + options + ["--", python, "-c", program(lines)])
      return (run, try tracedEvents(in: run.errors.lines))
    }

    @Test("A command that closes what its peers closed has its own exit status", .onceIsEnough)
    func clean() throws {
      let (run, events) = try follow("c.close(); print('out'); sys.exit(7)")
      #expect(run.ending == .status(7))
      #expect(run.output.lines.first == "out")
      #expect(events.last?.closeWaits?.seen == 0)
      #expect(events.last?.leaked == false)
      #expect(events.last?.timeWaits == .init(seen: 1, attributed: 1))
    }

    @Test("A connection that is held at the end is a leak, however short")
    func heldAtTheEnd() throws {
      let (run, events) = try follow("os._exit(0)")
      #expect(run.ending == .status(3))
      #expect(events.last?.leaked == true)
      #expect(events.filter { $0.event == "close_wait" }.count == 1)
      #expect(events.first { $0.event == "close_wait_end" }?.cause == "exit")
    }

    @Test(
      "--exit-code chooses the status that says that it leaked; 0: it has its own", .onceIsEnough,
      arguments: [(99, 99), (0, 7), (3, 3)] as [(Int, Int32)])
    func chosenStatus(chosen: Int, status: Int32) throws {
      let (run, events) = try follow("os._exit(7)", "--exit-code", "\(chosen)")
      #expect(run.ending == .status(status))
      #expect(events.last?.leaked == true)
      #expect(run.errors.lines.last?.contains("\"command_status\":7,\"leaked\":true") == true)
    }

    @Test("If the command itself exits with 3, the report says that it leaked nothing", .onceIsEnough)
    func ownStatus() throws {
      let run = try Run.tcplinger(["run", "--", "/bin/sh", "-c", "exit 3"])
      #expect(run.ending == .status(3))
      #expect(run.errors.lines.first == "The command itself exited with 3: that is not a report of leaks")
    }

    @Test("A connection that is held for too long is a leak, though it is closed then", .onceIsEnough)
    func heldTooLong() throws {
      // It is noticed by a look at all open files, of which there is one in 5 s where a processor is slow.
      let seconds = Machine.isEmulated ? 10 : 0.5
      let (run, events) = try follow("time.sleep(\(seconds)); c.close()", "--min-age", "200ms")
      #expect(run.ending == .status(3))
      #expect(events.filter { $0.event == "close_wait" }.count == 1)
    }

    @Test("What a grandchild leaks counts, and what it leaves behind when it lives on")
    func grandchildren() throws {
      let (run, events) = try follow(
        "pid = os.fork()\nif pid == 0:\n  c = c.dup(); os.setsid(); time.sleep(20); os._exit(0)\nc.close()")
      #expect(run.ending == .status(3))
      #expect(events.filter { $0.event == "close_wait" }.count == 1)
    }

    @Test(
      "It ends with its command where it was started with SIGCHLD ignored, which the command is not",
      .onceIsEnough)
    func ignoredChildSignal() throws {
      let script = """
        import os, signal, sys
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        os.execv(sys.argv[1], sys.argv[1:])
        """
      let run = try Run(
        Programs.system("python3", package: "python3"),
        [
          "-c", script, Programs.tcplinger, "run", "--", "/bin/sh", "-c",
          "grep SigIgn /proc/self/status; exit 7",
        ])
      #expect(run.ending == .status(7))
      let ignored = run.output.lines.first?.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) }
      #expect(try #require(ignored) & 1 << UInt64(SIGCHLD - 1) == 0)
    }

    @Test("What others leak does not count", .onceIsEnough)
    func others() throws {
      let talk = try Conversation(Player("client"), Player("leaker"))
      let command = ["run", "--json", "--min-age", "100ms", "--", "/bin/sh", "-c", "sleep 0.6; exit 4"]
      let child = try Child(Programs.tcplinger, command)
      try talk.client.close()
      #expect(try child.end() == .status(4))
      let events = try tracedEvents(in: child.errors.lines)
      #expect(events.filter { $0.event == "close_wait" }.isEmpty)
    }

    @Test("A signal reaches the command", .onceIsEnough)
    func signals() throws {
      let script = "trap 'echo got; exit 9' TERM; echo ready; while :; do sleep 0.05; done"
      let child = try Child(Programs.tcplinger, ["run", "--", "/bin/sh", "-c", script])
      #expect(child.nextLine(by: .inSeconds(patience)).map { String(decoding: $0, as: UTF8.self) } == "ready")
      child.send(SIGTERM)
      #expect(try child.end() == .status(9))
      #expect(child.output.lines.contains("got"))
    }

    @Test(
      "In a pid namespace of its own it follows its command as well, and says so", .onceIsEnough)
    func nestedPidNamespace() throws {
      let unshare = try Programs.system("unshare", package: "util-linux")
      let folder = try TemporaryDirectory()
      let path = "\(folder.path)/report.json"
      let command =
        try ["--pid", "--fork", "--mount-proc", Programs.tcplinger, "run", "--json", "--report", path, "--"]
        + [
          Programs.system("python3", package: "python3"), "-c",
          program("print(os.getpid(), flush=True); os._exit(0)"),
        ]
      let run = try Run(unshare, command)
      #expect(run.ending == .status(3))
      #expect(run.errors.lines.count == 1)
      #expect(run.errors.text.contains("initial pid namespace"))
      let events = try tracedEvents(in: (readFile(path) ?? "").split(separator: "\n").map(String.init))
      let leak = try #require(events.first { $0.event == "close_wait" })
      // Its pid is that of the initial namespace, not the one that it has itself.
      let inner = try #require(run.output.lines.first.flatMap { Int32($0) })
      #expect(leak.process?.comm == "python3")
      #expect(try #require(leak.process?.pid) != inner)
      #expect(events.last?.closeWaits == .init(seen: 1, attributed: 1))
    }

    @Test(
      "A loss that may hide a leak is said, and is no success", .onceIsEnough, arguments: [0, 7])
    func lostEvents(own: Int) throws {
      // While the tracer stands still, more happens than its ring holds. In a network namespace of its own.
      let script = """
        ip link set lo up; sysctl -qw net.ipv4.tcp_max_tw_buckets=100000; kill -STOP $PPID
        \(try Programs.workload) short --connections \(Machine.isEmulated ? 24_000 : 28_000) --closer client >/dev/null
        kill -CONT $PPID; exit \(own)
        """
      let unshare = try Programs.system("unshare", package: "util-linux")
      let run = try Run.tcplinger(
        ["run", "--json", "--", unshare, "--net", "/bin/sh", "-c", script], within: 5 * patience)
      let lines = run.errors.lines
      let events = try tracedEvents(in: lines.filter { $0.hasPrefix("{") })
      try #require(events.contains { $0.event == "lost" && $0.place == "ring_buffer" })
      let summary = try #require(events.last)
      #expect(summary.event == "summary")
      #expect(summary.leaked == nil)
      #expect(lines.contains { $0.contains("\"leaked\":null") })
      #expect(run.ending == .status(own == 0 ? 1 : Int32(own)))
      #expect(lines.contains { $0.contains("cannot say whether the command leaked") } == (own == 0))
    }

    @Test(
      "The status does not depend on whether somebody reads the report", .onceIsEnough,
      arguments: [(0, 3), (7, 7)])
    func unreadReport(own: Int, expected: Int) throws {
      // The reader is gone before the command ends. What ends with 7 has leaked nothing.
      let lines = "sys.stdin.readline()\nif \(own): c.close()\nos._exit(\(own))"
      var ends: [Int32] = [-1, -1]
      try #require(pipe(&ends) == 0)
      defer { close(ends[1]) }
      let child = try Child(
        Programs.tcplinger,
        ["run", "--", Programs.system("python3", package: "python3"), "-c", program(lines)], input: ends[0])
      close(ends[0])
      child.errors.stop()
      try #require(write(ends[1], "\n", 1) == 1)
      #expect(try child.end() == .status(Int32(expected)))
    }

    @Test("A report that cannot be written is said, and does not hide a leak", .onceIsEnough)
    func unwritableReport() throws {
      let python = try Programs.system("python3", package: "python3")
      for (lines, status) in [("os._exit(0)", Int32(3)), ("c.close()", 1)] {
        let run = try Run.tcplinger(["run", "--report", "/dev/full", "--", python, "-c", program(lines)])
        #expect(run.ending == .status(status))
        #expect(run.errors.text.contains("cannot write /dev/full"))
      }
    }

    @Test(
      "A signal reaches a command of another user, and only CAP_KILL is kept for that", .onceIsEnough
    )
    func signalsAnotherUser() throws {
      let setpriv = try Programs.system("setpriv", package: "util-linux")
      let script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done"
      let child = try Child(
        Programs.tcplinger,
        ["run", "--", setpriv, "--reuid", "65534", "--clear-groups", "/bin/sh", "-c", script])
      try #require(child.nextLine(by: .inSeconds(patience)) != nil)
      let tasks = "/proc/\(child.pid)/task"
      // CAP_KILL for the thread that passes signals on, CAP_BPF and CAP_SYS_PTRACE for the one that reads the kernel and /proc.
      let isKept = eventually {
        namesIn(tasks).allSatisfy { task in
          let status = readFile("\(tasks)/\(task)/status")?.split(separator: "\n") ?? []
          let mask = task == "\(child.pid)" ? "0000000000000020" : "0000008000080000"
          return status.contains { $0 == "CapPrm:\t\(mask)" } && status.contains { $0 == "NoNewPrivs:\t1" }
        }
      }
      #expect(isKept)
      child.send(SIGTERM)
      #expect(try child.end() == .status(9))
    }

    @Test("A command that is not there is 127, and the report may go to a file", .onceIsEnough)
    func elsewhere() throws {
      #expect(try Run.tcplinger(["run", "--", "/no/such/command"]).ending == .status(127))
      let folder = try TemporaryDirectory()
      let path = "\(folder.path)/report.json"
      let run = try Run.tcplinger(["run", "--json", "--report", path, "--", "/bin/true"])
      #expect(run.ending == .status(0))
      #expect(run.errors.text.isEmpty)
      let lines = (readFile(path) ?? "").split(separator: "\n").map(String.init)
      #expect(try tracedEvents(in: lines).last?.event == "summary")
    }
  }
}
