import ArgumentParser
import Events
import Glibc
import Render
import System
import Tracing

struct Census: Command {
  static let configuration = CommandConfiguration(
    abstract: "Count TCP sockets by state, process, unit, container, peer or network namespace.",
    discussion: """
      What netstat, awk, sort and uniq are used for, in one pass over the kernel's tables. The process of a TIME_WAIT \
      is known if it begins while this command watches: with --duration or --interval.
      """)

  static let manual = Manual(
    examples: [
      ("tcplinger census", "how many sockets are in which state"),
      ("tcplinger census --by tuple", "which peers the TIME_WAITs belong to"),
      ("tcplinger census --by process --duration 10s", "who makes them"),
      (
        "tcplinger census --by unit --state close_wait",
        "which services hold connections that they should close"
      ),
      ("tcplinger census --by netns --state close_wait", "in which network namespace"),
    ],
    seeAlso: ["tcplinger(8)", "tcplinger-top(8)", "ss(8)", "docs/events.md"])

  static let refused = [
    // A group has no peer unless it is counted by, and of a server's connections never the peer's port.
    "peer": "a count does not filter by address; count --by peer, or filter by --peer-port",
    "utc": "it prints no time; --json does, in UTC",
    "date": "it prints no time; --json does, in UTC",
  ]

  @OptionGroup(title: "Filters") var filters: ConnectionOptions

  @Option(help: "Count by this. (default: state)")
  var by: CensusReport.Grouping?

  @Option(
    help: ArgumentHelp(
      "Only these states, such as time_wait,close_wait. (default: all; of peers and tuples time_wait)",
      valueName: "states"), completion: .list(StateNames.states), transform: StateNames.states)
  var state: [[TCPState]] = []

  @Option(
    defaultAsFlag: DurationArgument(nanoseconds: 2_000_000_000),
    help: ArgumentHelp("The same as --interval; 2s if no time is given.", valueName: "time"),
    transform: DurationArgument.parse)
  var watch: DurationArgument?

  @Option(help: .hidden, transform: Count.parse("--top"))
  var top: Int?

  @OptionGroup(title: "Time") var time: TimeOptions

  @OptionGroup(title: "Output") var output: OutputOptions

  @OptionGroup(title: "Kernel programs") var programs: ProgramOptions

  var given: [String] { time.given + output.given + (filters.peer.isEmpty ? [] : ["peer"]) }

  func validate() throws {
    try refuseOptions()
    try DurationArgument.check("--watch")
    if let interval, interval < 1_000_000_000 {
      throw ValidationError("the interval of census must be at least 1s, such as 2s")
    }
    _ = try order()
  }

  private func order() throws -> CensusReport.Order {
    try output.sort?.in(CensusReport.Order.allCases.map { ($0.rawValue, $0) }) ?? .count
  }

  private var grouping: CensusReport.Grouping { by ?? .state }

  /// Counts again: until Ctrl-C, or so many times.
  private var interval: UInt64? {
    (time.interval ?? watch)?.nanoseconds ?? (time.count ?? 1 > 1 ? 2_000_000_000 : nil)
  }

  func run() throws {
    let signals = try Signals.block()
    do {
      var run = try CensusRun(
        settings: settings, report: try reportOptions(), isWatched: interval != nil || time.duration != nil,
        options: output, output: .standard(interruptedBy: signals.descriptor), signals: signals.descriptor)
      try run.run(every: interval, for: time.duration?.nanoseconds, count: time.count)
    } catch let error as TracingError {
      throw output.failure(error)
    } catch let end as OutputEnd {
      throw Failure(end)
    }
  }

  private var settings: CensusSettings {
    var settings = CensusSettings(filters.settings, details: grouping.details)
    settings.filters.without = programs.names
    let filter = filters.settings.filter
    if !filter.pids.isEmpty || !filter.comms.isEmpty { settings.details.insert(.owner) }
    if !filter.context.isEmpty || (grouping == .process && (output.json || output.wide)) {
      settings.details.formUnion([.owner, .context])
    }
    if filter.role != nil { settings.details.insert(.role) }
    if !state.isEmpty {
      settings.states = Set(state.flatMap(\.self))
    } else if grouping == .peer || grouping == .tuple {
      settings.states = [.timeWait]
    }
    return settings
  }

  private func reportOptions() throws -> CensusRun.ReportOptions {
    .init(
      grouping: grouping, filter: filters.settings.filter, order: try order(),
      limit: output.limit ?? top ?? (output.json ? nil : 20))
  }
}

extension CensusReport.Grouping: ExpressibleByArgument {}
