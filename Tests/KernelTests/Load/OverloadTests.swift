import Glibc
import Stage
import Testing

extension KernelTests {
  @Suite(.onceIsEnough) struct OverloadTests {
    /// What a blocked output may cost: the queue holds 32,768 origins, as many may be on their way to the output,
    /// and an array that grows has up to twice its room. An origin has less than 400 bytes.
    private static let mostKilobytes = 2 * 2 * 32_768 * 400 / 1024

    @Test(
      "A reader that stops reading for 10 s at full load costs lines, not memory, and each is accounted for")
    func blockedPipe() throws {
      let home = try Player("home")
      try home.enterNewNetworkNamespace()
      try home.setSysctl("net/ipv4/tcp_max_tw_buckets", 1_000_000)
      // At this load a reset ends some TIME_WAITs as they begin, before they can be looked at: docs/known-issues.md.
      try home.setSysctl("net/ipv4/tcp_rfc1337", 1)
      let child = try Child(
        Programs.tcplinger, ["--json", "--state", "time_wait", "--netns", "\(home.pid)"])
      try #require(child.nextLine(by: .inSeconds(patience)) != nil)
      let memoryBefore = try peakKilobytes(of: child.pid)

      // From here on nobody reads, and nothing may wait for that.
      let end = Moment.inSeconds(10)
      var made: [Workload] = []
      while Moment.now < end {
        guard made.count < 8 else {
          usleep(100_000)
          continue
        }
        made.append(try Workload.run(Machine.isEmulated ? 45_000 : 60_000, closer: "client", in: home))
      }
      let memoryAfter = try peakKilobytes(of: child.pid)
      #expect(
        memoryAfter - memoryBefore < Self.mostKilobytes, "\(memoryBefore) kB before, \(memoryAfter) after")

      // A packet that was dropped at this load is sent again after 200 ms: until then some have not ended.
      _ = try eventually(within: 5) { try unfinished(in: home) == 0 }
      let remaining = try unfinished(in: home)

      child.send(SIGINT)
      #expect(try child.end() == .status(0))
      let told = try Told(child.output.lines)
      let connections = made.map(\.connections).reduce(0, +)
      let lost = told.lost.values.reduce(0, +)
      #expect(told.lost["output", default: 0] > 0)
      #expect(told.printed + told.lost["output", default: 0] == told.summary.timeWaits?.seen)
      #expect(told.summary.lost == lost)
      let counted = made.map { told.summary.account(of: $0.clientPid)?.timeWait ?? 0 }
      #expect(counted.reduce(0, +) == told.summary.timeWaits?.seen)
      #expect(told.printed + lost == connections - remaining, "lost: \(told.lost)")
    }

    /// What came out, without an object a line.
    private struct Told {
      var printed = 0
      var lost: [String: Int] = [:]
      var summary: TracedEvent

      init(_ lines: [String]) throws {
        let last = try #require(try tracedEvents(in: lines.suffix(1)).first)
        try #require(last.event == "summary", "the last line is \(lines.last ?? "none")")
        summary = last
        for line in lines {
          if line.hasPrefix(#"{"event":"time_wait""#) { printed += 1 }
          guard line.hasPrefix(#"{"event":"lost""#) else { continue }
          for event in try tracedEvents(in: [line]) { lost[event.place ?? "?", default: 0] += event.count ?? 0 }
        }
      }
    }

    private func peakKilobytes(of pid: pid_t) throws -> Int {
      let status = try #require(readFile("/proc/\(pid)/status"))
      let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
      return try #require(line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) })
    }
  }
}
