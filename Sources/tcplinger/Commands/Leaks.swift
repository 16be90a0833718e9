import ArgumentParser
import Events
import Glibc
import Render
import System
import Tracing

struct Leaks: Command {
  static let configuration = CommandConfiguration(
    abstract: "List connections that are not closed: who holds them, since when and why.",
    discussion: """
      Every connection in CLOSE_WAIT, in every network namespace, older ones included, by process and reason; then \
      those stuck in FIN_WAIT2, which the peer has not closed. An age with ~ is the time since the peer's last packet.
      """)

  static let manual = Manual(
    examples: [
      ("tcplinger leaks", "who leaks, now"),
      ("tcplinger leaks --interval 2s --pid 4123", "how fast it grows, and when its descriptors run out"),
      ("tcplinger leaks --each --min-age 1m", "every connection, with all its holders"),
      ("tcplinger leaks --exit-code --min-age 5m", "for a monitor: status 3 if anything leaks"),
    ],
    exitStatus: [("3", "With --exit-code: a process has not closed a connection for --min-age.")],
    seeAlso: ["tcplinger(8)", "tcplinger-doctor(8)", "docs/how-to.md", "docs/events.md"])

  @OptionGroup(title: "Filters") var filters: ConnectionOptions

  @Option(
    help: ArgumentHelp("Only what has lasted this long. (default: 0)", valueName: "time"),
    transform: DurationArgument.parse)
  var minAge = DurationArgument(nanoseconds: 0)

  @Flag(help: "Every connection with all its holders, rather than a line a process.")
  var each = false

  @Option(
    defaultAsFlag: DurationArgument(nanoseconds: 2_000_000_000),
    help: ArgumentHelp("The same as --interval; 2s if no time is given.", valueName: "time"),
    transform: DurationArgument.parse)
  var watch: DurationArgument?

  @Flag(
    help: """
      Exit with status 3 if a process has not closed a connection for --min-age. A relay that waits for its other \
      connection, and a connection whose peer still reads, are no leaks.
      """)
  var exitCode = false

  @OptionGroup(title: "Time") var time: TimeOptions

  @OptionGroup(title: "Output") var output: OutputOptions

  @OptionGroup(title: "Kernel programs") var programs: ProgramOptions

  var given: [String] { time.given + output.given }

  func validate() throws {
    try refuseOptions()
    try DurationArgument.check("--watch")
    try watch?.checkInterval()
    _ = try order()
    if each, output.sort != nil { throw ValidationError("leaks --each has no --sort: it lists as it reads") }
    if each, output.limit != nil { throw ValidationError("leaks --each has no --limit: use head -n") }
  }

  private func order() throws -> LeakOrder {
    try output.sort?.in(LeakOrder.allCases.map { ($0.rawValue, $0) }) ?? .count
  }

  /// Looks again: until Ctrl-C, so many times, or so long.
  private var interval: UInt64? {
    let isRepeated = time.count ?? 1 > 1 || time.duration != nil
    return (time.interval ?? watch)?.nanoseconds ?? (isRepeated ? 2_000_000_000 : nil)
  }

  func run() throws {
    let signals = try Signals.block()
    var settings = filters.settings
    settings.without = programs.names
    settings.states = [.closeWait, .finWait2]
    settings.minAgeNanoseconds = minAge.nanoseconds
    var look = LeakLook(
      to: .standard(interruptedBy: signals.descriptor), output, isEach: each, isRepeated: interval != nil,
      order: try order())
    var failure: Failure?
    do {
      let leakWatch = try LeakWatch(settings, isLive: interval != nil)
      output.note(leakWatch.startEvent(version: version))
      output.notePidNamespace()
      let end = time.duration.map { Host.bootNanoseconds + $0.nanoseconds } ?? .max
      try look.take(leakWatch)
      let waiting = Waiting(signals: signals.descriptor, progress: "looking again")
      while let interval, look.number < time.count ?? .max, Host.bootNanoseconds + interval <= end,
        waiting.wait(until: Host.bootNanoseconds + interval) == .time
      {
        try look.take(leakWatch)
      }
      Progress.clear()
    } catch let error as TracingError {
      throw output.failure(error)
    } catch let end as OutputEnd {
      // Whether anybody leaks does not depend on whether anybody reads it.
      failure = Failure(end)
    }
    if exitCode && look.latest.leakCount > 0 {
      throw Failure(status: Failure.leaks, line: failure?.line)
    }
    if let failure, failure.status != 0 { throw failure }
    if exitCode && look.mayHideLeak {
      throw Failure(
        status: Failure.running,
        line: "cannot say whether anything leaks: connections were lost sight of; narrow the filters")
    }
  }
}
