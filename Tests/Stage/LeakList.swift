import FoundationEssentials

/// The object that `leaks --json` prints for a look.
public struct LeakList: Decodable, Sendable {
  public struct Group: Decodable, Sendable {
    public struct Peer: Decodable, Equatable, Sendable {
      public var address: String
      public var port: Int?
      public var count: Int

      public init(address: String, port: Int?, count: Int) {
        self.address = address
        self.port = port
        self.count = count
      }
    }

    /// A process, or the other end of connections.
    public struct End: Decodable, Equatable, Sendable {
      public var pid: Int32?
      public var comm: String?
    }

    public struct Queue: Decodable, Equatable, Sendable {
      public var length: Int
      public var limit: Int
    }

    public var pid: Int32?
    public var comm: String?
    public var count: Int
    public var reason: String?
    public var oldestMilliseconds: Double
    public var isEstimate: Bool?
    public var growthPerSecond: Double?
    public var descriptorsOpen: Int?
    public var descriptorLimit: Int?
    public var descriptorsGrowthPerSecond: Double?
    public var exhaustedInSeconds: Double?
    public var shared: Int
    public var unreadBytes: Int
    public var unsentBytes: Int
    public var part: String
    public var unheld: Int
    public var listeners: [End]
    public var waitsFor: [End]
    public var acceptQueue: Queue?
    public var peers: [Peer]

    enum CodingKeys: String, CodingKey {
      case pid, comm, count, reason, shared, peers, part, unheld, listeners
      case unsentBytes = "unsent_bytes"
      case waitsFor = "waits_for"
      case oldestMilliseconds = "oldest_ms"
      case isEstimate = "age_is_estimate"
      case growthPerSecond = "growth_per_s"
      case descriptorsOpen = "descriptors_open"
      case descriptorLimit = "descriptor_limit"
      case descriptorsGrowthPerSecond = "descriptors_growth_per_s"
      case exhaustedInSeconds = "exhausted_in_s"
      case unreadBytes = "unread_bytes"
      case acceptQueue = "accept_queue"
    }
  }

  public var closeWait: [Group]
  public var finWait2: [Group]

  enum CodingKeys: String, CodingKey {
    case closeWait = "close_wait"
    case finWait2 = "fin_wait2"
  }

  /// Every look that was printed.
  public static func all(in lines: [String]) throws -> [LeakList] {
    try lines.filter { !$0.isEmpty }.map { try JSONDecoder().decode(LeakList.self, from: Data($0.utf8)) }
  }

  /// One look.
  public static func take(_ options: String...) throws -> LeakList {
    let run = try Run.tcplinger(["leaks", "--json"] + options)
    guard run.ending == .status(0), let list = try all(in: run.output.lines).first else {
      throw Failure("leaks ended with \(run.ending): \(run.errors.text)")
    }
    return list
  }

  public func leaks(of pid: Int32) -> [Group] { closeWait.filter { $0.pid == pid } }
}

/// The events in the lines of a report.
public func tracedEvents(in lines: [String]) throws -> [TracedEvent] {
  try lines.filter { !$0.isEmpty }.map { try JSONDecoder().decode(TracedEvent.self, from: Data($0.utf8)) }
}
