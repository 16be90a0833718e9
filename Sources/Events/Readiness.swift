/// What a machine allows the tracer, and what is lost where it allows less.
public struct Readiness: Sendable {
  public enum Grade: String, Sendable {
    case ok
    /// It works, with less: `lost` says what.
    case limited
    /// Without this there is no tracing at all.
    case missing
    /// A fact, neither good nor bad.
    case fact
  }

  public struct Finding: Sendable, Equatable {
    public var name: String
    public var grade: Grade
    public var value: String
    /// What is lost; nil if nothing is.
    public var lost: String?

    public init(_ name: String, _ grade: Grade, _ value: String, lost: String? = nil) {
      self.name = name
      self.grade = grade
      self.value = value
      self.lost = lost
    }
  }

  public var findings: [Finding]

  public init(findings: [Finding]) { self.findings = findings }

  public var canTrace: Bool { !findings.contains { $0.grade == .missing } }
}
