import Events
import Render
import System
import Tracing

/// The live table: draws the last look and obeys the keys.
struct TopScreen: ~Copyable {
  private let screen: Screen
  private var ticker: Ticker
  private var looksLeft: Int?
  private var view: TopView
  private var rows: [TopReport.Row] = []
  private var processes: [ProcessKey: Process] = [:]
  private var lines: [TopView.Line] = []
  private var lost: [Loss.Place: UInt64] = [:]
  private var firstShown = 0
  private var isTyping = false
  private var showsHelp = false

  init(screen: Screen, ticker: Ticker, looksLeft: Int?, view: TopView) {
    self.view = view
    self.screen = screen
    self.ticker = ticker
    self.looksLeft = looksLeft
  }

  mutating func run() throws {
    draw()
    while looksLeft != 0 {
      switch try ticker.wait(orFor: 0) {
      case .end: return
      case .look:
        // While paused the kernel goes on counting, so the rates stay right: only the display stands still.
        let (report, losses) = try ticker.watch.look()
        for loss in losses { lost[loss.place, default: 0] += loss.count }
        if !view.isPaused { (rows, processes) = (report.rows, report.processes) }
        looksLeft = looksLeft.map { $0 - 1 }
      case .key:
        while let key = screen.key() {
          if isTyping { type(key) } else if !press(key) { return }
        }
      }
      draw()
    }
  }

  // MARK: Keys

  private mutating func type(_ key: Screen.Key) {
    switch key {
    case .character(let character): view.filter.append(character)
    case .backspace: if !view.filter.isEmpty { view.filter.removeLast() }
    case .enter: isTyping = false
    case .escape: (isTyping, view.filter) = (false, "")
    default: break
    }
  }

  /// Returns false to leave.
  private mutating func press(_ key: Screen.Key) -> Bool {
    if showsHelp, key != .resize {
      showsHelp = false
      return key != .character("q")
    }
    switch key {
    case .character("q"): return false
    case .character("?"), .character("h"): showsHelp = true
    case .character("p"), .character(" "): view.isPaused.toggle()
    case .character("/"): isTyping = true
    case .character("g"): view.nextGrouping()
    case .character("r"): view.choose(view.column)
    case .character("<"), .left: view.moveColumn(by: -1)
    case .character(">"), .right: view.moveColumn(by: 1)
    case .up, .character("k"): view.moveSelection(by: -1, in: lines)
    case .down, .character("j"): view.moveSelection(by: 1, in: lines)
    case .pageUp: view.moveSelection(by: -room, in: lines)
    case .pageDown: view.moveSelection(by: room, in: lines)
    case .enter: view.toggle(in: lines)
    case .escape: view.filter = ""
    default: break
    }
    return true
  }

  // MARK: Drawing

  /// Two lines above the table, one below.
  private var room: Int { max(1, screen.size.lines - 3) }

  private mutating func draw() {
    let renderer = TopRenderer(columns: screen.size.columns, grouping: view.grouping, processes: processes)
    lines = view.lines(of: rows, text: renderer.searchable)
    firstShown = min(firstShown, view.selection)
    firstShown = max(firstShown, view.selection - room + 1)
    // A screen that has grown is filled.
    firstShown = min(firstShown, max(0, lines.count - room))
    screen.draw {
      if showsHelp { return drawHelp() }
      drawTop()
      drawHeadings(renderer)
      if lines.isEmpty { drawNothing() }
      for (index, line) in lines.dropFirst(firstShown).prefix(room).enumerated() {
        draw(line, at: index + 2, isSelected: firstShown + index == view.selection, renderer)
      }
      drawBottom()
    }
  }

  private func drawTop() {
    let width = screen.size.columns
    let rate = rows.reduce(0) { $0 + $1.timeWaitsPerSecond }
    let closeWaits = rows.reduce(0) { $0 + $1.closeWaits }
    let title =
      "tcplinger \(version)  \(rows.count) processes  \(Int(rate.rounded())) TIME_WAIT/s  \(closeWaits) CLOSE_WAIT"
    screen.put(Width.fit(title, width), line: 0, column: 0, width: width)
    if view.isPaused { screen.put("PAUSED", line: 0, column: max(0, width - 6), width: 6, .warning) }
  }

