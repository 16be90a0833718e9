import ArgumentParser
import Events
import Glibc
import Render
import System
import Tracing

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Runs a command, and says at its end which connections it and its children left to linger.",
    discussion: """
      Reports the TIME_WAITs that the command caused, and as leaks the CLOSE_WAITs that it held for --min-age \
      or still held at its end. The exit status is 3 if it leaked, else the command's own. Its standard \
      streams are its own; the report goes to standard error, or to a file.

      EXAMPLES
        tcplinger run -- make check              a test suite that shall not leak connections
        tcplinger run --min-age 5s --json --report leaks.json -- pytest -q
      """)

  @Option(
    help: "How long the command may hold a CLOSE_WAIT. (default: 1s)", transform: DurationArgument.parse)
  var minAge = DurationArgument(nanoseconds: 1_000_000_000)

  @Flag(help: "The report as JSON, an event a line (docs/events.md).")
  var json = false

  @Option(
    help: ArgumentHelp(
      "Exit with this status if the command leaked: one that it does not use itself. 0: with its own. (default: 3)",
      valueName: "status"))
  var exitCode = Failure.leaks

  @Option(help: ArgumentHelp("Where the report goes.", valueName: "file"))
  var report: String?

  @OptionGroup var verbosity: VerboseOption

  @Argument(parsing: .postTerminator, help: "The command and its arguments, behind --.")
  var command: [String]

  func validate() throws {
    if command.isEmpty { throw ValidationError("no command; write it behind --") }
    guard 0...125 ~= exitCode else {
      throw ValidationError(
        "--exit-code \(exitCode) is no exit status to choose; write one from 0 to 125, such as 99")
    }
  }

  func run() throws {
    // Who started this may ignore it: then the kernel would keep no status of the command, and say nothing of its end.
    signal(SIGCHLD, SIG_DFL)
    let signals = try Signals.block(Signals.ending + [SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD])
    let output = try openReport()
    var settings = TraceSettings()
    settings.followsChildren = true
    settings.reportsExits = true
    settings.states.insert(.reset)
    settings.without = verbosity.without?.names ?? []
    settings.minAgeNanoseconds = minAge.nanoseconds
    let tracer: Tracer
    do {
      tracer = try Tracer(settings, version: version)
    } catch let error as TracingError {
      throw verbosity.failure(error)
    }
    // Lines between the JSON would spoil it; the start event says the same.
    if !json || report != nil || verbosity.verbose {
      verbosity.note(tracer.startEvent)
      StandardError.notePidNamespace()
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
      json: json, colour: false,
      output: Output(
        descriptor: output, name: report ?? "standard error", interruptedBy: signals.descriptor))
    var run = FollowedRun(
      tracer: tracer, child: child, signals: signals, printer: printer, leakStatus: exitCode)
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
