import ArgumentParser
import Events
import Tracing

/// Which kernel programs to use: the same for every command that loads some.
struct ProgramOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Do without these, as a kernel may refuse them: iter/tcp,kfree_skb (docs/kernels.md lists all).",
      valueName: "programs"),
    transform: ProgramList.parse)
  var without: ProgramList?

  var names: [String] { without?.names ?? [] }
}

/// The argument of `--without`.
struct ProgramList: Equatable {
  var names: [String]

  static func parse(_ text: String) throws -> ProgramList {
    let names = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    for name in names where !TraceSettings.programNames.contains(name) && !TraceSettings.isProgram(name) {
      throw ValidationError(
        "the program '\(name)' is unknown; write one of \(TraceSettings.programNames.joined(separator: ", "))")
    }
    return ProgramList(names: names)
  }
}

extension OutputOptions {
  /// Without --verbose only refusals that cost something: where no other program stands in.
  func note(_ start: Start) { note(hooks: start.hooks, start.refusals) }

  func note(hooks: [String], _ refusals: [Start.Refusal]) {
    if verbose { StandardError.print("hooks: \(hooks.joined(separator: ", "))") }
    for refusal in refusals where verbose || refusal.isFelt && !quiet {
      StandardError.print("not used: \(refusal.hook): \(refusal.reason)\(refusal.lost.map { "; \($0)" } ?? "")")
    }
  }

  /// In a container, as a rule: what its pids are, and what cannot be seen from there.
  func notePidNamespace() { if !quiet { StandardError.notePidNamespace() } }

  /// The kernel's log, line by line.
  func note(_ log: [String]) {
    guard verbose else { return }
    for line in log { StandardError.print(line) }
  }

  /// This machine does not allow it: one line, and before it, if it was asked for, all that the kernel said.
  func failure(_ error: TracingError) -> Failure {
    note(error.log)
    return Failure(status: Failure.machine, line: "\(error)")
  }
}
