import ArgumentParser
import Events
import Glibc
import Render
import System
import Tracing

struct Leaks: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Lists the connections that are not closed now: who holds them, since when, and why.",
    discussion: """
      Every connection in CLOSE_WAIT, in every network namespace, those older than this command included, by \
      process and reason; then those stuck in FIN_WAIT2, which the peer has not closed. An age with ~ is the \
      time since the peer's last packet.

      EXAMPLES
        tcplinger leaks                          who leaks, now
        tcplinger leaks --watch --pid 4123       how fast, and when its descriptors run out
        tcplinger leaks --each --min-age 1m      every connection, with all its holders
        tcplinger leaks --exit-code --min-age 5m status 3 if there is any: for a monitor
      """)

  @OptionGroup(title: "Filters") var filters: ConnectionOptions

  @Option(
    help: "Only what has lasted this long. (default: 0)", transform: DurationArgument.parse)
  var minAge = DurationArgument(nanoseconds: 0)

  @Flag(help: "Every connection with all its holders, rather than a line a process.")
  var each = false

  @Option(
    defaultAsFlag: DurationArgument(nanoseconds: 2_000_000_000),
    help: "Look again after this time, 2s if none is given, until Ctrl-C; shows what grows.",
    transform: DurationArgument.parse)
  var watch: DurationArgument?

  @Flag(help: "One JSON object a look; with --each one a connection.")
  var json = false

  @Flag(
    help: """
      Exit with status 3 if a process has not closed a connection for --min-age. A relay that waits for its other \
      connection, and a connection whose peer still reads, are no leaks.
      """)
  var exitCode = false

  @OptionGroup var verbosity: VerboseOption

  func validate() throws {
    try DurationArgument.check("--watch")
    try watch?.checkInterval()
  }

  func run() throws {
    let signals = try Signals.block()
    var settings = filters.settings
    settings.without = verbosity.without?.names ?? []
    settings.states = [.closeWait, .finWait2]
    settings.minAgeNanoseconds = minAge.nanoseconds
    var look = LeakLook(
      output: .standard(interruptedBy: signals.descriptor), isJSON: json, isEach: each,
      isRepeated: watch != nil)
    var failure: Failure?
    do {
      let leakWatch = try LeakWatch(settings, isLive: watch != nil)
      verbosity.note(leakWatch.startEvent(version: version))
      StandardError.notePidNamespace()
      try look.take(leakWatch)
      let waiting = Waiting(signals: signals.descriptor, progress: "looking again")
      while let watch, waiting.wait(until: Host.bootNanoseconds + watch.nanoseconds) == .time {
        try look.take(leakWatch)
      }
      Progress.clear()
    } catch let error as TracingError {
      throw verbosity.failure(error)
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
