import ArgumentParser
import Events
import Glibc
import Language
import Render
import System
import Tracing

/// How results are printed: the same for every command. What a command cannot do it refuses by name.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print JSON, one object a line (docs/events.md, docs/schema/).")
  var json = false

  @Flag(help: "No colour. Without this, colour on a terminal only.")
  var noColor = false

  @Flag(name: .shortAndLong, help: "Results only: no heading, summary, note or progress.")
  var quiet = false

  @Flag(name: .shortAndLong, help: "Say which kernel programs are used, and why others are not.")
  var verbose = false

  @Option(help: ArgumentHelp("Order rows by this column, named as in the heading.", valueName: "column"))
  var sort: SortColumn?

  @Option(
    help: ArgumentHelp("Show this many rows at most.", valueName: "rows"), transform: Count.parse("--limit"))
  var limit: Int?

  @Flag(help: "Cut nothing: every column and every holder, however long the line.")
  var wide = false

  @Flag(help: "Show times in UTC. JSON always has UTC.")
  var utc = false

  @Flag(help: "Show the date before the time of day.")
  var date = false

  @Option(
    help: ArgumentHelp(
      "Language of explanations and help: en or zh. (default: by LC_ALL, LC_MESSAGES or LANG)",
      valueName: "language"),
    completion: .list(Language.allCases.map(\.rawValue)), transform: LanguageArgument.parse)
  var lang: Language?

  var language: Language { lang ?? LanguageArgument.ofEnvironment }

  /// By name, of those that were given.
  var given: [String] {
    let given = [
      ("json", json), ("no-color", noColor), ("quiet", quiet), ("verbose", verbose), ("sort", sort != nil),
      ("limit", limit != nil), ("wide", wide), ("utc", utc), ("date", date),
    ]
    return given.filter(\.1).map(\.0)
  }

  var isColourWanted: Bool { !noColor && Printer.isColourWelcome }

  var times: TimeFormat {
    TimeFormat(utcOffsetSeconds: utc ? 0 : Host.utcOffsetSeconds, hasDate: date)
  }

  func validate() throws {
    if quiet && verbose { throw ValidationError("--quiet and --verbose contradict each other; give one") }
    Progress.isSilenced = quiet
  }
}

/// How long and how often: the same for every command.
struct TimeOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("End after this time, such as 30s, 1.5m or 2h.", valueName: "time"),
    transform: DurationArgument.parse)
  var duration: DurationArgument?

  @Option(
    help: ArgumentHelp("Look again after this time, such as 500ms or 2s.", valueName: "time"),
    transform: DurationArgument.parse)
  var interval: DurationArgument?

  @Option(
    name: [.customShort("n"), .long],
    help: ArgumentHelp("End after this many looks; of trace, events.", valueName: "number"),
    transform: Count.parse("--count"))
  var count: Int?

  var given: [String] {
    [("duration", duration != nil), ("interval", interval != nil), ("count", count != nil)]
      .filter(\.1).map(\.0)
  }

  func validate() throws { try interval?.checkInterval() }
}

/// A number from 1 on.
enum Count {
  static func parse(_ option: String) -> @Sendable (String) throws -> Int {
    { text in
      guard let number = Int(text), number >= 1 else {
        throw ValidationError("\(option) must be at least 1, such as \(option) 20; '\(text)' is not")
      }
      return number
    }
  }
}
