import FoundationEssentials
import Stage
import Testing

/// Runs the program on a kernel that refuses what is named (Tests/Preload/preload.c).
private func run(refusing refused: String, _ arguments: [String]) throws -> Run {
  try Run.tcplinger(
    arguments, environment: ["LD_PRELOAD": try Programs.preload, "REFUSE": refused, "TERM": "dumb"])
}

private let (notPermitted, invalid) = (1, 22)

extension EndToEndTests {
  /// A kernel may refuse root any program, with every capability there.
  @Suite struct RefusalTests {
    @Test(
      "A refused program is named, with what may forbid it",
      arguments: [
        ("find_holders", "iter/task_file"), ("seed_from_table", "iter/tcp"), ("sweep_table", "raw_tp"),
      ])
    func named(program: String, section: String) throws {
      let run = try run(refusing: "\(program):\(notPermitted)", ["--duration", "100ms"])

      #expect(run.ending == .status(2))
      #expect(run.errors.lines.count == 1)
      let line = run.errors.text
      #expect(line.contains("cannot load \(program) (\(section)): Operation not permitted"))
      for fact in ["lockdown", "LSMs", "seccomp", "user namespace", "container", "kernel"] {
        #expect(line.contains("\(fact) "))
      }
      #expect(line.contains("seccomp off"))
      #expect(!line.contains("run as root"))
    }

    @Test("A refusal is blamed on the program that was refused, and what stands in for it is used")
    func blamed() throws {
      let all = try Run.tcplinger(["-v", "--duration", "100ms"])
      let run = try run(
        refusing: "handle_packet_end:\(notPermitted),handle_small_socket:\(notPermitted)",
        ["-v", "--duration", "100ms"])

      #expect(run.ending == .status(0))
      #expect(run.errors.text.contains("not used: tp_btf/kfree_skb: "))
      // What is said of who accepts is the same with and without.
      func saidOfAccepting(_ run: Run) -> [String] {
        run.errors.lines.filter {
          $0.contains("not used: ") && !$0.contains("kfree_skb") && !$0.contains("timewait")
        }
      }
      #expect(saidOfAccepting(run) == saidOfAccepting(all))
      let hooks = try #require(run.errors.lines.first { $0.contains("hooks: ") })
      #expect(!hooks.contains("kfree_skb") && !hooks.contains("tcp_timewait_state_process"))
      #expect(hooks.contains("inet_csk_accept") || hooks.contains("tcp_rcv_space_adjust"))
    }

    private struct Report: Decodable {
      struct Program: Decodable {
        var name: String
        var loads: Bool
        var reason: String?
        var lost: String
      }

      var can_trace: Bool
      var programs: [Program]
    }

    @Test("check tries each program by itself, and sends nobody back to itself")
    func checked() throws {
      func report(_ run: Run) throws -> Report {
        try JSONDecoder().decode(Report.self, from: Data(run.output.bytes))
      }
      let usual = try report(try Run.tcplinger(["check", "--json"]))
      let refusing = try run(refusing: "mark_due:\(notPermitted)", ["check", "--json"])
      #expect(refusing.ending == .status(2))
      let unusual = try report(refusing)

      #expect(usual.can_trace && !unusual.can_trace)
      #expect(unusual.programs.map(\.name) == usual.programs.map(\.name))
      let refused = try #require(unusual.programs.first { $0.name == "mark_due" })
      #expect(!refused.loads && refused.reason == "Operation not permitted" && !refused.lost.isEmpty)
      let others = { (report: Report) in report.programs.filter { $0.name != "mark_due" }.map(\.loads) }
      #expect(others(unusual) == others(usual))

      let text = try run(refusing: "mark_due:\(notPermitted)", ["check"])
      #expect(!text.output.text.contains("tcplinger check"))
      #expect(
        text.output.lines.contains { $0.hasPrefix("mark_due ") && $0.contains("Operation not permitted") })
    }

    @Test(
      "--verbose prints the verifier's log, a line a line and once",
      arguments: [
        ["trace", "--duration", "100ms"], ["leaks"], ["top", "--batch", "-n", "1"],
        ["doctor", "--duration", "1s"],
        ["run", "--", "true"], ["check"],
      ])
    func verbose(command: [String]) throws {
      let words = [command[0], "--verbose"] + command.dropFirst()
      let run = try run(refusing: "report_due:\(invalid)", words)

      #expect(run.ending == .status(2))
      #expect(!run.errors.text.contains("\\x0a"))
      #expect(run.errors.lines.filter { $0 == "tcplinger: 0: R1=ctx() R10=fp0" }.count == 1)
      #expect(run.errors.text.contains("the verifier refuses this"))
    }

    @Test("The same of a census") func census() throws {
      let run = try run(refusing: "count_sockets:\(invalid)", ["census", "--verbose"])
      #expect(run.ending == .status(2))
      #expect(run.errors.lines.contains("tcplinger: 0: R1=ctx() R10=fp0"))
    }

    @Test("A round sweeps what is remembered once, and looks at small sockets once")
    func rounds() throws {
      let run = try Run.tcplinger(
        ["--duration", "2s"],
        environment: ["LD_PRELOAD": try Programs.preload, "COUNT_RUNS": "sweep_table settle_small_sockets"])

      func runs(_ program: String) throws -> Int {
        let line = run.errors.lines.first { $0.hasPrefix("runs of \(program)") }
        return try #require(line?.split(separator: " ").last.flatMap { Int($0) }, "\(run.errors.text)")
      }
      let (sweeps, looks) = (try runs("sweep_table"), try runs("settle_small_so"))
      // 256 runs go over each table. Either may be put off for a round where the machine is slow.
      #expect(looks >= 10 * 256)
      #expect(sweeps >= 10 * 256 && sweeps <= looks + 3 * 256, "\(sweeps) runs beside \(looks)")
    }

    @Test(
      "What is refused after the programs are loaded says what to do as well",
      arguments: [
        ["trace", "--duration", "100ms"], ["leaks"], ["leaks", "--watch"], ["census"],
        ["top", "--batch", "-n", "1"],
        ["doctor", "--duration", "1s"], ["run", "--", "true"],
      ])
    func later(command: [String]) throws {
      let run = try run(refusing: "iter_create:\(notPermitted)", command)

      #expect(run.ending == .status(2))
      #expect(run.errors.lines.count == 1)
      #expect(run.errors.text.contains("cannot run "))
      #expect(run.errors.text.contains("ask who runs this machine what forbids it"))
    }
  }
}
