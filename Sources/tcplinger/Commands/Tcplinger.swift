import ArgumentParser
import Glibc

struct Tcplinger: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tcplinger",
    abstract: "Names the process behind every TIME_WAIT and CLOSE_WAIT TCP connection, as it happens.",
    discussion: """
      Without a subcommand, tcplinger traces: see 'tcplinger trace --help' for its options.

      EXAMPLES
        tcplinger                            every origin on this host, until Ctrl-C
        tcplinger -D 5432 --duration 30s     connections to PostgreSQL, for half a minute
        tcplinger --state close_wait --min-age 10s
                                             who has not closed 10 seconds after its peer did
        tcplinger --json -p 4123 | jq .      one process, for a script
      """,
    version: version,
    subcommands: [Trace.self, Top.self, Leaks.self, Census.self, Doctor.self, Run.self, Check.self],
    defaultSubcommand: Trace.self)
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

  /// The one place where an error becomes a line and an exit status.
  private static func end(_ error: any Error) -> Never {
    if let failure = error as? Failure {
      if let line = failure.line { StandardError.print(line) }
      exit(failure.status)
    }
    let status = Tcplinger.exitCode(for: error)
    if status == .success {
      do throws(OutputEnd) {
        // The text of --help or --version.
        try Output.standard(interruptedBy: -1).write(Array("\(Tcplinger.fullMessage(for: error))\n".utf8))
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
