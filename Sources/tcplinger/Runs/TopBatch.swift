import Events
import Render
import System
import Tracing

/// A table an interval, for a file or a pipe.
struct TopBatch: ~Copyable {
  private var ticker: Ticker
  private var looksLeft: Int?
  private let output: Output
  private var line = LineBuffer()
  private var lost: [Loss.Place: UInt64] = [:]
  private var view: TopView
  private let options: OutputOptions
  private var latestNanoseconds = Host.bootNanoseconds

  init(
    ticker: Ticker, looksLeft: Int?, view: TopView, options: OutputOptions, output: consuming Output
  ) {
    self.ticker = ticker
    self.looksLeft = looksLeft
    self.view = view
    self.options = options
    self.output = output
  }

  mutating func run() throws {
    while looksLeft != 0 {
      guard try ticker.wait() == .look else { return }
      let (report, losses) = try ticker.watch.look()
      for loss in losses { lost[loss.place, default: 0] += loss.count }
      if options.json { renderJSON(report) } else { renderTable(report) }
      try output.write(line.bytes)
      line.removeAll()
      looksLeft = looksLeft.map { $0 - 1 }
    }
  }

  private mutating func renderTable(_ report: TopReport) {
    let renderer = TopRenderer(columns: 200, grouping: view.grouping, processes: report.processes)
    let rows = shown(report, renderer)
    if !options.quiet {
      line.append(Host.now, options.times)
      line.append("\n")
      renderer.render(renderer.headings.map(\.title), into: &line)
      if rows.isEmpty { line.append("\(TopRenderer.idle)\n") }
    }
    for row in rows.prefix(options.limit ?? .max) {
      renderer.render(renderer.cells(row), into: &line)
      let about = options.wide ? renderer.about(row) : ""
      if !about.isEmpty { line.append("        \(about)\n") }
    }
    if let limit = options.limit, rows.count > limit { line.append("and \(rows.count - limit) more\n") }
    if !options.quiet || !lost.isEmpty { line.append("\(Loss.summary(of: lost))\n\n") }
  }

  private mutating func renderJSON(_ report: TopReport) {
    let now = Host.bootNanoseconds
    defer { latestNanoseconds = now }
    let rows = shown(report, TopRenderer(columns: 200, grouping: view.grouping, processes: report.processes))
    TopJSON().render(
      Array(rows.prefix(options.limit ?? .max)), by: view.grouping, of: report.processes, time: Host.now,
      seconds: Double(now - latestNanoseconds) / 1e9, lost: lost.values.reduce(0, +), into: &line)
  }

  private mutating func shown(_ report: TopReport, _ renderer: TopRenderer) -> [TopReport.Row] {
    view.lines(of: report.rows, text: renderer.searchable).compactMap { line in
      if case .process(let row, _) = line { row } else { nil }
    }
  }
}