  private func drawHeadings(_ renderer: TopRenderer) {
    forEachCell(renderer.headings.map(\.title), renderer) { index, text, column, width in
      let isSorted = index == view.column.rawValue
      screen.put(text, line: 1, column: column, width: width, .bold, reversed: isSorted)
    }
  }

  private func draw(_ line: TopView.Line, at number: Int, isSelected: Bool, _ renderer: TopRenderer) {
    let cells: [String]
    var looks: [TopView.Column: Screen.Look] = [:]
    switch line {
    case .process(let row, let isOpen):
      cells = renderer.cells(row, isOpen: isOpen)
      if row.leaked > 0 { looks[.leaked] = .alarm }
      if let share = row.portShare, share >= 0.5 { looks[.ports] = share >= 0.8 ? .alarm : .warning }
    case .peer(let peer, _): cells = renderer.cells(peer)
    case .about: cells = []
    }
    if isSelected {
      let empty = String(repeating: " ", count: min(1000, screen.size.columns))
      screen.put(empty, line: number, column: 0, width: screen.size.columns, reversed: true)
    }
    if case .about(let row) = line {
      let text = Width.fit(renderer.about(row), screen.size.columns - 8)
      return screen.put(text, line: number, column: 8, width: screen.size.columns - 8, reversed: isSelected)
    }
    forEachCell(cells, renderer) { index, text, column, width in
      let look = TopView.Column(rawValue: index).flatMap { looks[$0] } ?? .plain
      screen.put(text, line: number, column: column, width: width, look, reversed: isSelected)
    }
  }

  /// Each cell with its place: one that is too wide is cut, and moves no other.
  private func forEachCell(
    _ cells: [String], _ renderer: TopRenderer, _ body: (Int, String, _ column: Int, _ width: Int) -> Void
  ) {
    var column = 0
    for (index, heading) in renderer.headings.enumerated() {
      let room = min(heading.width, screen.size.columns - column)
      let text = Width.fit(cells[index], room)
      let indent = heading.isNumber ? max(0, room - Width.of(text)) : 0
      if room > 0 { body(index, text, column + indent, room - indent) }
      column += heading.width + 1
    }
  }

  private func drawNothing() {
    let text = rows.isEmpty ? TopRenderer.idle : "No process matches the filter."
    screen.put(text, line: 2, column: 0, width: screen.size.columns)
  }

  private func drawBottom() {
    let (height, width) = screen.size
    let losses = Loss.summary(of: lost)
    if isTyping || !view.filter.isEmpty {
      screen.put(
        "filter: \(view.filter)\(isTyping ? "_" : "")", line: height - 1, column: 0, width: width, .bold)
    } else {
      let below = lines.count - firstShown - room
      let more = below > 0 ? "  \(below) more below" : ""
      screen.put("? help  q quit\(more)", line: height - 1, column: 0, width: width, .dim)
    }
    screen.put(
      losses, line: height - 1, column: max(32, width - 1 - Width.of(losses)), width: width - 32,
      lost.isEmpty ? .dim : .alarm)
  }

  private func drawHelp() {
    for (index, text) in Self.help.enumerated() {
      screen.put(
        Width.fit(text, screen.size.columns), line: index, column: 0, width: screen.size.columns,
        index == 0 ? .bold : .plain)
    }
  }

  private static let help = [
    "tcplinger top: who causes TIME_WAITs, and who does not close",
    "",
    "  < >, left, right   sort by another column     r   turn the order round",
    "  up, down, k, j     select a process           enter   show or hide its peers",
    "  /                  filter by typing; enter keeps it, Esc drops it",
    "  g                  a row a process, unit, container, pod or user",
    "  p, space           pause and go on            q   quit",
    "",
    "  TW/S, TIME_WAIT/S  caused a second",
    "  TW, TIME_WAIT      caused in the last 60 s: the most that are there now",
    "  CW, CLOSE_WAIT     there now; OLDEST the longest, ~ an estimate",
    "  LEAKED             of these, how many have lasted for --min-age",
    "  PORTS              share of the ports that TIME_WAITs take towards a peer",
    "  ROLE               -> it connected (client), <- it accepted (server), <> both",
    "  BUSIEST PEER       with the most TIME_WAITs, and who is there if that is known; +N: and N more",
    "",
    "  any key: back to the table",
  ]
}
