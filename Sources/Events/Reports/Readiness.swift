import Language

/// Whether tracing works on a machine, and what is degraded.
public struct Readiness: Sendable {
  public enum Grade: String, Sendable {
    case ok
    /// It works, with less: `lost` says what.
    case limited
    /// Without this there is no tracing at all.
    case missing
    /// Information only.
    case fact
  }

  public struct Finding: Sendable, Equatable {
    public var name: Text
    public var grade: Grade
    public var value: Text
    /// What is degraded; nil: nothing.
    public var lost: Text?

    public init(_ name: Text, _ grade: Grade, _ value: Text, lost: Text? = nil) {
      self.name = name
      self.grade = grade
      self.value = value
      self.lost = lost
    }
  }

  /// A program in the kernel, tried by itself.
  public struct Program: Sendable, Equatable {
    public var name: String
    /// Section and function, such as `tp_btf/kfree_skb`; of those that are run on demand `raw_tp`.
    public var hook: String
    /// A trace uses it here.
    public var isUsed: Bool
    /// The kernel's own reason; nil: it loads.
    public var refusal: Text?
    /// What there is not without it.
    public var lost: Text
    /// nil where the verifier does not say.
    public var figures: Figures?

    /// What the verifier counts.
    public struct Figures: Sendable, Equatable {
      public var instructions: Int
      /// Each as often as the verifier came by.
      public var verified: Int
      /// Bytes, of the program and of each of its functions.
      public var stack: [Int]

      public init(instructions: Int, verified: Int, stack: [Int]) {
        self.instructions = instructions
        self.verified = verified
        self.stack = stack
      }
    }

    public init(_ name: String, hook: String, isUsed: Bool, refusal: Text?, lost: Text) {
      self.name = name
      self.hook = hook
      self.isUsed = isUsed
      self.refusal = refusal
      self.lost = lost
    }
  }

  public var findings: [Finding]
  public var programs: [Program]
  /// The kernel's log of the programs that it refused.
  public var log: [String]

  public init(findings: [Finding], programs: [Program] = [], log: [String] = []) {
    self.findings = findings
    self.programs = programs
    self.log = log
  }

  public var canTrace: Bool { !findings.contains { $0.grade == .missing } }
}
