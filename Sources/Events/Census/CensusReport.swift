/// A census as rows, most first.
public struct CensusReport: Sendable {
  public enum Grouping: String, CaseIterable, Sendable {
    case state, process, unit, container, pod, user, peer, tuple, netns

    /// What a census must count by, to be grouped so.
    public var details: SocketCensus.Details {
      switch self {
      case .state, .netns: []
      case .process: .owner
      case .unit, .container, .pod, .user: [.owner, .context]
      case .peer: .peer
      case .tuple: [.role, .tuple]
      }
    }

    /// What is counted by the processes of a group; nil: by something else.
    fileprivate var group: Events.Grouping? {
      switch self {
      case .unit: .unit
      case .container: .container
      case .pod: .pod
      case .user: .user
      case .state, .process, .peer, .tuple, .netns: nil
      }
    }

    /// Does it say whose a socket is?
    public var namesOwner: Bool { self == .process || group != nil }

    fileprivate var keepsNamespace: Bool { self == .tuple || self == .netns }
  }

  /// What rows are sorted by: most first, or the lowest number, or the alphabet.
  public enum Order: String, CaseIterable, Sendable {
    case count, state, pid, comm

    fileprivate func isBefore(_ one: SocketCensus.Group, _ other: SocketCensus.Group) -> Bool {
      switch self {
      case .count: false
      case .state: one.state.rawValue < other.state.rawValue
      case .pid: one.owner.process?.pid ?? .max < other.owner.process?.pid ?? .max
      case .comm:
        (one.owner.process?.comm.bytes ?? []).lexicographicallyPrecedes(other.owner.process?.comm.bytes ?? [])
      }
    }
  }

  public struct Row: Sendable {
    public var group: SocketCensus.Group
    public var count: SocketCensus.Count

    public init(group: SocketCensus.Group, count: SocketCensus.Count) {
      self.group = group
      self.count = count
    }
  }

  public var grouping: Grouping
  public var rows: [Row] = []
  /// Rows beyond the limit, and the sockets in them.
  public var leftOut = (rows: 0, sockets: 0)
  public var sockets = 0
  public var namespaces: Int
  public var unreadNamespaces: Int
  public var uncounted: Int
  public var unowned: Int
  /// Events that the trace lost; nil: there was no watch.
  public var lost: UInt64?
  /// How long TIME_WAITs were watched; nil: they were not.
  public var watchedNanoseconds: UInt64?

  /// - Parameter limit: how many rows are kept; nil: all.
  public init(
    _ census: SocketCensus, by grouping: Grouping, filter: OriginFilter = OriginFilter(), order: Order = .count,
    limit: Int?
  ) {
    self.grouping = grouping
    namespaces = census.namespaces.count
    unreadNamespaces = census.unreadNamespaces
    uncounted = census.uncounted
    unowned = census.unowned
    var counts: [SocketCensus.Group: SocketCensus.Count] = [:]
    for (group, count) in census.groups where filter.passes(group) {
      var key = group.reduced(to: grouping.details)
      if let by = grouping.group {
        key.service = by.name(of: key.owner.process?.context)
        key.owner = .unknown
      }
      if !grouping.keepsNamespace { key.netns = nil }
      counts[key, default: .init()].sockets += count.sockets
      counts[key]?.shared += count.shared
      sockets += count.sockets
    }
    rows = counts.map { Row(group: $0.key, count: $0.value) }.sorted { Self.isBefore($0, $1) }
    if order != .count { rows.sort { order.isBefore($0.group, $1.group) } }
    guard let limit, rows.count > limit else { return }
    leftOut = (rows.count - limit, rows[limit...].reduce(0) { $0 + $1.count.sockets })
    rows.removeLast(rows.count - limit)
  }

  /// Whichever comes first among equals, it is the same one each time.
  private static func isBefore(_ one: Row, _ other: Row) -> Bool {
    if one.count.sockets != other.count.sockets { return one.count.sockets > other.count.sockets }
    if one.group.service != other.group.service { return one.group.service ?? "" < other.group.service ?? "" }
    return key(one.group).lexicographicallyPrecedes(key(other.group))
  }

  private static func key(_ group: SocketCensus.Group) -> [UInt64] {
    [
      UInt64(group.state.rawValue), UInt64(group.netns ?? 0), UInt64(group.owner.process?.pid ?? 0),
      group.local?.high ?? 0, group.local?.low ?? 0, group.peer?.high ?? 0, group.peer?.low ?? 0,
      UInt64(group.localPort ?? 0), UInt64(group.peerPort ?? 0),
    ]
  }
}
