import ArgumentParser
import Events
import Glibc
import Render
import System
import Tracing

struct Top: Command {
  static let configuration = CommandConfiguration(
    abstract: "Show which processes cause TIME_WAITs and leave CLOSE_WAITs, as a live table.",
    discussion: """
      Counted in the kernel: no event is sent, so it is the cheapest command to leave running. TIME_WAIT is what a \
      process caused in the last 60 s, which is as long as each lasts. LEAKED is what has been in CLOSE_WAIT for \
      --min-age. PORTS is the share of the port range that TIME_WAITs take towards the peer where it is largest. \
      Without a terminal, or with --batch, it prints a table every interval.
      """)

  static let manual = Manual(
    examples: [
      ("tcplinger top", "the live table"),
      ("tcplinger top --batch --interval 10s --sort leaked --limit 5", "five lines every 10 s, for a log"),
      ("tcplinger top --by unit", "a row for each service, with who is at the other end"),
      ("tcplinger top --json --count 1", "one look, for a script"),
    ],
    keys: [
      ("< >", "sort by the column to the left, to the right"), ("r", "reverse the order"),
      ("up, down", "select a process"), ("enter", "show its peers"),
      ("/", "filter by what you type; Esc: no filter"),
      ("g", "a row for each process, unit, container, pod or user"), ("p", "pause, go on"), ("?", "help"),
      ("q", "quit"),
    ],
    seeAlso: ["tcplinger(8)", "tcplinger-census(8)", "docs/commands.md", "docs/events.md"])

  @OptionGroup(title: "Filters") var filters: ConnectionOptions

  @Option(
    help: ArgumentHelp("Count a CLOSE_WAIT as LEAKED from this age on. (default: 1s)", valueName: "time"),
    transform: DurationArgument.parse)
  var minAge = DurationArgument(nanoseconds: 1_000_000_000)

  @Option(help: "A row for each of these. (default: process)")
  var by: Grouping?

  @Flag(name: .shortAndLong, help: "Print tables, even on a terminal.")
  var batch = false

  @Option(name: [.customShort("d"), .customLong("delay")], help: .hidden, transform: DurationArgument.parse)
  var delay: DurationArgument?

  @OptionGroup(title: "Time") var time: TimeOptions

  @OptionGroup(title: "Output") var output: OutputOptions

  @OptionGroup(title: "Kernel programs") var programs: ProgramOptions

  var given: [String] { time.given + output.given }

  func validate() throws {
    try refuseOptions()
    try delay?.checkInterval()
    _ = try column()
    if filters.peer.contains(where: \.hasPort), filters.role != .client {
      throw ValidationError(
        "top counts a server's clients without their ports; add --role client, or give --peer without a port")
    }
  }

  private static let columns: [(name: String, column: TopView.Column)] = [
    ("pid", .pid), ("comm", .comm), ("connects", .connects), ("accepts", .accepts), ("rate", .rate),
    ("time_wait", .timeWait), ("close_wait", .closeWait), ("oldest", .oldest), ("leaked", .leaked),
    ("role", .role),
    ("ports", .ports), ("peer", .peer),
    // As the headings of groups have them.
    ("procs", .pid), ("unit", .comm), ("container", .comm), ("pod", .comm), ("user", .comm),
  ]

  private func column() throws -> TopView.Column? { try output.sort?.in(Self.columns) }

  func run() throws {
    let signals = try Signals.block()
    var settings = filters.settings
    settings.without = programs.names
    settings.states = [.timeWait, .closeWait]
    settings.minAgeNanoseconds = minAge.nanoseconds
    var view = TopView()
    view.grouping = by ?? .process
    if let column = try column() { view.sort(by: column) }
    let isInteractive = !batch && !output.json && isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1
    // Before the programs are loaded: a terminal that cannot be drawn on is told at once.
    let screen = isInteractive ? try Screen.open(colour: output.isColourWanted) : nil
    do {
      let watch = try TopWatch(settings)
      let ticker = Ticker(
        watch: watch, signals: signals.descriptor,
        delayNanoseconds: (time.interval ?? delay)?.nanoseconds ?? 1_000_000_000,
        endNanoseconds: time.duration.map { Host.bootNanoseconds + $0.nanoseconds })
      if let screen {
        var run = TopScreen(screen: screen, ticker: ticker, looksLeft: time.count, view: view)
        try run.run()
        // Print after the screen is closed, or it would be lost with it.
        screen.close()
        output.note(watch.startEvent(version: version))
      } else {
        output.note(watch.startEvent(version: version))
        var run = TopBatch(
          ticker: ticker, looksLeft: time.count, view: view, options: output,
          output: .standard(interruptedBy: signals.descriptor))
        try run.run()
      }
    } catch let error as TracingError {
      screen?.close()
      throw output.failure(error)
    } catch let end as OutputEnd {
      throw Failure(end)
    }
  }
}

extension Grouping: ExpressibleByArgument {}
