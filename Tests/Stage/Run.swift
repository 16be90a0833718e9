/// A program that has run to its end.
public struct Run {
  public let ending: Ending
  public let output: LineReader
  public let errors: LineReader

  public init(
    _ path: String, _ arguments: [String], environment: [String: String] = [:],
    output: Child.Stream = .pipe
  ) throws {
    let child = try Child(path, arguments, environment: environment, output: output)
    ending = try child.end()
    self.output = child.output
    errors = child.errors
  }

  public static func tcplinger(
    _ arguments: [String], environment: [String: String] = [:], output: Child.Stream = .pipe
  ) throws -> Run {
    try Run(Programs.tcplinger, arguments, environment: environment, output: output)
  }
}
