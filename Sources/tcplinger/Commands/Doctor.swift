import ArgumentParser
import Diagnosis
import Events
import Render
import System
import Tracing

struct Doctor: Command {
  static let configuration = CommandConfiguration(
    abstract: "Watch for a while, then say what is wrong, why, and what helps on this kernel.",
    discussion: """
      Findings come worst first, each with what was seen, what it means, what to do at the source, which kernel setting \
      helps and which does not, and how sure it is. It watches for 10 s unless --duration says otherwise, and changes no \
      setting. Ctrl-C ends the watch early and prints what was found until then.
      """)

  static let manual = Manual(
    examples: [
      ("tcplinger doctor", "the whole host, for 10 seconds"),
      ("tcplinger doctor --duration 1m --netns 4123", "the container of process 4123"),
      ("tcplinger doctor --exit-code -q", "for a monitor: silent if nothing is wrong"),
      ("tcplinger doctor --json | jq '.findings[] | {rule, severity, seen}'", "for a script"),
      ("tcplinger doctor --explain TIME_WAIT", "how it is entered, who is responsible, what helps"),
    ],
    exitStatus: [
      ("4", "With --exit-code: the worst finding is a warning."), ("5", "With --exit-code: it is critical."),
    ],
    seeAlso: ["tcplinger(8)", "tcplinger-leaks(8)", "docs/how-to.md", "docs/commands.md"])

  private static let wholeNamespace =
    "it judges all connections of a network namespace, as they share its ports and queues; use --netns"

  static let refused = [
    "pid": wholeNamespace, "comm": wholeNamespace, "port": wholeNamespace, "peer-port": wholeNamespace,
    "peer": wholeNamespace, "ipv4": wholeNamespace, "ipv6": wholeNamespace, "role": wholeNamespace,
    "unit": wholeNamespace, "container": wholeNamespace, "pod": wholeNamespace, "cgroup": wholeNamespace,
    "user": wholeNamespace, "exe": wholeNamespace,
    "interval": "it looks once, before and after the watch; use top to look again and again",
    "count": "it looks once, before and after the watch", "sort": "findings come worst first",
    "wide": "it cuts nothing", "utc": "it prints no time; --json does, in UTC",
    "date": "it prints no time; --json does, in UTC",
  ]

  @OptionGroup(title: "Filters") var filters: ConnectionOptions

  @Option(
    help: ArgumentHelp("Explain a state of TCP, such as CLOSE_WAIT, and look at nothing.", valueName: "state"),
    transform: StateArgument.parse)
  var explain: StateArgument?

  @Flag(help: "Exit with status 4 if the worst finding is a warning, and 5 if it is critical.")
  var exitCode = false

  @OptionGroup(title: "Time") var time: TimeOptions

  @OptionGroup(title: "Output") var output: OutputOptions

  @OptionGroup(title: "Kernel programs") var programs: ProgramOptions

  var given: [String] { filters.given + time.given + output.given }

  func validate() throws {
    try refuseOptions()
    if time.duration?.nanoseconds == 0 {
      throw ValidationError("--duration 0 leaves nothing to find; give 1s or more")
    }
  }

  func run() throws {
    let signals = try Signals.block()
    let standard = Output.standard(interruptedBy: signals.descriptor)
    let renderer = HealthRenderer(
      isColoured: output.isColourWanted && standard.isTerminal, isQuiet: output.quiet, limit: output.limit,
      language: output.language)
    var line = LineBuffer()
    var worst: Finding.Severity?
    if let state = explain?.state {
      if output.json {
        renderer.renderJSON(state, into: &line)
      } else {
        renderer.renderText(state, into: &line)
      }
    } else {
      let report = try examine(signals)
      worst = report.worst
      if output.json {
        renderer.renderJSON(report, into: &line)
      } else {
        renderer.renderText(report, into: &line)
      }
    }
    do throws(OutputEnd) {
      try standard.write(line.bytes)
    } catch {
      let failure = Failure(error)
      // The exit status does not depend on whether the output is read.
      guard failure.status == 0, exitCode else { throw failure }
    }
    if exitCode, let status = worst?.exitStatus { throw Failure(status: status) }
  }

  private func examine(_ signals: borrowing Signals) throws -> HealthReport {
    do {
      var run = try DoctorRun(
        netns: filters.netns?.inode, without: programs.names, signals: signals.descriptor)
      output.note(run.startEvent)
      return try run.run(nanoseconds: time.duration?.nanoseconds ?? 10_000_000_000)
    } catch let error as TracingError {
      throw output.failure(error)
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
        "'\(text)' is not a state of TCP; write one of \(States.all.map(\.name).joined(separator: ", "))")
    }
    return StateArgument(state: state)
  }
}
