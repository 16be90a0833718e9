import ArgumentParser
import Events
import Glibc
import Render
import System
import Tracing

struct Run: Command {
  static let configuration = CommandConfiguration(
    abstract: "Run a command and report the connections that it leaked.",
    usage: "tcplinger run [OPTION...] -- COMMAND [ARGUMENT...]",
    discussion: """
      Counts the TIME_WAITs that the command and its children caused, and lists as leaks the CLOSE_WAITs that they held \
      for --min-age or still held at the end. The command keeps its standard streams; the report goes to standard \
      error, or to a file.
      """)

  static let manual = Manual(
    examples: [
      ("tcplinger run -- make check", "a test suite that must not leak connections"),
      ("tcplinger run --exit-code 99 -- make check", "with a status that make does not use"),
      ("tcplinger run --min-age 5s --json --report leaks.json -- pytest -q", "a report for a script"),
    ],
    exitStatus: [
      ("3", "The command leaked. --exit-code chooses another status."),
      ("126", "The command cannot be run; 127: there is none."),
    ],
    seeAlso: ["tcplinger(8)", "tcplinger-leaks(8)", "docs/how-to.md", "docs/events.md"])

  static let refused = [
    "pid": "it follows the command and what that starts; use trace --pid for another process",
    "duration": "it ends with its command; put timeout(1) before the command",
    "interval": "it reports at the end",
    "count": "it reports at the end", "sort": "leaks come in the order of time",
  ]

  @OptionGroup(title: "Filters") var filters: ConnectionOptions

  @Option(
    help: ArgumentHelp("How long the command may hold a CLOSE_WAIT. (default: 1s)", valueName: "time"),
    transform: DurationArgument.parse)
  var minAge = DurationArgument(nanoseconds: 1_000_000_000)

  @Option(
    help: ArgumentHelp(
      "Exit with this status if the command leaked: one that it does not use itself. 0: with its own. (default: 3)",
      valueName: "status"))
  var exitCode: Int32?

  @Option(help: ArgumentHelp("Where the report goes. (default: standard error)", valueName: "file"))
  var report: String?

  @OptionGroup(title: "Time") var time: TimeOptions

  @OptionGroup(title: "Output") var output: OutputOptions

  @OptionGroup(title: "Kernel programs") var programs: ProgramOptions

  @Argument(
    parsing: .postTerminator,
    help: ArgumentHelp("The command and its arguments, after --.", valueName: "command"))
  var command: [String]

  var given: [String] { filters.given + time.given + output.given }

  func validate() throws {
    try refuseOptions()
    if command.isEmpty {
      throw ValidationError("no command; write it after --, such as tcplinger run -- make check")
    }
    if let exitCode, !(0...125 ~= exitCode) {
      throw ValidationError("--exit-code must be from 0 to 125, such as 99; \(exitCode) is not")
    }
  }

  func run() throws {
    // Who started this may ignore it: then the kernel would keep no status of the command, and say nothing of its end.
    signal(SIGCHLD, SIG_DFL)
    let signals = try Signals.block(Signals.ending + [SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD])
    let reportFile = try openReport()
    var settings = filters.settings
    settings.followsChildren = true
    settings.reportsExits = true
    settings.states.insert(.reset)
    settings.without = programs.names
    settings.minAgeNanoseconds = minAge.nanoseconds
    let tracer: Tracer
    do {
      tracer = try Tracer(settings, version: version)
    } catch let error as TracingError {
      throw output.failure(error)
    }
    // Lines between the JSON would spoil it; the start event says the same.
    if !output.json || report != nil || output.verbose {
      output.note(tracer.startEvent)
      output.notePidNamespace()
    }
    let child: ChildProcess
    do throws(SystemError) {
      child = try ChildProcess.start(command)
    } catch {
      tracer.stop()
      // As a shell has it: 127 for a command that is not there, 126 for one that cannot be run.
      throw Failure(status: error.code == ENOENT ? 127 : 126, line: "\(error)")
    }
    // This thread passes signals on, also to a command that has become another user.
    try Capabilities.keep(.kill)
    let printer = Printer(
      output,
      to: Output(
        descriptor: reportFile, name: report ?? "standard error", interruptedBy: signals.descriptor))
    var run = FollowedRun(
      tracer: tracer, child: child, signals: signals, printer: printer, leakStatus: exitCode ?? Failure.leaks)
    let status = try run.run()
    if status != 0 { throw Failure(status: status) }
  }

  private func openReport() throws -> Int32 {
    guard let report else { return STDERR_FILENO }
    let descriptor = open(report, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw Failure(status: Failure.running, line: "\(SystemError("write", report)); name another file")
    }
    return descriptor
  }
}
