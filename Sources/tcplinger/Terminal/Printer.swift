import Events
import Glibc
import Render
import System

/// Turns events into bytes on standard output and, for losses and notes in text, on standard error.
struct Printer: ~Copyable {
  private enum Form {
    case json(JSONRenderer)
    case text(TextRenderer)
  }

  private let output: Output
  private let form: Form
  private let isQuiet: Bool
  private let summary: TextSummary
  private var folder: Folder?
  private var line = LineBuffer()

  init(_ options: OutputOptions, to output: consuming Output) {
    let isTerminal = output.isTerminal
    let isColoured = options.isColourWanted && isTerminal
    self.output = output
    isQuiet = options.quiet
    summary = TextSummary(limit: options.limit ?? 20, isColoured: isColoured)
    if options.json {
      form = .json(JSONRenderer(clock: BootClock(offsetNanoseconds: Host.bootClockOffsetNanoseconds)))
    } else {
      form = .text(TextRenderer(times: options.times, isColoured: isColoured, isWhole: options.wide))
      folder = isTerminal ? Folder() : nil
    }
  }

  /// Colour is for a terminal whose user has not said no. Source: https://no-color.org
  static var isColourWelcome: Bool { getenv("NO_COLOR").map { $0.pointee == 0 } ?? true }

  /// The descriptor that is printed to.
  var descriptor: Int32 { output.descriptor }

  var isJSON: Bool { if case .json = form { true } else { false } }

  /// Adds a line of text.
  mutating func note(_ text: String) { line.append("\(text)\n") }

  mutating func print(_ start: Start) throws(OutputEnd) {
    switch form {
    case .json(let renderer): renderer.render(.start(start), into: &line)
    case .text(let renderer): if !isQuiet { renderer.renderHeader(into: &line) }
    }
    try flush()
  }

  /// Adds to what `flush` writes.
  mutating func add(_ origin: Origin) {
    switch form {
    case .json(let renderer): renderer.render(.origin(origin), into: &line)
    case .text(let renderer):
      if folder?.admits(origin, atNanoseconds: Host.bootNanoseconds) ?? true {
        renderer.render(origin, into: &line)
      }
    }
  }

  mutating func add(_ loss: Loss) {
    switch form {
    case .json(let renderer): renderer.render(.lost(loss), into: &line)
    case .text: StandardError.print("lost \(loss.count) (\(loss.place.rawValue))")
    }
  }

  /// When `flush` has folded lines to write.
  var dueNanoseconds: UInt64? { folder?.dueNanoseconds }

  var isFull: Bool { line.count >= 65_536 }

  mutating func flush() throws(OutputEnd) {
    if let due = folder?.dueNanoseconds, Host.bootNanoseconds >= due { renderFolds() }
    defer { line.removeAll() }
    try output.write(line.bytes)
  }

  private mutating func renderFolds() {
    guard case .text(let renderer) = form, let folds = folder?.takeFolds() else { return }
    for fold in folds { renderer.render(fold.latest, repetitions: fold.count, into: &line) }
  }

  mutating func print(_ summary: Summary) throws(OutputEnd) {
    renderFolds()
    switch form {
    case .json(let renderer): renderer.render(.summary(summary), into: &line)
    case .text where isQuiet: self.summary.renderLosses(summary, into: &line)
    case .text: self.summary.render(summary, into: &line)
    }
    try flush()
  }
}
