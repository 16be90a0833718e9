/// Counts of TCP sockets, grouped by the details that were asked for.
public struct SocketCensus: Sendable {
  /// The process behind a socket, as far as it is known.
  public enum Owner: Hashable, Sendable {
    /// It has a descriptor; the first by pid, if several have.
    case holder(Process)
    /// The connection is not accepted yet; this process has the listener.
    case listener(Process)
    /// Of a TIME_WAIT that began during the watch: who closed.
    case closer(Process)
    /// Closed by its process, and waiting for the peer.
    case closed
    /// A TIME_WAIT that began before the watch.
    case beforeWatch
    /// No process has a descriptor; or it was not asked for.
    case unknown
  }

  /// What a census counts by, beside state and network namespace.
  public struct Details: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let owner = Details(rawValue: 1)
    public static let role = Details(rawValue: 2)
    public static let peer = Details(rawValue: 4)
    /// What the owner is, beside its pid and its name.
    public static let context = Details(rawValue: 16)
    /// The local address; of a server's connections the local port, of others that of the peer.
    public static let tuple = Details(rawValue: 8)
  }

  /// Details that were not asked for are nil or `unknown`.
  public struct Group: Hashable, Sendable {
    public var state: TCPState
    /// Inode number of the network namespace; nil where those of all are taken together.
    public var netns: UInt32?
    public var owner = Owner.unknown
    /// The unit, container, pod or user of its owner, where a report is of these.
    public var service: String?
    public var role = Role.unknown
    public var family: Family?
    public var local: Address?
    public var peer: Address?
    public var localPort: UInt16?
    public var peerPort: UInt16?

    public init(state: TCPState, netns: UInt32?) {
      self.state = state
      self.netns = netns
    }
  }

  public struct Count: Equatable, Sendable {
    public var sockets = 0
    /// Those that several processes have a descriptor of.
    public var shared = 0

    public init(sockets: Int = 0, shared: Int = 0) {
      self.sockets = sockets
      self.shared = shared
    }
  }

  public private(set) var groups: [Group: Count] = [:]
  /// Local ports of connections that are no server's, where tuples were asked for.
  public private(set) var localPorts: [LocalAddress: Set<UInt16>] = [:]
  /// Where they were asked for, every TIME_WAIT by itself, in no group until `resolve`.
  public var timeWaits: [ListedTimeWait] = []
  /// Network namespaces that were read, by inode number.
  public var namespaces: [UInt32] = []
  /// Network namespaces that could not be entered for want of privileges.
  public var unreadNamespaces = 0
  /// Sockets that had no room in any group.
  public var uncounted = 0
  /// Sockets whose process had no room: they count as `unknown`.
  public var unowned = 0

  public init() {}

  public struct LocalAddress: Hashable, Sendable {
    public var netns: UInt32
    public var family: Family
    public var address: Address
  }

  public mutating func addPort(_ connection: Connection) {
    let address = LocalAddress(
      netns: connection.netns, family: connection.family, address: connection.local.address)
    localPorts[address, default: []].insert(connection.local.port)
  }

  /// Groups that are kept apart at the most; by state there are ten in a network namespace.
  public static let mostGroups = 262_144

  public mutating func add(_ group: Group, _ count: Count) {
    guard groups.count < Self.mostGroups || groups[group] != nil else { return uncounted += count.sockets }
    groups[group, default: Count()].sockets += count.sockets
    groups[group]?.shared += count.shared
  }

  /// Gives each TIME_WAIT the owner and the role that the log has for it, and counts it.
  public mutating func resolve(_ log: TimeWaitLog, details: Details) {
    for timeWait in timeWaits {
      var group = timeWait.group
      if let known = log[timeWait.connection] {
        group.owner = known.process.map { .closer($0) } ?? .unknown
        if known.role != .unknown { group.role = known.role }
      }
      add(group.reduced(to: details), Count(sockets: 1))
    }
    timeWaits = []
  }

  public func total(_ state: TCPState? = nil) -> Int {
    groups.reduce(0) { $0 + (state == nil || $1.key.state == state ? $1.value.sockets : 0) }
  }
}

extension SocketCensus.Owner {
  public mutating func describe(_ context: (Process) -> ProcessContext?) {
    guard var process else { return }
    process.context = context(process)
    switch self {
    case .holder: self = .holder(process)
    case .listener: self = .listener(process)
    case .closer: self = .closer(process)
    case .closed, .beforeWatch, .unknown: break
    }
  }

  public var process: Process? {
    switch self {
    case .holder(let process), .listener(let process), .closer(let process): process
    case .closed, .beforeWatch, .unknown: nil
    }
  }
}
