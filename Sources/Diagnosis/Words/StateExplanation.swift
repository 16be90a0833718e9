import Language

/// A state of TCP for a person: how a connection gets there, whose doing it is, and what helps.
public struct StateExplanation: Sendable {
  /// As ss and netstat print it, with underscores.
  public var name: String
  /// Other spellings, in capitals.
  public var aliases: [String]
  public var summary: Text
  public var entered: Text
  public var responsible: Text
  /// How it ends.
  public var ends: Text
  public var helps: [Text]
  public var doesNotHelp: [Text]
  public var sources: [String]

  public init(
    name: String, aliases: [String] = [], summary: Text, entered: Text, responsible: Text, ends: Text,
    helps: [Text], doesNotHelp: [Text], sources: [String]
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
