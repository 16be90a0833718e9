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

  @Flag(help: "Exit with status 3 if any connection is in CLOSE_WAIT for --min-age.")
  var exitCode = false

  func validate() throws {
    if let watch, watch.nanoseconds < 100_000_000 {
      throw ValidationError("to look more often than every 100ms would be a load of its own")
    }
  }

  func run() throws {
    let signals = try Signals.block()
    var settings = filters.settings
    settings.states = [.closeWait, .finWait2]
    settings.minAgeNanoseconds = minAge.nanoseconds
    var look = LeakLook(
      output: .standard(interruptedBy: signals.descriptor), isJSON: json, isEach: each)
    do {
      let leakWatch = try LeakWatch(settings, isLive: watch != nil)
      try look.take(leakWatch)
      while let watch, !signals.arrive(withinNanoseconds: watch.nanoseconds) { try look.take(leakWatch) }
    } catch let error as TracingError {
      throw Failure(status: Failure.machine, line: "\(error)")
    } catch let end as OutputEnd {
      throw Failure(end)
    }
    if exitCode && look.latest.closeWaits > 0 { throw Failure(status: Failure.leaks) }
  }
}

/// Looks, compares with the look before, and prints.
struct LeakLook: ~Copyable {
  private let output: Output
  private let isJSON: Bool
  private let isEach: Bool
  private var line = LineBuffer()
  private(set) var latest = LeakReport()
  private var latestNanoseconds: UInt64?

  init(output: consuming Output, isJSON: Bool, isEach: Bool) {
    self.output = output
    self.isJSON = isJSON
    self.isEach = isEach
  }

  mutating func take(_ watch: LeakWatch) throws {
    let now = Host.bootNanoseconds
    var report = LeakReport()
    if isEach {
      try printEach(watch, &report)
    } else {
      try watch.look { report.add($0) }
      let trend =
        latestNanoseconds.map { LeakTrend(since: latest, seconds: Double(now - $0) / 1e9) } ?? LeakTrend()
      try print(report, trend)
    }
    (latest, latestNanoseconds) = (report, now)
  }

  private mutating func printEach(_ watch: LeakWatch, _ report: inout LeakReport) throws {
    let json = JSONRenderer(clock: BootClock(offsetNanoseconds: Host.bootClockOffsetNanoseconds))
    let text = TextRenderer(utcOffsetSeconds: Host.utcOffsetSeconds, isColoured: false)
    if !isJSON && latestNanoseconds == nil { text.renderHeader(into: &line) }
    var end: OutputEnd?
    try watch.look { origin in
      report.add(origin)
      if isJSON {
        json.render(.origin(origin), into: &line)
      } else {
        text.render(origin, isWhole: true, into: &line)
      }
      guard end == nil, line.bytes.count >= 65_536 else { return }
      do throws(OutputEnd) { try flush() } catch { end = error }
    }
    if let end { throw end }
    try flush()
  }

  private mutating func print(_ report: LeakReport, _ trend: LeakTrend) throws(OutputEnd) {
    let renderer = LeakRenderer()
    let leaks = rows(report.leaks, trend)
    let stuck = rows(report.stuck, trend)
    if isJSON {
      renderer.renderJSON(time: Host.now, leaks: leaks, stuck: stuck, into: &line)
    } else {
      renderer.renderText(leaks: leaks, stuck: stuck, into: &line)
      if latestNanoseconds != nil || !report.isEmpty { line.append("\n") }
    }
    try flush()
  }

  private func rows(_ groups: [LeakReport.Group], _ trend: LeakTrend) -> [LeakRenderer.Row] {
    groups.map { group in
      let descriptors = group.process.flatMap { Descriptors(pid: $0.pid) }
      return LeakRenderer.Row(
        group: group, descriptorsOpen: descriptors?.open, descriptorLimit: descriptors?.limit,
        growth: trend.growth(of: group))
    }
  }

  private mutating func flush() throws(OutputEnd) {
    defer { line.removeAll() }
    try output.write(line.bytes)
  }
}
