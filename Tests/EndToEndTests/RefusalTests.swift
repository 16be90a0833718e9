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
    @Test("Without any program on states there is no tracing: the last one is named, with what may forbid it")
    func named() throws {
      let refused = ["handle_state", "handle_state_si", "handle_state_ra"].map { "\($0):\(notPermitted)" }
      let run = try run(refusing: refused.joined(separator: ","), ["--duration", "100ms"])

      #expect(run.ending == .status(2))
      #expect(run.errors.lines.count == 1)
      let line = run.errors.text
      #expect(
        line.contains("cannot load handle_state_raw (raw_tp/inet_sock_set_state): Operation not permitted"))
      for fact in ["lockdown", "LSMs", "seccomp", "user namespace", "container", "kernel"] {
        #expect(line.contains("\(fact) "))
      }
      #expect(line.contains("seccomp off"))
      #expect(!line.contains("run as root"))
    }

    @Test(
      "Without any other program it goes on, and says in one line what is lost",
      arguments: [
        ("visit_files", "iter/task_file"), ("visit_sockets", "iter/tcp"), ("audit", "raw_tp/audit"),
        ("handle_state", "tp_btf/inet_sock_set_state"),
      ],
      [
        (notPermitted, "Operation not permitted"), (invalid, "Invalid argument"), (13, "Permission denied"),
        (2, "No such file or directory"), (524, "Not supported by this kernel"),
      ])
    func goesOn(program: (name: String, hook: String), reason: (code: Int, words: String)) throws {
      let refused = [program.name, program.name + "_si"].map { "\($0):\(reason.code)" }.joined(separator: ",")
      let run = try run(refusing: refused, ["--duration", "100ms"])

      #expect(run.ending == .status(0))
      let lines = run.errors.lines.filter { $0.contains("not used: ") }
      #expect(lines.count == 1, "\(run.errors.text)")
      #expect(lines.first?.hasPrefix("tcplinger: not used: \(program.hook): \(reason.words); ") == true)
    }

    @Test("The start of a trace has each refusal, with its reason and what is lost")
    func start() throws {
      struct Start: Decodable {
        struct Refusal: Decodable {
          var hook: String
          var reason: String
          var lost: String?
        }
        var hooks: [String]
        var refused: [Refusal]
      }
      let run = try Run.tcplinger(["--json", "--without", "iter/tcp,kfree_skb,tc", "--duration", "100ms"])
      let start = try JSONDecoder().decode(Start.self, from: Data(try #require(run.output.lines.first).utf8))
      #expect(!start.hooks.contains("iter/tcp") && !start.hooks.contains("tp_btf/kfree_skb"))
      for hook in ["iter/tcp", "tp_btf/kfree_skb"] {
        let refusal = try #require(start.refused.first { $0.hook == hook })
        #expect(refusal.reason == "--without was given" && refusal.lost?.isEmpty == false)
      }
      #expect(start.refused.first { $0.hook == "tc" }?.lost == nil)
    }

    @Test("An unknown program is refused in one line that lists the known ones")
    func unknown() throws {
      let run = try Run.tcplinger(["--without", "iter/tcp,nothing"])
      #expect(run.ending == .status(64))
      #expect(run.errors.text.contains("the program 'nothing' is unknown"))
      #expect(run.errors.text.contains("tp_btf/kfree_skb") && run.errors.text.contains("iter/task_file"))
    }

    @Test("A refusal is blamed on the program that was refused, and what stands in for it is used")
    func blamed() throws {
      let all = try Run.tcplinger(["-v", "--duration", "100ms"])
      let run = try run(
        refusing: "handle_packet_end:\(notPermitted),handle_time_wait_socket:\(notPermitted)",
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
      let refusing = try run(refusing: "audit:\(notPermitted)", ["check", "--json"])
      #expect(refusing.ending == .status(0))
      let unusual = try report(refusing)

      #expect(usual.can_trace && unusual.can_trace)
      #expect(unusual.programs.map(\.name) == usual.programs.map(\.name))
      let refused = try #require(unusual.programs.first { $0.name == "audit" })
      #expect(!refused.loads && refused.reason == "Operation not permitted" && !refused.lost.isEmpty)
      let others = { (report: Report) in report.programs.filter { $0.name != "audit" }.map(\.loads) }
      #expect(others(unusual) == others(usual))

      let text = try run(refusing: "audit:\(notPermitted)", ["check"])
      #expect(!text.output.text.contains("tcplinger check"))
      #expect(
        text.output.lines.contains { $0.hasPrefix("audit ") && $0.contains("Operation not permitted") })
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
      let states = ["handle_state", "handle_state_si", "handle_state_ra"].map { "\($0):\(invalid)" }
      let isCheck = command == ["check"]
      let run = try run(refusing: isCheck ? "audit:\(invalid)" : states.joined(separator: ","), words)

      #expect(run.ending == .status(isCheck ? 0 : 2))
      #expect(!run.errors.text.contains("\\x0a"))
      #expect(run.errors.lines.filter { $0 == "tcplinger: 0: R1=ctx() R10=fp0" }.count == 1)
      #expect(run.errors.text.contains("the verifier refuses this"))
    }

    @Test(
      "A census without its programs is the same, by other means", arguments: ["process", "tuple", "state"])
    func census(grouping: String) throws {
      let home = try Player("home")
      try home.enterNewNetworkNamespace()
      let talk = try Conversation(home.fork(), home.fork())
      try talk.client.close()
      try talk.client.held(by: home).awaitTabledState(.finWait2)
      let netns = ["--netns", "\(home.pid)"]
      let usual = try Run.tcplinger(["census", "--by", grouping, "--json"] + netns)
      let without = try Run.tcplinger(
        ["census", "--by", grouping, "--json", "--without", "iter/tcp,iter/task_file"] + netns)
      #expect(without.ending == .status(0))
      func withoutTime(_ run: Run) -> [String] {
        run.output.lines.map { line in
          line.replacing(#/"time":"[^"]*",?/#, with: "").replacing(#/"duration[^,}]*,?/#, with: "")
        }
      }
      #expect(withoutTime(without) == withoutTime(usual))
    }

    @Test("A round looks at what ends once")
    func rounds() throws {
      let run = try Run.tcplinger(
        ["--duration", "2s"], environment: ["LD_PRELOAD": try Programs.preload, "COUNT_RUNS": "audit"])
      let line = try #require(run.errors.lines.first { $0.hasPrefix("runs of audit") }, "\(run.errors.text)")
      let runs = try #require(line.split(separator: " ").last.flatMap { Int($0) })
      // Of what is open on this machine all is looked at, at the end at the latest, 64 at a time; else only what ends.
      #expect(runs <= 400)
    }

    @Test(
      "A program that is refused when it is attached is left out",
      arguments: [
        ["trace", "--duration", "100ms"], ["leaks"], ["census", "--by", "process"],
        ["top", "--batch", "-n", "1"],
        ["doctor", "--duration", "1s"], ["run", "--", "true"],
      ])
    func later(command: [String]) throws {
      let run = try run(refusing: "iter_create:\(notPermitted)", command)

      #expect(run.ending == .status(0))
      #expect(run.errors.text.contains("not used: iter/task_file: Operation not permitted; "))
    }
  }
}
