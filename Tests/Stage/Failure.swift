/// What went wrong on the stage: it ends the test, with a line for a person.
public struct Failure: Error, CustomStringConvertible {
  public let description: String

  public init(_ description: String) {
    self.description = description
  }
}
