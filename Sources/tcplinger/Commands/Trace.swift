import ArgumentParser
import Events
import Glibc
import Render
import System
import Tracing

struct Trace: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prints every origin as it happens, and an account at the end.",
    discussion: """
      A TIME_WAIT is named after the process that closed first, a CLOSE_WAIT after the one that has not \
      closed. Ctrl-C ends the trace and prints who caused how many.

      EXAMPLES
        tcplinger --role client --state time_wait
                                   which clients close first, and towards whom
        tcplinger -L 8080,8443     the server on these ports
        tcplinger --netns 4123     the container of process 4123
        tcplinger --min-age 0 --state close_wait --json
                                   every CLOSE_WAIT, however short
      """)

  @OptionGroup(title: "Filters") var filters: ConnectionOptions

  @Option(
    help:
      "Only this state: time_wait, close_wait, fin_wait2 or reset; repeat for more. Not asked for, resets are not shown."
  )
  var state: [OriginFilter.Kind] = []

  @Option(
    help:
      "How long a CLOSE_WAIT or FIN_WAIT2 lasts before it is shown; 0 shows every CLOSE_WAIT. (default: 1s)",
    transform: DurationArgument.parse)
  var minAge = DurationArgument(nanoseconds: 1_000_000_000)

  @Option(help: "End after this time, such as 30s or 5m.", transform: DurationArgument.parse)
  var duration: DurationArgument?

  @Option(help: "End after this many origins.")
  var count: Int?

  @Flag(help: "JSON, an event a line (docs/events.md).")
  var json = false

  @Flag(help: "No colour, even on a terminal.")
  var noColor = false

  @Option(help: "Which hooks to use: auto, fentry, kprobe or tracepoint. (default: auto, the best)")
  var hooks: HookChoice?

  @OptionGroup var verbosity: VerboseOption

  func validate() throws {
    if let count, count < 1 { throw ValidationError("'\(count)' is no number of events to wait for") }
  }

  func run() throws {
    let signals = try Signals.block()
    var settings = filters.settings
    settings.without = verbosity.without?.names ?? []
    settings.hooks = hooks ?? .auto
    settings.minAgeNanoseconds = minAge.nanoseconds
    if !state.isEmpty { settings.states = Set(state) }
    let tracer: Tracer
    do {
      tracer = try Tracer(settings, version: version)
    } catch let error as TracingError {
      throw verbosity.failure(error)
    }
    // This thread only prints from here on.
    try Capabilities.keep([])
    verbosity.note(tracer.startEvent)
    StandardError.notePidNamespace()
    var run = TraceRun(
      tracer: tracer, signals: signals.descriptor, duration: duration?.nanoseconds, limit: count,
      showsResets: settings.states.contains(.reset),
      printer: Printer(
        json: json, colour: !noColor && Printer.isColourWelcome,
        output: .standard(interruptedBy: signals.descriptor)))
    try run.run()
  }
}
