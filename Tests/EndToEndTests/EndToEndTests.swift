import Stage
import Testing

/// The built program as a user or a script meets it: arguments, streams, exit statuses. One at a time, as
/// the machine is shared.
@Suite(.serialized) struct EndToEndTests {}

/// A connection whose client ends first; when this returns, it is in TIME_WAIT.
func makeTimeWait(_ client: Player, _ listener: Socket) throws -> Conversation {
  let talk = try Conversation(client, listener)
  try talk.exchange()
  try talk.client.close()
  try talk.server.close()
  return talk
}

/// The program with a text output, when it has said by its header that it traces.
func textTracer(
  _ options: [String], environment: [String: String] = [:], output: Child.Stream = .pipe
) throws -> Child {
  let child = try Child(Programs.tcplinger, options, environment: environment, output: output)
  guard child.nextLine(by: .inSeconds(patience)) != nil else {
    throw Failure("no header; \(child.report())")
  }
  return child
}

extension Child {
  /// The line of the output, in whatever place, for which it is so.
  func line(where isWanted: (String) -> Bool) throws -> String {
    var found: String?
    _ = eventually {
      output.fill(within: 10)
      found = output.lines.first(where: isWanted)
      return found != nil
    }
    guard let found else { throw Failure("not in the output: \(output.text); \(report())") }
    return found
  }
}
