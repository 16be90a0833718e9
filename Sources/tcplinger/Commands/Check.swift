import ArgumentParser
import Events
import Render
import Tracing

struct Check: Command {
  static let configuration = CommandConfiguration(
    abstract: "Check whether tracing works here and what is degraded.",
    discussion: """
      Loads and attaches everything as a trace would, then each program by itself, and removes it again.
      """)

  static let manual = Manual(
    examples: [
      ("tcplinger check", "what this kernel and these privileges allow"),
      ("tcplinger check -q", "only what is degraded or missing"),
      ("tcplinger check --without kfree_skb", "what would be degraded without a program"),
    ],
    exitStatus: [("0", "Tracing works."), ("2", "Tracing is impossible.")],
    seeAlso: ["tcplinger(8)", "docs/kernels.md"])

  static let refused = [
    "duration": "it ends when everything is checked", "interval": "it checks once", "count": "it checks once",
    "sort": "the order is fixed", "limit": "it lists every program", "wide": "it cuts nothing",
    "utc": "it prints no time", "date": "it prints no time",
  ]

  @OptionGroup(title: "Time") var time: TimeOptions

  @OptionGroup(title: "Output") var output: OutputOptions

  @OptionGroup(title: "Kernel programs") var programs: ProgramOptions

  var given: [String] { time.given + output.given }

  func validate() throws { try refuseOptions() }

  func run() throws {
    let signals = try Signals.block()
    let readiness = ReadinessProbe.run(without: programs.names)
    output.note(readiness.log)
    let standard = Output.standard(interruptedBy: signals.descriptor)
    var line = LineBuffer()
    let renderer = ReadinessRenderer(
      isColoured: output.isColourWanted && standard.isTerminal, isQuiet: output.quiet,
      language: output.language)
    if output.json {
      renderer.renderJSON(readiness, into: &line)
    } else {
      renderer.renderText(readiness, into: &line)
    }
    do throws(OutputEnd) {
      try standard.write(line.bytes)
    } catch {
      throw Failure(error)
    }
    if !readiness.canTrace { throw Failure(status: Failure.machine) }
  }
}
