import FoundationEssentials
import Glibc
import Stage
import Testing

extension EndToEndTests {
  /// How a trace ends, and what it leaves.
  @Suite struct EndTests {
    @Test("A signal ends it in order, with the summary", arguments: [SIGINT, SIGTERM])
    func signals(signal: Int32) throws {
      let tracer = try Tracer()

      let summary = try tracer.stop(signal)

      #expect(summary.durationSeconds ?? -1 > 0)
    }

    @Test("A signal ends the text output with the summary as well", arguments: [SIGINT, SIGTERM])
    func signalsInText(signal: Int32) throws {
      let server = try Player("server")
      let listener = try server.listen()
      let client = try Player("client")
      let child = try textTracer(["-D", "\(listener.local.port)"])

      for _ in 0..<3 { _ = try makeTimeWait(client, listener) }
      try #require(
        eventually {
          child.output.fill(within: 10)
          return child.output.lines.filter { $0.contains("TIME_WAIT") }.count >= 3
        })
      child.send(signal)

      #expect(try child.end() == .status(0))
      let summary = child.output.lines.drop { !$0.isEmpty }
      #expect(summary.contains { $0.split(separator: " ") == ["\(client.pid)", "client", "3", "0", "0"] })
      #expect(summary.contains { $0.contains("TIME_WAIT: 3 seen, 3 attributed, 0 unknown") })
      #expect(summary.contains { $0.contains("Nothing was lost") })
      #expect(child.errors.bytes.isEmpty)
    }

