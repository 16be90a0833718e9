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

  @Option(help: ArgumentHelp("Where the report goes.", valueName: "file"))
  var report: String?

  @Argument(parsing: .postTerminator, help: "The command and its arguments, behind --.")
  var command: [String]

  func validate() throws {
    if command.isEmpty { throw ValidationError("no command; write it behind --") }
  }

  func run() throws {
    let signals = try Signals.block(Signals.ending + [SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD])
    let output = try openReport()
    var settings = TraceSettings()
    // This process is the first of those that are followed: what it starts is followed from its birth.
    settings.filter.pids = [UInt32(getpid())]
    settings.followsChildren = true
    settings.reportsExits = true
    settings.minAgeNanoseconds = minAge.nanoseconds
    let tracer: Tracer
    do {
      tracer = try Tracer(settings, version: version)
    } catch let error as TracingError {
      throw Failure(status: Failure.machine, line: "\(error)")
    }
    let child: ChildProcess
    do throws(SystemError) {
      child = try ChildProcess.start(command)
    } catch {
      tracer.stop()
      // As a shell has it: 127 for a command that is not there, 126 for one that cannot be run.
      throw Failure(status: error.code == ENOENT ? 127 : 126, line: "\(error)")
    }
    try Capabilities.keep([])
    let printer = Printer(
      json: json, colour: false,
      output: Output(
        descriptor: output, name: report ?? "standard error", interruptedBy: signals.descriptor))
    var run = FollowedRun(tracer: tracer, child: child, signals: signals, printer: printer)
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

/// A command from its start to its report.
struct FollowedRun: ~Copyable {
  private let tracer: Tracer
  private let child: ChildProcess
  private let signals: Signals
  private let startNanoseconds = Host.bootNanoseconds
  private var printer: Printer
  private var tally = Tally()
  /// Each leak, and its end if it had one.
  private var leaks: [Origin] = []
  private var leaked = 0

  init(tracer: Tracer, child: ChildProcess, signals: consuming Signals, printer: consuming Printer) {
    self.tracer = tracer
    self.child = child
    self.signals = signals
    self.printer = printer
  }

  /// The exit status of the command, or that of leaks.
  mutating func run() throws -> Int32 {
    var status: Int32?
    while status == nil {
      waitForSomething()
      take()
      while let signal = signals.take() {
        if signal.number != SIGCHLD && signal.isFromProcess { child.send(signal.number) }
      }
      status = child.statusIfEnded()
    }
    tracer.stop()
    take()
    do throws(OutputEnd) {
      try report()
    } catch {
      throw Failure(error)
    }
    if let failure = tracer.failure {
      throw Failure(status: Failure.running, line: "the trace broke off: \(failure)")
    }
    return leaked == 0 ? status ?? 0 : Failure.leaks
  }

  private func waitForSomething() {
    var waits = [
      pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: tracer.queue.descriptor, events: Int16(POLLIN), revents: 0),
    ]
    poll(&waits, 2, -1)
  }

  /// A line a leak; the TIME_WAITs, which are no fault, are counted by process.
  private mutating func take() {
    let (events, dropped) = tracer.queue.takeAll()
    if dropped > 0 { tally.count(Loss(time: Host.now, count: dropped, place: .output)) }
    for event in events {
      switch event {
      case .origin(let origin):
        tally.count(origin)
        switch origin.state {
        case .closeWait:
          leaks.append(origin)
          leaked += 1
        case .closeWaitEnd: leaks.append(origin)
        case .timeWait, .finWait2: break
        }
      case .lost(let loss): tally.count(loss)
      case .start, .summary: break
      }
    }
  }

  private mutating func report() throws(OutputEnd) {
    if !printer.isJSON && leaked > 0 {
      printer.note("\(leaked) leaked: in CLOSE_WAIT for too long, or until the end of its process")
    }
    if printer.isJSON || leaked > 0 { try printer.print(tracer.startEvent) }
    for leak in leaks { printer.add(leak) }
    tally.add(tracer.queue.dropped)
    try printer.print(
      tally.summary(time: Host.now, durationNanoseconds: Host.bootNanoseconds - startNanoseconds))
  }
}
