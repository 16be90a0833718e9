import Events
import Render
import System
import Tracing

/// Looks, compares with the look before, and prints.
struct LeakLook: ~Copyable {
  private let output: Output
  private let isJSON: Bool
  private let isEach: Bool
  private let isRepeated: Bool
  private var line = LineBuffer()
  private var number = 0
  private(set) var latest = LeakReport()
  /// Of all looks.
  private var losses: [Loss.Place: UInt64] = [:]
  /// A leak may be among what was lost.
  private(set) var mayHideLeak = false
  private var latestNanoseconds: UInt64?
  private var latestDescriptors: [Process.Identity: Int] = [:]

  init(output: consuming Output, isJSON: Bool, isEach: Bool, isRepeated: Bool) {
    self.output = output
    self.isJSON = isJSON
    self.isEach = isEach
    self.isRepeated = isRepeated
  }

  mutating func take(_ watch: LeakWatch) throws {
    let now = Host.bootNanoseconds
    var report = LeakReport()
    // Also of a look that nobody reads to its end.
    defer { (latest, latestNanoseconds) = (report, now) }
    number += 1
    if isRepeated && !isJSON {
      LeakRenderer().renderTime(
        Host.now, utcOffsetSeconds: Host.utcOffsetSeconds, isFirst: number == 1, into: &line)
    }
    if isEach {
      try printEach(watch, &report)
    } else {
      count(try watch.look { report.add($0) })
      try print(report, secondsSinceLatest: latestNanoseconds.map { Double(now - $0) / 1e9 })
    }
  }

  private mutating func printEach(_ watch: LeakWatch, _ report: inout LeakReport) throws {
    let json = JSONRenderer(clock: BootClock(offsetNanoseconds: Host.bootClockOffsetNanoseconds))
    let text = TextRenderer(utcOffsetSeconds: Host.utcOffsetSeconds, isColoured: false)
    var end: OutputEnd?
    let lost = try watch.look { origin in
      if isJSON {
        json.render(.origin(origin), look: number, into: &line)
      } else {
        if report.isEmpty { text.renderHeader(into: &line) }
        text.render(origin, isWhole: true, into: &line)
      }
      report.add(origin)
      guard end == nil, line.count >= 65_536 else { return }
      do throws(OutputEnd) { try flush() } catch { end = error }
    }
    count(lost)
    if let end { throw end }
    if isJSON {
      for loss in lost { json.render(.lost(loss), into: &line) }
    } else {
      if report.isEmpty { LeakRenderer().renderText(leaks: [], stuck: [], into: &line) }
      LeakRenderer().renderLosses(losses, into: &line)
    }
    try flush()
  }

  private mutating func print(_ report: LeakReport, secondsSinceLatest: Double?) throws(OutputEnd) {
    let renderer = LeakRenderer(width: output.columns)
    let trend = secondsSinceLatest.map {
      LeakTrend(since: latest, descriptors: latestDescriptors, seconds: $0)
    }
    latestDescriptors = [:]
    let leaks = rows(report.leaks, trend ?? LeakTrend())
    let stuck = rows(report.stuck, trend ?? LeakTrend())
    if isJSON {
      renderer.renderJSON(
        time: Host.now, leaks: leaks, stuck: stuck, lost: losses.values.reduce(0, +), into: &line)
    } else {
      renderer.renderText(leaks: leaks, stuck: stuck, into: &line)
      renderer.renderLosses(losses, into: &line)
    }
    try flush()
  }

  /// Adds what the system says of each group's process.
  private mutating func rows(_ groups: [LeakReport.Group], _ trend: LeakTrend) -> [LeakRenderer.Row] {
    groups.map { group in
      var row = LeakRenderer.Row(group: group, growth: trend.growth(of: group))
      if let process = group.process,
        let descriptors = Descriptors(
          pid: process.pid, startedNanoseconds: process.startedNanoseconds)
      {
        latestDescriptors[process.identity] = descriptors.open
        row.descriptorsOpen = descriptors.open
        row.descriptorLimit = descriptors.limit
        row.descriptorGrowth = trend.descriptorGrowth(of: process, open: descriptors.open)
      }
      return row
    }
  }

  private mutating func count(_ lost: [Loss]) {
    for loss in lost {
      losses[loss.place, default: 0] += loss.count
      mayHideLeak = mayHideLeak || loss.mayHideLeak
    }
  }

  private mutating func flush() throws(OutputEnd) {
    defer { line.removeAll() }
    try output.write(line.bytes)
  }
}
