import Diagnosis
import Events
import Render
import System
import Tracing

/// Looks, compares with the look before, and prints.
struct LeakLook: ~Copyable {
  private let output: Output
  private let options: OutputOptions
  private let order: LeakOrder
  private let isEach: Bool
  private let isRepeated: Bool
  private var line = LineBuffer()
  private(set) var number = 0
  private(set) var latest = LeakReport()
  /// Of all looks.
  private var losses: [Loss.Place: UInt64] = [:]
  /// A leak may be among what was lost.
  private(set) var mayHideLeak = false
  private var latestNanoseconds: UInt64?
  private var latestDescriptors: [Process.Identity: Int] = [:]

  init(
    to output: consuming Output, _ options: OutputOptions, isEach: Bool, isRepeated: Bool,
    order: LeakOrder
  ) {
    self.output = output
    self.options = options
    self.order = order
    self.isEach = isEach
    self.isRepeated = isRepeated
  }

  private var isJSON: Bool { options.json }
  private var isColoured: Bool { options.isColourWanted && output.isTerminal }

  mutating func take(_ watch: LeakWatch) throws {
    let now = Host.bootNanoseconds
    var report = LeakReport()
    // Also where the reader leaves before the end.
    defer { (latest, latestNanoseconds) = (report, now) }
    number += 1
    if isRepeated && !isJSON && !options.quiet {
      LeakRenderer(language: options.language).renderTime(
        Host.now, options.times, isFirst: number == 1, into: &line)
    }
    if isEach {
      try printEach(watch, &report)
    } else {
      var origins: [Origin] = []
      count(try watch.look { origins.append($0) })
      report = LeakReport(namingAcceptors(origins, watch.settings), now: Host.now)
      try print(report, secondsSinceLatest: latestNanoseconds.map { Double(now - $0) / 1e9 })
    }
  }

  private mutating func printEach(_ watch: LeakWatch, _ report: inout LeakReport) throws {
    let json = JSONRenderer(clock: BootClock(offsetNanoseconds: Host.bootClockOffsetNanoseconds))
    let text = TextRenderer(times: options.times, isColoured: isColoured, isWhole: true)
    var end: OutputEnd?
    var origins: [Origin] = []
    let lost = try watch.look { origin in
      if isJSON {
        json.render(.origin(origin), look: number, into: &line)
      } else {
        if origins.isEmpty && !options.quiet { text.renderHeader(into: &line) }
        text.render(origin, into: &line)
      }
      origins.append(origin)
      guard end == nil, line.count >= 65_536 else { return }
      do throws(OutputEnd) { try flush() } catch { end = error }
    }
    count(lost)
    report = LeakReport(origins, now: Host.now)
    if let end { throw end }
    if isJSON {
      for loss in lost { json.render(.lost(loss), into: &line) }
    } else {
      if report.isEmpty {
        LeakRenderer(isQuiet: options.quiet, language: options.language)
          .renderText(leaks: [], stuck: [], into: &line)
      }
      LeakRenderer().renderLosses(losses, into: &line)
    }
    try flush()
  }

  private mutating func print(_ report: LeakReport, secondsSinceLatest: Double?) throws(OutputEnd) {
    let renderer = LeakRenderer(
      width: options.wide ? nil : output.columns, isColoured: isColoured, limit: options.limit,
      isQuiet: options.quiet, isWhole: options.wide, language: options.language)
    let trend = secondsSinceLatest.map {
      LeakTrend(since: latest, descriptors: latestDescriptors, seconds: $0)
    }
    latestDescriptors = [:]
    let leaks = order.sorted(rows(report.leaks, trend ?? LeakTrend()))
    let stuck = order.sorted(rows(report.stuck, trend ?? LeakTrend()))
    if isJSON {
      renderer.renderJSON(
        time: Host.now, leaks: leaks, stuck: stuck, lost: losses.values.reduce(0, +), into: &line)
    } else {
      renderer.renderText(leaks: leaks, stuck: stuck, into: &line)
      renderer.renderLosses(losses, into: &line)
    }
    try flush()
  }

  /// Adds the descriptors of each group's process.
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

  /// A connection that is not accepted counts for a process that accepted from the listener before, if there is one.
  private func namingAcceptors(_ origins: [Origin], _ settings: TraceSettings) -> [Origin] {
    guard origins.contains(where: { $0.listeners.count > 1 }),
      let acceptors = try? CensusReader.read(CensusSettings(settings, details: [.tuple, .owner])).census
        .acceptors
    else { return origins }
    return origins.map { origin in
      let port = ServedPort(netns: origin.connection.netns, port: origin.connection.local.port)
      guard origin.listeners.count > 1, let known = acceptors[port] else { return origin }
      let counts = origin.listeners.map { (process: $0.process, count: known.count(of: $0.process)) }
      var origin = origin
      if let most = counts.max(by: { ($0.count, $1.process.pid) < ($1.count, $0.process.pid) }), most.count > 0
      {
        origin.process = most.process
      }
      return origin
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

extension Origin {
  fileprivate var listeners: [Holder] {
    if case .closeWait(let closeWait) = kind { closeWait.listeners } else { [] }
  }
}

extension [Process: Int] {
  /// Whichever thread of it was met.
  fileprivate func count(of process: Process) -> Int {
    reduce(0) { $0 + ($1.key.identity == process.identity ? $1.value : 0) }
  }
}

/// The columns that the list can be sorted by, most or longest first; names by the alphabet.
enum LeakOrder: String, CaseIterable {
  case count, oldest, growth, descriptors, pid, comm

  func sorted(_ rows: [LeakRenderer.Row]) -> [LeakRenderer.Row] {
    switch self {
    case .count: rows
    case .oldest: rows.sorted { $0.group.oldest.nanoseconds > $1.group.oldest.nanoseconds }
    case .growth: rows.sorted { $0.growth ?? 0 > $1.growth ?? 0 }
    case .descriptors: rows.sorted { $0.descriptorsOpen ?? 0 > $1.descriptorsOpen ?? 0 }
    case .pid: rows.sorted { $0.group.process?.pid ?? 0 < $1.group.process?.pid ?? 0 }
    case .comm:
      rows.sorted {
        ($0.group.process?.comm.bytes ?? []).lexicographicallyPrecedes($1.group.process?.comm.bytes ?? [])
      }
    }
  }
}
