import Events
import Glibc
import Render
import System
import Tracing

/// Counts once or again and again, with a trace beside it where the process of a TIME_WAIT is asked for.
struct CensusRun: ~Copyable {
  struct ReportOptions {
    var grouping: CensusReport.Grouping
    var filter: OriginFilter
    var order: CensusReport.Order
    var limit: Int?
  }

  private let settings: CensusSettings
  private let report: ReportOptions
  private let output: Output
  private let signals: Int32
  private let tracer: Tracer?
  private let options: OutputOptions
  private let startNanoseconds: UInt64
  private var log = TimeWaitLog()
  private var line = LineBuffer()
  private var number = 0

  /// - Throws: `TracingError` where the trace is not possible here.
  init(
    settings: CensusSettings, report: ReportOptions, isWatched: Bool, options: OutputOptions,
    output: consuming Output, signals: Int32
  ) throws {
    self.options = options
    self.settings = settings
    self.report = report
    self.output = output
    self.signals = signals
    let asksWho = !settings.details.isDisjoint(with: [.owner, .role, .tuple])
    if isWatched && asksWho && settings.states.contains(.timeWait) {
      var trace = settings.filters
      trace.filter = OriginFilter()
      trace.states = [.timeWait]
      trace.introduces = settings.details.contains(.context)
      tracer = try Tracer(trace, version: version)
    } else {
      tracer = nil
    }
    startNanoseconds = Host.bootNanoseconds
  }

  mutating func run(every interval: UInt64?, for duration: UInt64?, count: Int?) throws {
    let end = duration.map { [startNanoseconds] in startNanoseconds + $0 }
    var isOver = false
    if interval == nil, let end { isOver = try wait(until: end) }
    while true {
      let began = Host.bootNanoseconds
      let isLast =
        isOver || interval == nil || end.map { began >= $0 } ?? false || count.map { number + 1 >= $0 } ?? false
      try self.count(isLast: isLast)
      guard !isLast, let interval else { return }
      isOver = try wait(until: min(began + interval, end ?? .max))
    }
  }

  private mutating func count(isLast: Bool) throws {
    var (census, means) = try CensusReader.read(settings, listsTimeWaits: tracer != nil)
    if number == 0 { options.note(hooks: means.hooks, means.refusals) }
    let watched = Host.bootNanoseconds - startNanoseconds
    if let tracer {
      if isLast { tracer.stop() } else { try catchUp(tracer) }
      try take(tracer)
      census.resolve(log, details: settings.details)
      log.prune(now: Host.now)
    }
    var report = CensusReport(
      census, by: report.grouping, filter: report.filter, order: report.order, limit: report.limit)
    if tracer != nil { (report.lost, report.watchedNanoseconds) = (log.lost, watched) }
    try print(report)
  }

  /// What began before the count is in the log when this returns: the reader looks for time_wait sockets at least four
  /// times a second, so a turn of it that begins after that has seen them.
  private mutating func catchUp(_ tracer: Tracer) throws {
    _ = try wait(until: Host.bootNanoseconds + Self.longestRound, heedsSignals: false)
    let turns = tracer.turns
    while tracer.turns < turns + 2 {
      _ = try wait(until: Host.bootNanoseconds + 20_000_000, heedsSignals: false)
    }
  }

  private static let longestRound: UInt64 = 300_000_000

  /// Takes in events meanwhile; true if a signal came.
  private mutating func wait(until end: UInt64, heedsSignals: Bool = true) throws -> Bool {
    while true {
      let wake = waiting(heedsSignals: heedsSignals).wait(until: end)
      if let tracer { try take(tracer) }
      // Also where no time is left: a count may take longer than the interval.
      if wake.contains(.signal) { return true }
      if Host.bootNanoseconds >= end { return false }
    }
  }

  private func waiting(heedsSignals: Bool) -> Waiting {
    Waiting(
      signals: heedsSignals ? signals : -1, events: tracer?.queue.descriptor ?? -1,
      progress: heedsSignals ? "watching, then counting" : nil)
  }

  private mutating func take(_ tracer: Tracer) throws {
    let (events, dropped) = tracer.queue.takeAll()
    for event in events { log.add(event) }
    log.add(lost: dropped)
    if let failure = tracer.failure {
      throw Failure(status: Failure.running, line: "the trace broke off: \(failure)")
    }
  }

  private mutating func print(_ report: CensusReport) throws(OutputEnd) {
    let renderer = CensusRenderer(
      report, names: NetworkNamespace.names(), isColoured: options.isColourWanted && output.isTerminal,
      isQuiet: options.quiet, isWhole: options.wide)
    if options.json {
      renderer.renderJSON(time: Host.now, into: &line)
    } else {
      if number > 0 { line.append("\n") }
      renderer.renderText(into: &line)
      if number == 0 { note(report) }
    }
    number += 1
    defer { line.removeAll() }
    try output.write(line.bytes)
  }

  /// Notes about sockets that are not in the count.
  private func note(_ report: CensusReport) {
    if report.grouping.namesOwner && !PidNamespace.isInitial && !options.quiet {
      StandardError.print(
        "pids are those of the initial pid namespace, not of this one; processes outside this one are not found"
      )
    }
    if report.unreadNamespaces > 0 {
      StandardError.print(
        "\(report.unreadNamespaces) network namespaces were not read: Operation not permitted; "
          + "run as root or grant CAP_SYS_ADMIN and CAP_SYS_PTRACE")
    }
    if report.uncounted > 0 {
      StandardError.print(
        "\(report.uncounted) sockets are in no row: too many rows; filter by port or namespace")
    }
    if report.unowned > 0 {
      StandardError.print("of \(report.unowned) sockets the process could not be noted: too many sockets")
    }
    if let lost = report.lost, lost > 0 { StandardError.print("lost \(lost) (trace)") }
  }
}
