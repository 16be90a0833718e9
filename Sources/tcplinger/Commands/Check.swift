import ArgumentParser
import Events
import Render
import Tracing

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Checks whether tracing works here and what is degraded.",
    discussion: """
      Loads and attaches everything as a trace would, then each program by itself, and lets go again. Exit status 2: \
      tracing is impossible.
      """)

  @Flag(help: "One JSON object.")
  var json = false

  @OptionGroup var verbosity: VerboseOption

  func run() throws {
    let signals = try Signals.block()
    let readiness = ReadinessProbe.run(without: verbosity.without?.names ?? [])
    verbosity.note(readiness.log)
    var line = LineBuffer()
    let renderer = ReadinessRenderer()
    if json {
      renderer.renderJSON(readiness, into: &line)
    } else {
      renderer.renderText(readiness, into: &line)
    }
    do throws(OutputEnd) {
      try Output.standard(interruptedBy: signals.descriptor).write(line.bytes)
    } catch {
      throw Failure(error)
    }
    if !readiness.canTrace { throw Failure(status: Failure.machine) }
  }
}
