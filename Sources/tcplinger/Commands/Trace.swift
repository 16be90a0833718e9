import ArgumentParser
import Events
import Glibc
import Render
import System
import Tracing

struct Trace: Command {
  static let configuration = CommandConfiguration(
    abstract: "Print each TIME_WAIT, CLOSE_WAIT and FIN_WAIT2 with its process, then a summary.",
    discussion: """
      A TIME_WAIT has the process that closed first, a CLOSE_WAIT the process that has not closed. Ctrl-C ends the \
      trace and prints who caused how many. This is the default command.
      """)

  static let manual = Manual(
    examples: [
      ("tcplinger -D 5432 --duration 30s", "connections to PostgreSQL, for half a minute"),
      ("tcplinger --role client --state time_wait", "which clients close first, and towards whom"),
      ("tcplinger -L 8080,8443", "the server on these ports"),
      ("tcplinger --unit 'worker@*' --wide", "services by pattern, with command lines"),
      ("tcplinger --netns 4123", "the container of process 4123"),
      ("tcplinger --state close_wait --min-age 10s", "who has not closed 10 s after the peer did"),
      ("tcplinger --json -p 4123 | jq .", "one process, for a script"),
    ],
    seeAlso: [
      "tcplinger-top(8)", "tcplinger-leaks(8)", "tcplinger-doctor(8)", "docs/commands.md", "docs/events.md",
    ])

  static let refused = [
    "interval": "it prints events as they happen; use top, leaks or census to look again and again",
    "sort": "it prints events as they happen; use top --sort",
  ]

  @OptionGroup(title: "Filters") var filters: ConnectionOptions

  @Option(
    help: ArgumentHelp(
      "Only these: time_wait, close_wait, fin_wait2, reset. Resets are shown only if they are asked for.",
      valueName: "states"), completion: .list(StateNames.kinds), transform: StateNames.kinds)
  var state: [[OriginFilter.Kind]] = []

  @Option(
    help: ArgumentHelp(
      "Show a CLOSE_WAIT or FIN_WAIT2 once it has lasted this long; 0: every CLOSE_WAIT. (default: 1s)",
      valueName: "time"), transform: DurationArgument.parse)
  var minAge = DurationArgument(nanoseconds: 1_000_000_000)

  @OptionGroup(title: "Time") var time: TimeOptions

  @OptionGroup(title: "Output") var output: OutputOptions

  @Option(help: "Which hooks to use. (default: auto, the best)")
  var hooks: HookChoice?

  @OptionGroup(title: "Kernel programs") var programs: ProgramOptions

  var given: [String] { time.given + output.given }

  func validate() throws { try refuseOptions() }

  func run() throws {
    let signals = try Signals.block()
    var settings = filters.settings
    settings.without = programs.names
    settings.hooks = hooks ?? .auto
    settings.minAgeNanoseconds = minAge.nanoseconds
    if !state.isEmpty { settings.states = Set(state.flatMap(\.self)) }
    let tracer: Tracer
    do {
      tracer = try Tracer(settings, version: version)
    } catch let error as TracingError {
      throw output.failure(error)
    }
    // This thread only prints from here on.
    try Capabilities.keep([])
    output.note(tracer.startEvent)
    output.notePidNamespace()
    var run = TraceRun(
      tracer: tracer, signals: signals.descriptor, duration: time.duration?.nanoseconds, limit: time.count,
      showsResets: settings.states.contains(.reset),
      printer: Printer(output, to: .standard(interruptedBy: signals.descriptor)))
    try run.run()
  }
}