    @Test("--duration ends it by itself, not before its time")
    func duration() throws {
      let start = Moment.now
      let run = try Run.tcplinger(["--json", "--duration", "300ms"])
      let end = Moment.now

      #expect(run.ending == .status(0))
      let summary = try JSONDecoder().decode(
        TracedEvent.self, from: Data(try #require(run.output.lines.last).utf8))
      #expect(summary.event == "summary")
      let duration = try #require(summary.durationSeconds)
      #expect(duration >= 0.3)
      #expect(duration * 1000 <= end.milliseconds(since: start))
      #expect(run.errors.bytes.isEmpty)
    }

    @Test("--count ends it after so many origins, and prints no more", arguments: [1, 3])
    func count(count: Int) throws {
      let server = try Player("server")
      let listener = try server.listen()
      let client = try Player("client")
      let child = try Child(
        Programs.tcplinger, ["--json", "--count", "\(count)", "-D", "\(listener.local.port)"])
      _ = child.nextLine(by: .inSeconds(patience))

      for _ in 0..<count + 2 { _ = try makeTimeWait(client, listener) }

      #expect(try child.end() == .status(0))
      #expect(child.output.lines.count == 1 + count + 1)
      #expect(child.output.lines.last?.hasPrefix(#"{"event":"summary""#) == true)
    }

    @Test("A reader that has enough ends it quietly, though nothing happens", arguments: [["--json"], []])
    func closedPipe(options: [String]) throws {
      let listener = try Player("server").listen()
      let child = try textTracer(options + ["-D", "\(listener.local.port)"])

      child.output.stop()

      #expect(try child.end() == .status(0))
      #expect(child.errors.bytes.isEmpty)
    }

    @Test(
      "An output that takes nothing is a failure, with its reason",
      arguments: [["--json", "--duration", "5s"], ["--duration", "5s"], ["--help"], ["--version"]])
    func fullDisk(options: [String]) throws {
      let run = try Run.tcplinger(options, output: .file("/dev/full"))

      #expect(run.ending == .status(1))
      #expect(run.errors.lines.filter { $0.contains("No space left on device") }.count == 1)
      #expect(run.errors.lines.last?.contains("cannot write standard output") == true)
    }

    @Test("Its thread is waited for once, also where the summary cannot be written any more")
    func oneJoin() throws {
      let listener = try Player("server").listen()
      let folder = try TemporaryDirectory()
      let path = "\(folder.path)/trace.json"
      // A file of 512 bytes has room for the start, and not for the summary.
      let script = "ulimit -f 1; trap '' XFSZ; exec \"$0\" \"$@\""
      let child = try Child(
        "/bin/sh",
        ["-c", script, Programs.tcplinger, "--json", "--duration", "300ms", "-D", "\(listener.local.port)"],
        environment: ["LD_PRELOAD": try Programs.preload], output: .file(path))
      #expect(try child.end() == .status(1))
      let lines = (readFile(path) ?? "").split(separator: "\n")
      #expect(lines.first?.hasPrefix(#"{"event":"start""#) == true)
      #expect(lines.last?.hasSuffix("}") == false)
      #expect(child.errors.text.contains("seen until now"))
      #expect(!child.errors.text.contains("joined twice"))
    }

    @Test("A reader that does not read keeps nobody from ending it")
    func stuckReader() throws {
      let server = try Player("server")
      let listener = try server.listen()
      let client = try Player("client")
      var ends: [Int32] = [-1, -1]
      try #require(pipe(&ends) == 0)
      defer { for end in ends { close(end) } }
      let child = try Child(
        Programs.tcplinger, ["--json", "-D", "\(listener.local.port)"], output: .descriptor(ends[1]))
      try #require(eventually { unreadBytes(ends[0]) > 0 })

      // A line has more than 250 bytes, the pipe takes 64 KiB: it is full before the last one.
      for _ in 0..<400 { _ = try makeTimeWait(client, listener) }
      var before = 0
      try #require(
        eventually {
          defer { before = unreadBytes(ends[0]) }
          usleep(200_000)
          return before > 16_384 && unreadBytes(ends[0]) == before
        })
      child.send(SIGINT)

      #expect(try child.end() == .status(0))
    }

    @Test("A reader that is behind when it ends still gets everything, the summary last")
    func slowReader() throws {
      let connections = 400
      let listener = try Player("server").listen()
      let client = try Player("client")
      let child = try textTracer(["--json", "-D", "\(listener.local.port)"])

      // More than the pipe takes, and nothing of it is read before the signal.
      for _ in 0..<connections { _ = try makeTimeWait(client, listener) }
      child.send(SIGINT)
      #expect(try child.end() == .status(0))

      let events = try tracedEvents(in: child.output.lines)
      #expect(events.filter { $0.event == "time_wait" }.count == connections)
      #expect(events.last?.event == "summary")
      #expect(events.last?.timeWaits?.seen == connections)
      #expect(events.last?.lost == 0)
    }

    private func unreadBytes(_ descriptor: Int32) -> Int {
      var count: Int32 = 0
      _ = ioctl(descriptor, UInt(FIONREAD), &count)
      return Int(count)
    }

    @Test("SIGKILL leaves nothing in the kernel")
    func kill() throws {
      let bpftool = try Programs.system("bpftool", package: "bpftool")
      let child = try textTracer([])
      let programs = identifiers("prog_id", of: child.pid)
      let links = identifiers("link_id", of: child.pid)
      let maps = identifiers("map_id", of: child.pid)
      #expect(!programs.isEmpty && !links.isEmpty && !maps.isEmpty)

      child.send(SIGKILL)
      #expect(try child.end() == .signal(SIGKILL))

      // The kernel frees them a moment later.
      for (kind, identifiers) in [("link", links), ("prog", programs), ("map", maps)] {
        for identifier in identifiers {
          let isGone = try eventually {
            try Run(bpftool, [kind, "show", "id", identifier]).ending != .status(0)
          }
          #expect(isGone, "\(kind) \(identifier)")
        }
      }
    }

    /// Of the BPF objects that a process has open.
    private func identifiers(_ key: String, of pid: Int32) -> Set<String> {
      let lines = namesIn("/proc/\(pid)/fdinfo").flatMap {
        (readFile("/proc/\(pid)/fdinfo/\($0)") ?? "").split(separator: "\n")
      }
      return Set(
        lines.filter { $0.hasPrefix("\(key):") }.compactMap { $0.split(separator: "\t").last.map(String.init) })
    }
  }
}
