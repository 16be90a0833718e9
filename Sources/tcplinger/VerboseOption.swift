import ArgumentParser
import Events
import Tracing

/// `--verbose`: the same for every command that loads programs.
struct VerboseOption: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Say which programs are used and which are not, and what the kernel says.")
  var verbose = false

  func note(hooks: [String]) {
    if verbose { StandardError.print("hooks: \(hooks.joined(separator: ", "))") }
  }

  func note(_ start: Start) {
    guard verbose else { return }
    note(hooks: start.hooks)
    for refusal in start.refusals { StandardError.print("not used: \(refusal.hook): \(refusal.reason)") }
  }

  /// What the kernel said, a line a line.
  func note(_ log: [String]) {
    guard verbose else { return }
    for line in log { StandardError.print(line) }
  }

  /// This machine does not allow it: one line, and before it, if it was asked for, all that the kernel said.
  func failure(_ error: TracingError) -> Failure {
    note(error.log)
    return Failure(status: Failure.machine, line: "\(error)")
  }
}
