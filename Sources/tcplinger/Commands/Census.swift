import ArgumentParser
import Events
import Glibc
import Render
import System
import Tracing

struct Census: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Counts the TCP sockets of every network namespace by state, process, peer or tuple.",
    discussion: """
      What netstat, awk, sort and uniq are used for, in one pass over the kernel's own tables. The process of a \
      TIME_WAIT is known if it begins while this command watches, with --watch or --duration.

      EXAMPLES
        tcplinger census                          how many sockets are in which state
        tcplinger census --by tuple               which peers the TIME_WAITs belong to
        tcplinger census --by process --duration 10s
                                                  who makes them
        tcplinger census --by netns --state close_wait
                                                  in which container
      """)

  @OptionGroup(title: "Filters") var filters: ConnectionOptions

  @Option(help: "Count by state, process, peer, tuple or netns. (default: state)")
  var by: CensusReport.Grouping = .state

  @Option(
    help: "Only this state, such as time_wait; repeat for more. (default: all; of peers and tuples time_wait)")
  var state: [TCPState] = []

  @Option(help: "Rows that are shown. (default: 20; with --json all)")
  var top: Int?

  @Option(
    defaultAsFlag: DurationArgument(nanoseconds: 2_000_000_000),
    help: "Count again after this time, 2s if none is given, until Ctrl-C.", transform: DurationArgument.parse)
  var watch: DurationArgument?

  @Option(
    help: "Watch for this time, such as 10s, and then count; with --watch: end then.",
    transform: DurationArgument.parse)
  var duration: DurationArgument?

  @Flag(help: "One JSON object a count (docs/events.md).")
  var json = false

  @OptionGroup var verbosity: VerboseOption

  func validate() throws {
    try DurationArgument.check("--watch")
    if let watch, watch.nanoseconds < 1_000_000_000 {
      throw ValidationError("to count more often than every 1s would be a load of its own")
    }
    // A group has no peer unless it is counted by, and of a server's connections never the peer's port.
    if !filters.peer.isEmpty {
      throw ValidationError("a census does not filter by --peer; count --by peer, or filter by --peer-port")
    }
    if let top, top < 1 { throw ValidationError("'\(top)' is no number of rows") }
  }

  func run() throws {
    let signals = try Signals.block()
    do {
      var run = try CensusRun(
        settings: settings, report: reportOptions, isWatched: watch != nil || duration != nil,
        verbosity: verbosity,
        output: .standard(interruptedBy: signals.descriptor), signals: signals.descriptor)
      try run.run(every: watch?.nanoseconds, for: duration?.nanoseconds)
    } catch let error as TracingError {
      throw verbosity.failure(error)
    } catch let end as OutputEnd {
      throw Failure(end)
    }
  }

  private var settings: CensusSettings {
    var settings = CensusSettings(filters.settings, details: by.details)
    settings.filters.without = verbosity.without?.names ?? []
    let filter = filters.settings.filter
    if !filter.pids.isEmpty || !filter.comms.isEmpty { settings.details.insert(.owner) }
    if filter.role != nil { settings.details.insert(.role) }
    if !state.isEmpty {
      settings.states = Set(state)
    } else if by == .peer || by == .tuple {
      settings.states = [.timeWait]
    }
    return settings
  }

  private var reportOptions: CensusRun.ReportOptions {
    .init(grouping: by, filter: filters.settings.filter, limit: top ?? (json ? nil : 20), isJSON: json)
  }
}

extension CensusReport.Grouping: ExpressibleByArgument {}

extension TCPState: ExpressibleByArgument {
  public init?(argument: String) {
    guard let state = Self.allCases.first(where: { $0.name.lowercased() == argument }) else { return nil }
    self = state
  }

  public var defaultValueDescription: String { name.lowercased() }
  public static var allValueStrings: [String] { allCases.map { $0.name.lowercased() } }
}
