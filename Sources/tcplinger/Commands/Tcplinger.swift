import ArgumentParser
import Glibc

struct Tcplinger: Command {
  static let configuration = CommandConfiguration(
    commandName: "tcplinger",
    abstract: "Name the process behind each TIME_WAIT and CLOSE_WAIT TCP connection.",
    usage: "tcplinger [COMMAND] [OPTION...]",
    discussion: """
      Without a command tcplinger traces: the options below are those of trace. 'tcplinger COMMAND --help' has those of \
      another command.
      """,
    version: version,
    subcommands: [Trace.self, Top.self, Leaks.self, Census.self, Doctor.self, Run.self, Check.self],
    defaultSubcommand: Trace.self)

  static let manual = Manual(
    examples: [
      ("tcplinger", "every connection that lingers on this host, until Ctrl-C"),
      ("tcplinger -D 5432 --duration 30s", "connections to PostgreSQL, for half a minute"),
      ("tcplinger leaks", "who has not closed what the peer has closed, now"),
      ("tcplinger doctor", "what is wrong, and what helps"),
    ],
    seeAlso: [
      "tcplinger-top(8)", "tcplinger-leaks(8)", "tcplinger-census(8)", "tcplinger-doctor(8)",
      "tcplinger-run(8)",
      "tcplinger-check(8)", "docs/commands.md", "ss(8)",
    ])

  var given: [String] { [] }
}

@main
enum Main {
  static func main() {
    // A closed pipe is an error of write(), not a death.
    signal(SIGPIPE, SIG_IGN)
    StandardStreams.fill()
    do {
      // Swift reads the arguments from there: without them, any command would be a trace of everything.
      guard !CommandLine.arguments.isEmpty else {
        throw Failure(status: Failure.machine, line: "cannot read /proc/self/cmdline; mount /proc")
      }
      var command = try Tcplinger.parseAsRoot()
      try command.run()
    } catch {
      end(error)
    }
  }

  /// The text of --help, --version or --generate-completion-script.
  private static func answer(to error: any Error) -> String {
    let text = Tcplinger.fullMessage(for: error)
    guard text.hasPrefix("OVERVIEW: ") else { return text + "\n" }
    // Which command was meant, its usage says.
    let words = text.split(separator: "\nUSAGE: tcplinger ").dropFirst().first?.split {
      $0 == " " || $0 == "\n"
    }
    let commands = Tcplinger.configuration.subcommands.compactMap { $0 as? any Command.Type }
    return Help.text(
      of: commands.first { words?.first == $0._commandName[...] } ?? Tcplinger.self,
      LanguageArgument.given(in: CommandLine.arguments))
  }

  /// The one place where an error becomes a line and an exit status.
  private static func end(_ error: any Error) -> Never {
    if let failure = error as? Failure {
      if let line = failure.line { StandardError.print(line) }
      exit(failure.status)
    }
    let status = Tcplinger.exitCode(for: error)
    if status == .success {
      do throws(OutputEnd) {
        try Output.standard(interruptedBy: -1).write(Array(answer(to: error).utf8))
      } catch {
        end(Failure(error))
      }
      exit(status.rawValue)
    }
    guard status == .validationFailure else { Tcplinger.exit(withError: error) }
    var message = Tcplinger.message(for: error).split(separator: "\n").joined(separator: " ")
    if message.hasSuffix(".") { message.removeLast() }
    StandardError.print("\(message); see 'tcplinger --help'")
    exit(status.rawValue)
  }
}

/// The end of a command that is no orderly one. docs/events.md lists the statuses.
struct Failure: Error {
  static let running: Int32 = 1
  static let machine: Int32 = 2
  static let leaks: Int32 = 3
  static let warning: Int32 = 4
  static let critical: Int32 = 5

  var status: Int32
  var line: String?

  init(status: Int32, line: String? = nil) {
    self.status = status
    self.line = line
  }

  /// A reader who left has what it wanted: an orderly end.
  init(_ end: OutputEnd) {
    switch end {
    case .closed, .interrupted: self.init(status: 0)
    case .failed(let error):
      self.init(status: Self.running, line: "\(error); make room or send the output elsewhere")
    }
  }
}
