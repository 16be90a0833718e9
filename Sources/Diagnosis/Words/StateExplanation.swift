/// A state of TCP for a person: how a connection gets there, whose doing it is, and what helps.
public struct StateExplanation: Sendable {
  /// As ss and netstat print it, with underscores.
  public var name: String
  /// Other spellings, in capitals.
  public var aliases: [String]
  public var summary: String
  public var entered: String
  public var responsible: String
  /// How it ends.
  public var ends: String
  public var helps: [String]
  public var doesNotHelp: [String]
  public var sources: [String]

  public init(
    name: String, aliases: [String] = [], summary: String, entered: String, responsible: String, ends: String,
    helps: [String], doesNotHelp: [String], sources: [String]
  ) {
    self.name = name
    self.aliases = aliases
    self.summary = summary
    self.entered = entered
    self.responsible = responsible
    self.ends = ends
    self.helps = helps
    self.doesNotHelp = doesNotHelp
    self.sources = sources
  }
}
