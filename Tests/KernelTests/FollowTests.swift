import Glibc
import Stage
import Testing

extension KernelTests {
  /// `tcplinger run -- COMMAND`.
  @Suite struct FollowTests {
    /// A Python program that has a connection whose other end it has closed; then the given lines.
    private func program(_ lines: String) -> String {
      """
      import os, socket, sys, time
      l = socket.socket(); l.bind(("127.0.0.1", 0)); l.listen(5)
      c = socket.create_connection(l.getsockname()); s, _ = l.accept(); s.close()
      \(lines)
      """
    }

    private func follow(_ lines: String, _ options: String...) throws -> (Run, [TracedEvent]) {
      let python = try Programs.system("python3", package: "python3")
      let run = try Run.tcplinger(["run", "--json"] + options + ["--", python, "-c", program(lines)])
      return (run, try tracedEvents(in: run.errors.lines))
    }

    @Test("A command that closes what its peers closed has its own exit status")
    func clean() throws {
      let (run, events) = try follow("c.close(); print('out'); sys.exit(7)")
      #expect(run.ending == .status(7))
      #expect(run.output.lines.first == "out")
      #expect(events.last?.closeWaits?.seen == 0)
      #expect(events.last?.timeWaits == .init(seen: 1, attributed: 1))
    }

    @Test("A connection that is held at the end is a leak, however short")
    func heldAtTheEnd() throws {
      let (run, events) = try follow("os._exit(0)")
      #expect(run.ending == .status(3))
      #expect(events.filter { $0.event == "close_wait" }.count == 1)
      #expect(events.first { $0.event == "close_wait_end" }?.cause == "exit")
    }

    @Test("A connection that is held for too long is a leak, though it is closed then")
    func heldTooLong() throws {
      let (run, events) = try follow("time.sleep(0.5); c.close()", "--min-age", "200ms")
      #expect(run.ending == .status(3))
      #expect(events.filter { $0.event == "close_wait" }.count == 1)
    }

    @Test("What a grandchild leaks counts, and what it leaves behind when it lives on")
    func grandchildren() throws {
      let (run, events) = try follow(
        "pid = os.fork()\nif pid == 0:\n  c = c.dup(); os.setsid(); time.sleep(3); os._exit(0)\nc.close()")
      #expect(run.ending == .status(3))
      #expect(events.filter { $0.event == "close_wait" }.count == 1)
    }

    @Test("What others leak does not count")
    func others() throws {
      let talk = try Conversation(Player("client"), Player("leaker"))
      let command = ["run", "--json", "--min-age", "100ms", "--", "/bin/sh", "-c", "sleep 0.6; exit 4"]
      let child = try Child(Programs.tcplinger, command)
      try talk.client.close()
      #expect(try child.end() == .status(4))
      let events = try tracedEvents(in: child.errors.lines)
      #expect(events.filter { $0.event == "close_wait" }.isEmpty)
    }

    @Test("A signal reaches the command")
    func signals() throws {
      let script = "trap 'echo got; exit 9' TERM; echo ready; while :; do sleep 0.05; done"
      let child = try Child(Programs.tcplinger, ["run", "--", "/bin/sh", "-c", script])
      #expect(child.nextLine(by: .inSeconds(patience)).map { String(decoding: $0, as: UTF8.self) } == "ready")
      child.send(SIGTERM)
      #expect(try child.end() == .status(9))
      #expect(child.output.lines.contains("got"))
    }

    @Test("A command that is not there is 127, and the report may go to a file")
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
