import Events
import Language

/// One thing that is wrong, or worth knowing, with all that a person needs to decide about it.
public struct Finding: Sendable {
  /// Worst first.
  public enum Severity: String, Sendable, Comparable, CaseIterable {
    /// Connections fail, or are about to.
    case critical
    /// Nothing fails yet, and it will if this goes on.
    case warning
    /// It works; worth knowing.
    case note

    public static func < (left: Severity, right: Severity) -> Bool { left.rank < right.rank }
    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
  }

  /// How sure the finding is.
  public enum Certainty: String, Sendable {
    /// Counted by the kernel, or read from it.
    case certain
    /// Computed from counts: a rate, a forecast.
    case likely
    /// The evidence has another explanation too.
    case possible
  }

  /// What it is about.
  public enum Subject: Sendable, Hashable {
    case host
    /// A client's connections from one address to one service.
    case tuple(family: Family, local: Address, peer: Endpoint)
    /// What this host connects to.
    case service(family: Family, Endpoint)
    /// What this host serves.
    case port(UInt16)
    case process
    /// A name in /proc/sys/net/ipv4.
    case setting(String)
  }

  /// A number that was seen; nil: it is not known. The name says the unit.
  public struct Figure: Sendable, Equatable {
    public var name: String
    public var value: Double?

    public init(_ name: String, _ value: Double?) {
      self.name = name
      self.value = value
    }

    // Double.init of a UInt64, in a map, can be that of its bits.
    public init(_ name: String, _ value: (some BinaryInteger)?) { self.init(name, value.map { Double($0) }) }
  }

  /// Connections by the service that they are of.
  public struct Service: Sendable, Equatable {
    public var family: Family
    public var address: Address
    /// nil: clients, each of which has another.
    public var port: UInt16?
    /// This host serves it; else it is a client of it.
    public var isServer: Bool
    public var count: Int

    public init(family: Family, address: Address, port: UInt16?, isServer: Bool, count: Int) {
      self.family = family
      self.address = address
      self.port = port
      self.isServer = isServer
      self.count = count
    }
  }

  /// A process that has a part in it, and which.
  public struct Actor: Sendable, Equatable {
    /// nil: not known, or several.
    public var process: Process?
    public var part: Text
    /// Of several processes: the container or the unit that they are of, and how many they are.
    public var service: String?
    public var processes = 1

    public init(_ process: Process?, _ part: Text) {
      self.process = process
      self.part = part
    }
  }

  /// A kernel setting, and whether it helps here.
  public struct Setting: Sendable, Equatable {
    public var name: String
    public var helps: Bool
    public var why: Text
    /// What a person would type to change it; nil where no value can be named.
    public var command: String?

    public init(_ name: String, helps: Bool, _ why: Text, command: String? = nil) {
      self.name = name
      self.helps = helps
      self.why = why
      self.command = command
    }
  }

  /// Which rule found it.
  public var rule: String
  public var title: Text
  public var severity: Severity
  /// nil: the whole host.
  public var netns: UInt32?
  public var subject: Subject
  /// Sentences with the figures.
  public var seen: [Text]
  public var figures: [Figure]
  /// Where: most connections first.
  public var services: [Service]
  public var actors: [Actor]
  public var meaning: Text
  /// What to do where it comes from.
  public var remedies: [Text]
  public var settings: [Setting]
  public var certainty: Certainty
  /// Why it is no surer, or what makes it sure.
  public var grounds: Text
  /// Facts that could not be read.
  public var unknown: [Text]
  /// A note that is true of most hosts: no news.
  public var isCommon = false
  public var sources: [String]

  public init(
    rule: String, title: Text, severity: Severity, netns: UInt32?, subject: Subject, seen: [Text],
    figures: [Figure], services: [Service] = [], actors: [Actor], meaning: Text, remedies: [Text],
    settings: [Setting],
    certainty: Certainty, grounds: Text, unknown: [Text], sources: [String]
  ) {
    self.rule = rule
    self.title = title
    self.severity = severity
    self.netns = netns
    self.subject = subject
    self.seen = seen
    self.figures = figures
    self.services = services
    self.actors = actors
    self.meaning = meaning
    self.remedies = remedies
    self.settings = settings
    self.certainty = certainty
    self.grounds = grounds
    self.unknown = unknown
    self.sources = sources
  }
}

/// All findings, worst first, and the figures of the host.
public struct HealthReport: Sendable {
  public var time: WallTime
  public var kernel: String
  public var watchedNanoseconds: UInt64
  /// Network namespaces that were read.
  public var namespaces: [UInt32]
  public var findings: [Finding]
  /// A sentence each.
  public var account: [Text]
  public var figures: [Finding.Figure]
  /// What could not be read, and so was not judged.
  public var unknown: [Text]
  /// Events of the watch that were lost: figures by process are too low.
  public var lost: UInt64

  public init(
    time: WallTime, kernel: String, watchedNanoseconds: UInt64, namespaces: [UInt32], findings: [Finding],
    account: [Text], figures: [Finding.Figure], unknown: [Text], lost: UInt64
  ) {
    self.time = time
    self.kernel = kernel
    self.watchedNanoseconds = watchedNanoseconds
    self.namespaces = namespaces
    self.findings = findings
    self.account = account
    self.figures = figures
    self.unknown = unknown
    self.lost = lost
  }

  public var worst: Finding.Severity? { findings.map(\.severity).min() }

  /// Notes are no trouble.
  public var isHealthy: Bool { (worst ?? .note) == .note }
}
