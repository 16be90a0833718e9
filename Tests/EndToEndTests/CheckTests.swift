import FoundationEssentials
import Stage
import Testing

extension EndToEndTests {
  /// `tcplinger check`, and what a tracer keeps of its privileges.
  @Suite struct CheckTests {
    private struct Report: Decodable {
      struct Finding: Decodable {
        var name: String
        var grade: String
        var value: String
        var lost: String?
      }

      var canTrace: Bool
      var findings: [Finding]

      enum CodingKeys: String, CodingKey {
        case findings
        case canTrace = "can_trace"
      }
    }

    @Test("Root can trace, by the hooks that a trace then uses")
    func asRoot() throws {
      let run = try Run.tcplinger(["check", "--json"])
      #expect(run.ending == .status(0))
      let report = try JSONDecoder().decode(Report.self, from: Data(run.output.bytes))
      #expect(report.canTrace)
      let tracer = try Tracer()
      try tracer.stop()
      let hooks = try tracer.start().hooks ?? []
      #expect(hooks.contains("tp_btf/inet_sock_set_state"))
      #expect(report.findings.filter { $0.value == "used" }.map(\.name) == hooks)
      #expect(!report.findings.contains { $0.grade == "missing" })
      #expect(report.findings.allSatisfy { $0.grade != "limited" || $0.lost != nil })
    }

    @Test("A tracer keeps no privilege that it does not need")
    func privileges() throws {
      let tracer = try Child(Programs.tcplinger, ["--json"])
      _ = tracer.nextLine(by: .inSeconds(patience))
      let tasks = "/proc/\(tracer.pid)/task"
      // The thread that reads the kernel gives up the rest once the older sockets are read.
      let kept = eventually {
        namesIn(tasks).allSatisfy { task in
          let mask = self.capabilities("\(tasks)/\(task)/status")
          // CAP_BPF, and CAP_SYS_PTRACE to read what processes are.
          return mask == 0 || task != "\(tracer.pid)" && mask == 1 << 39 | 1 << 19
        }
      }
      #expect(kept)
      #expect(namesIn(tasks).count == 2)
      for task in namesIn(tasks) {
        #expect(readFile("\(tasks)/\(task)/status")?.contains("NoNewPrivs:\t1") == true)
      }
      tracer.send(15)
      #expect(try tracer.end() == .status(0))
    }

    private func capabilities(_ path: String) -> UInt64? {
      readFile(path)?.split(separator: "\n").first { $0.hasPrefix("CapPrm:\t") }
        .flatMap { UInt64($0.dropFirst(8), radix: 16) }
    }

    @Test("A rung that the kernel does not have ends with one line", arguments: ["fentry", "kprobe"])
    func forcedRung(rung: String) throws {
      let run = try Run.tcplinger(["--json", "--hooks", rung, "--duration", "100ms"])
      if run.ending == .status(0) {
        let hooks = try tracedEvents(in: run.output.lines).first?.hooks ?? []
        #expect(hooks.contains { $0.hasPrefix(rung == "fentry" ? "fexit/" : "kretprobe/") })
      } else {
        #expect(run.ending == .status(2))
        #expect(run.errors.lines.count == 1)
        #expect(run.errors.text.contains("--hooks \(rung)"))
      }
    }
  }
}
