/// A program that has run to its end.
public struct Run {
  public let ending: Ending
  public let output: LineReader
  public let errors: LineReader

  public init(
    _ path: String, _ arguments: [String], environment: [String: String] = [:],
    output: Child.Stream = .pipe, within seconds: Double = patience
  ) throws {
    let child = try Child(path, arguments, environment: environment, output: output)
    ending = try child.end(by: .inSeconds(seconds))
    self.output = child.output
    errors = child.errors
  }

  public static func tcplinger(
    _ arguments: [String], environment: [String: String] = [:], output: Child.Stream = .pipe,
    within seconds: Double = patience
  ) throws -> Run {
    try Run(Programs.tcplinger, arguments, environment: environment, output: output, within: seconds)
  }
}
