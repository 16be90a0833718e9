import Glibc
import Stage
import Testing

/// Ways to start the program with less than root has. It is copied to where everybody may read it.
enum Privileges: CaseIterable {
  case none, nobody, loadOnly, needed

  func run(_ arguments: [String]) throws -> Run {
    guard geteuid() == 0 else { throw Failure("this test drops privileges, which needs root: sudo make test") }
    let directory = try TemporaryDirectory()
    chmod(directory.path, 0o755)
    let copy = "\(directory.path)/tcplinger"
    guard
      try Run(Programs.system("install", package: "coreutils"), ["-m", "755", Programs.tcplinger, copy])
        .ending == .status(0)
    else { throw Failure("cannot copy the program") }
    return try Run(
      Programs.system("setpriv", package: "util-linux"), options + ["--", copy] + arguments)
  }

  private var options: [String] {
    let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups"]
    return switch self {
    case .none: ["--bounding-set", "-all", "--inh-caps", "-all"]
    case .nobody: nobody
    case .loadOnly: nobody + ["--inh-caps", "+bpf", "--ambient-caps", "+bpf"]
    case .needed: nobody + ["--inh-caps", "+bpf,+perfmon", "--ambient-caps", "+bpf,+perfmon"]
    }
  }
}

extension EndToEndTests {
  @Suite struct PrivilegeTests {
    @Test(
      "Without the privileges it needs, one line says what to do, with status 2",
      arguments: [Privileges.none, .nobody, .loadOnly])
    func refused(privileges: Privileges) throws {
      let run = try privileges.run(["--duration", "1s"])

      #expect(run.ending == .status(2))
      #expect(run.output.bytes.isEmpty)
      #expect(run.errors.lines.count == 1)
      #expect(run.errors.text.contains("run as root"))
      #expect(run.errors.text.contains("CAP_BPF"))
      #expect(run.errors.text.contains("CAP_PERFMON"))
    }

    @Test("CAP_BPF and CAP_PERFMON are enough to trace")
    func enough() throws {
      let run = try Privileges.needed.run(["--json", "--duration", "100ms"])

      #expect(run.ending == .status(0))
      #expect(run.output.lines.first?.hasPrefix(#"{"event":"start""#) == true)
      #expect(run.output.lines.last?.hasPrefix(#"{"event":"summary""#) == true)
    }
  }
}
