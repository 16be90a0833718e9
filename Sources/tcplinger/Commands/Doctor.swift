import ArgumentParser
import Diagnosis
import Events
import Render
import System
import Tracing

struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Watches for a while, and says what is wrong, why, and what helps on this kernel.",
    discussion: """
      Findings come worst first, each with what was seen, what it means, what to do at the source, which kernel \
      setting helps and which does not, and how sure it is. No setting is changed. Ctrl-C ends the watch early, and \
      prints what was found until then.

      EXAMPLES
        tcplinger doctor                         the whole host, for 10 seconds
        tcplinger doctor --duration 1m --netns 4123
                                                 the container of process 4123
        tcplinger doctor --json | jq '.findings[] | {rule, severity, seen}'
        tcplinger doctor --explain TIME_WAIT     how it is entered, who is responsible, what helps
      """)

  @Option(help: "How long to watch. (default: 10s)", transform: DurationArgument.parse)
  var duration = DurationArgument(nanoseconds: 10_000_000_000)

  @Option(
    help: ArgumentHelp(
      "Only this network namespace: a file, the pid of a process in it, or its inode number.",
      valueName: "path|pid|id"),
    transform: NamespaceArgument.parse)
  var netns: NamespaceArgument?

  @Option(
    help: ArgumentHelp("Explain a state of TCP, such as CLOSE_WAIT, and look at nothing.", valueName: "state"),
    transform: StateArgument.parse)
  var explain: StateArgument?

  @Flag(help: "One JSON object.")
  var json = false

  @Flag(help: "Exit with status 4 if the worst finding is a warning, and 5 if it is critical.")
  var exitCode = false

  @OptionGroup var verbosity: VerboseOption

  func validate() throws {
    if duration.nanoseconds == 0 {
      throw ValidationError("without a watch there is nothing to find; give 1s or more")
    }
  }

  func run() throws {
    let signals = try Signals.block()
    let renderer = HealthRenderer()
    var line = LineBuffer()
    var worst: Finding.Severity?
    if let state = explain?.state {
      if json { renderer.renderJSON(state, into: &line) } else { renderer.renderText(state, into: &line) }
    } else {
      let report = try examine(signals)
      worst = report.worst
      if json { renderer.renderJSON(report, into: &line) } else { renderer.renderText(report, into: &line) }
    }
    do throws(OutputEnd) {
      try Output.standard(interruptedBy: signals.descriptor).write(line.bytes)
    } catch {
      let failure = Failure(error)
      // What was found does not depend on whether anybody reads it.
      guard failure.status == 0, exitCode else { throw failure }
    }
    if exitCode, let status = worst?.exitStatus { throw Failure(status: status) }
  }

  private func examine(_ signals: borrowing Signals) throws -> HealthReport {
    do {
      var run = try DoctorRun(
        netns: netns?.inode, without: verbosity.without?.names ?? [], signals: signals.descriptor)
      verbosity.note(run.startEvent)
      return try run.run(nanoseconds: duration.nanoseconds)
    } catch let error as TracingError {
      throw verbosity.failure(error)
    }
  }
}

extension Finding.Severity {
  /// Of `--exit-code`; nil: nothing is wrong.
  fileprivate var exitStatus: Int32? {
    switch self {
    case .critical: Failure.critical
    case .warning: Failure.warning
    case .note: nil
    }
  }
}

/// A state by its name.
struct StateArgument: Sendable {
  var state: StateExplanation

  static func parse(_ text: String) throws -> StateArgument {
    guard let state = States.named(text) else {
      throw ValidationError(
        "'\(text)' is no state of TCP; write one of \(States.all.map(\.name).joined(separator: ", "))")
    }
    return StateArgument(state: state)
  }
}
