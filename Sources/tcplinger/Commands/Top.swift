import ArgumentParser
import Events
import Glibc
import Render
import System
import Tracing

struct Top: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Shows who causes TIME_WAITs and who does not close, as a live table of processes.",
    discussion: """
      Counted in the kernel: nothing is sent for an event, so it is the cheapest to leave running. TIME_WAIT is \
      what a process caused in the last 60 s, which is as long as each lasts. LEAKED is what has been in \
      CLOSE_WAIT for --min-age. PORTS is the share of the port range that TIME_WAITs take towards the peer where \
      it is largest.

      KEYS
        < >       sort by the column to the left, to the right     r   turn the order round
        up, down  select a process        enter   show its peers   /   filter by typing; Esc: no filter
        p         pause, go on            ?       help             q   quit

      Without a terminal, or with --batch, it prints a table every interval.
      """)

  @OptionGroup(title: "Filters") var filters: ConnectionOptions

  @Option(
    name: .shortAndLong, help: "The time between two looks. (default: 1s)", transform: DurationArgument.parse)
  var delay = DurationArgument(nanoseconds: 1_000_000_000)

  @Option(name: [.customShort("n"), .long], help: "End after this many looks.")
  var count: Int?

  @Flag(name: .shortAndLong, help: "Print tables, even on a terminal.")
  var batch = false

  @Option(help: "From this age on a CLOSE_WAIT is LEAKED. (default: 1s)", transform: DurationArgument.parse)
  var minAge = DurationArgument(nanoseconds: 1_000_000_000)

  @Flag(help: "No colour.")
  var noColor = false

  @OptionGroup var verbosity: VerboseOption

  func validate() throws {
    if let count, count < 1 { throw ValidationError("'\(count)' is no number of looks") }
    try delay.checkInterval()
    if filters.peer.contains(where: \.hasPort), filters.role != .client {
      throw ValidationError(
        "top counts a server's clients without their ports; add --role client, or give --peer without a port")
    }
  }

  func run() throws {
    let signals = try Signals.block()
    var settings = filters.settings
    settings.without = verbosity.without?.names ?? []
    settings.states = [.timeWait, .closeWait]
    settings.minAgeNanoseconds = minAge.nanoseconds
    let isInteractive = !batch && isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1
    // Before the programs are loaded: a terminal that cannot be drawn on is told at once.
    let screen = isInteractive ? try Screen.open(colour: !noColor && Printer.isColourWelcome) : nil
    do {
      let watch = try TopWatch(settings)
      let ticker = Ticker(
        watch: watch, signals: signals.descriptor, delayNanoseconds: delay.nanoseconds)
      if let screen {
        var run = TopScreen(screen: screen, ticker: ticker, looksLeft: count)
        try run.run()
        // What is printed before is gone with the screen.
        screen.close()
        verbosity.note(watch.startEvent(version: version))
      } else {
        verbosity.note(watch.startEvent(version: version))
        var run = TopBatch(
          ticker: ticker, looksLeft: count, output: .standard(interruptedBy: signals.descriptor))
        try run.run()
      }
    } catch let error as TracingError {
      screen?.close()
      throw verbosity.failure(error)
    } catch let end as OutputEnd {
      throw Failure(end)
    }
  }
}

/// Waits for the next look, and meanwhile sees to what must be done more often.
struct Ticker {
  enum Wake { case look, key, end }

  let watch: TopWatch
  let signals: Int32
  let delayNanoseconds: UInt64
  private var nextLook: UInt64
  private var nextRound: UInt64

  init(watch: TopWatch, signals: Int32, delayNanoseconds: UInt64) {
    self.watch = watch
    self.signals = signals
    self.delayNanoseconds = delayNanoseconds
    nextLook = Host.bootNanoseconds + delayNanoseconds
    nextRound = Host.bootNanoseconds + watch.roundNanoseconds
  }

  /// - Parameter keys: a descriptor to wait for as well.
  mutating func wait(orFor keys: Int32? = nil) throws -> Wake {
    while true {
      let now = Host.bootNanoseconds
      // Also where no time is left: where a look takes longer than the delay, nothing else would ever be heard.
      let wake = Waiting(signals: signals, keys: keys ?? -1).wait(until: min(nextLook, nextRound))
      if wake.contains(.signal) { return .end }
      if wake.contains(.key) { return .key }
      if now >= nextLook {
        nextLook = now + delayNanoseconds
        nextRound = now + watch.roundNanoseconds
        return .look
      }
      if now >= nextRound {
        try watch.settle()
        nextRound = now + watch.roundNanoseconds
      }
    }
  }
}

/// A table an interval, for a file or a pipe.
struct TopBatch: ~Copyable {
  private var ticker: Ticker
  private var looksLeft: Int?
  private let output: Output
  private var line = LineBuffer()
  private var lost: [Loss.Place: UInt64] = [:]
  private var view = TopView()

  init(ticker: Ticker, looksLeft: Int?, output: consuming Output) {
    self.ticker = ticker
    self.looksLeft = looksLeft
    self.output = output
  }

  mutating func run() throws {
    let renderer = TopRenderer(columns: 200)
    while looksLeft != 0 {
      guard try ticker.wait() == .look else { return }
      let (report, losses) = try ticker.watch.look()
      for loss in losses { lost[loss.place, default: 0] += loss.count }
      line.append(local: Host.now, utcOffsetSeconds: Host.utcOffsetSeconds)
      line.append("\n")
      renderer.render(renderer.headings.map(\.title), into: &line)
      for case .process(let row, _) in view.lines(of: report.rows, text: renderer.searchable) {
        renderer.render(renderer.cells(row), into: &line)
      }
      line.append("\(Loss.summary(of: lost))\n\n")
      try output.write(line.bytes)
      line.removeAll()
      looksLeft = looksLeft.map { $0 - 1 }
    }
  }
}
