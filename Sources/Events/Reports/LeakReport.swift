/// Connections that are not closed, by the process that has not closed them and why.
public struct LeakReport: Sendable {
  public struct Group: Sendable {
    public var process: Process?
    /// nil: FIN_WAIT2, where the peer is the one that has not closed.
    public var reason: Reason?
    /// Of a CLOSE_WAIT whether it is its process that should close.
    public var part = HalfClosures.Part.leak
    public var count = 0
    public var oldest = Age(nanoseconds: 0)
    /// Connections that other processes hold as well: a close by this one alone will not end them.
    public var shared = 0
    /// Connections that no process has open: in flight in a unix socket, or registered with io_uring.
    public var unheld = 0
    /// FIN_WAIT2s by shutdown(): half closed, and still read by their process.
    public var halfClosed = 0
    public var unreadBytes: UInt64 = 0
    /// The most that is unread of one connection.
    public var mostUnread: UInt32 = 0
    public var unsentBytes: UInt64 = 0
    /// Connections with unsent bytes.
    public var blocked = 0
    public var clients = 0
    /// The fullest of the listeners' queues.
    public var acceptQueue: AcceptQueue?
    var peers: [Peer: Int] = [:]
    /// The service of each connection: of a client's the peer, of a server's the own end.
    var services: [Peer: Int] = [:]
    /// At the other end, where that is on this host.
    var far: [Far: Int] = [:]
    /// What a relay waits for.
    var awaited: [Far: Int] = [:]
    /// Who opened them, where that is another.
    var openers: [Process: Int] = [:]
    /// Who else has them open.
    var others: [Process: Int] = [:]
    /// Of `notAccepted`: the processes that have the listener.
    var listeners: [Process: Int] = [:]

    var key: Key { Key(process: process?.identity, reason: reason, part: part) }

    /// Has each of its connections a descriptor of the process?
    public var takesDescriptors: Bool { reason != nil && reason != .notAccepted }

    /// The peers with the most connections, most first. Of a server's clients only the address is counted.
    public func busiestPeers(_ limit: Int) -> [(peer: Peer, count: Int)] {
      most(of: peers, limit) { $0.isBefore($1) }
    }

    public func busiestServices(_ limit: Int) -> [(service: Peer, count: Int)] {
      most(of: services, limit) { $0.isBefore($1) }.map { (service: $0.peer, count: $0.count) }
    }

    public func farEnds(_ limit: Int) -> [(far: Far, count: Int)] {
      most(of: far, limit) { $0.isBefore($1) }.map { (far: $0.peer, count: $0.count) }
    }

    public func waitsFor(_ limit: Int) -> [(far: Far, count: Int)] {
      most(of: awaited, limit) { $0.isBefore($1) }.map { (far: $0.peer, count: $0.count) }
    }

    public var openedBy: [Process] { openers.keys.sorted { $0.pid < $1.pid } }
    public var heldBy: [Process] { others.keys.sorted { $0.pid < $1.pid } }
    public var listenedBy: [Process] { listeners.keys.sorted { $0.pid < $1.pid } }

    private func most<Key: Hashable>(
      of counts: [Key: Int], _ limit: Int, _ isBefore: (Key, Key) -> Bool
    ) -> [(peer: Key, count: Int)] {
      let all = counts.map { (peer: $0.key, count: $0.value) }
      return Array(
        all.sorted { $0.count == $1.count ? isBefore($0.peer, $1.peer) : $0.count > $1.count }.prefix(limit))
    }
  }

  public struct Peer: Hashable, Sendable {
    public var family: Family
    public var address: Address
    /// nil: a client's, each of which has another.
    public var port: UInt16?

    public init(family: Family, address: Address, port: UInt16?) {
      (self.family, self.address, self.port) = (family, address, port)
    }

    /// Whichever comes first among equals, it is the same one each time.
    fileprivate func isBefore(_ other: Peer) -> Bool {
      (address.high, address.low, port ?? 0) < (other.address.high, other.address.low, other.port ?? 0)
    }
  }

  /// The other end of connections.
  public struct Far: Hashable, Sendable {
    public var family: Family
    public var address: Address
    public var port: UInt16?
    /// nil: on another host, or over.
    public var process: Process?

    fileprivate func isBefore(_ other: Far) -> Bool {
      (process?.pid ?? 0, address.high, address.low, port ?? 0)
        < (other.process?.pid ?? 0, other.address.high, other.address.low, other.port ?? 0)
    }
  }

  struct Key: Hashable, Sendable {
    var process: Process.Identity?
    var reason: Reason?
    var part: HalfClosures.Part
  }

  private var groups: [Key: Group] = [:]
  /// CLOSE_WAITs that their process should close.
  public private(set) var leakCount = 0
  private let closures: HalfClosures

  public init(_ origins: [Origin] = [], now: WallTime = WallTime(nanoseconds: 0)) {
    self.init(origins, HalfClosures(origins.map { .init($0) }, now: now))
  }

  public init(_ origins: [Origin], _ closures: HalfClosures) {
    self.closures = closures
    for origin in origins { add(origin) }
  }

  public mutating func add(_ origin: Origin) {
    var key = Key(process: origin.process?.identity, reason: nil, part: .leak)
    switch origin.kind {
    case .closeWait(let state):
      key.reason = state.reason
      key.part = closures.part(of: origin.connection)
      if key.part == .leak { leakCount += 1 }
    case .finWait2:
      key.part = closures.isPassedOn(origin.connection) ? .relayed : .leak
    case .timeWait, .closeWaitEnd, .reset: return
    }
    groups[key, default: Group(process: origin.process, reason: key.reason, part: key.part)].add(
      origin, closures)
  }

  public var isEmpty: Bool { groups.isEmpty }

  /// CLOSE_WAITs by process and reason, leaks before others, most first.
  public var leaks: [Group] { sorted { $0.reason != nil } }
  /// FIN_WAIT2s by process, most first.
  public var stuck: [Group] { sorted { $0.reason == nil } }

  private func sorted(_ isWanted: (Group) -> Bool) -> [Group] {
    groups.values.filter(isWanted).sorted {
      ($0.part == .leak ? 0 : 1, $1.count, $0.process?.pid ?? 0, $0.reason?.rawValue ?? "")
        < ($1.part == .leak ? 0 : 1, $0.count, $1.process?.pid ?? 0, $1.reason?.rawValue ?? "")
    }
  }
}

extension LeakReport.Group {
  fileprivate mutating func add(_ origin: Origin, _ closures: HalfClosures) {
    let connection = origin.connection
    count += 1
    if let age = origin.kind.age, age.nanoseconds >= oldest.nanoseconds { oldest = age }
    let isServer = origin.role == .server
    let peer = LeakReport.Peer(
      family: connection.family, address: connection.peer.address, port: isServer ? nil : connection.peer.port)
    peers[peer, default: 0] += 1
    if origin.role == .client { clients += 1 }
    let own = LeakReport.Peer(
      family: connection.family, address: connection.local.address, port: connection.local.port)
    services[isServer ? own : peer, default: 0] += 1
    far[
      LeakReport.Far(
        connection, isServer: isServer, origin.peerProcess ?? closures.peer(of: connection)?.process),
      default: 0] += 1
    if let next = closures.successor(of: connection) {
      let end = closures.peer(of: next.connection)?.process
      awaited[LeakReport.Far(next.connection, isServer: next.role == .server, end), default: 0] += 1
    }
    if let opener = origin.opener?.process, let process, opener.identity != process.identity {
      openers[opener, default: 0] += 1
    }
    if origin.isHalfClosed { halfClosed += 1 }
    if case .closeWait(let closeWait) = origin.kind { add(closeWait) }
  }

  private mutating func add(_ closeWait: Origin.CloseWait) {
    unreadBytes += UInt64(closeWait.unreadBytes)
    mostUnread = max(mostUnread, closeWait.unreadBytes)
    unsentBytes += UInt64(closeWait.unsentBytes)
    if closeWait.unsentBytes > 0 { blocked += 1 }
    let rest = closeWait.holders.filter { $0.process.pid != process?.pid }
    if !rest.isEmpty { shared += 1 }
    for holder in rest { others[holder.process, default: 0] += 1 }
    for holder in closeWait.listeners { listeners[holder.process, default: 0] += 1 }
    if closeWait.holders.isEmpty && closeWait.reason != .notAccepted { unheld += 1 }
    if let queue = closeWait.acceptQueue, queue.length >= acceptQueue?.length ?? 0 { acceptQueue = queue }
  }
}

extension LeakReport.Far {
  fileprivate init(_ connection: Connection, isServer: Bool, _ process: Process?) {
    self.init(
      family: connection.family, address: connection.peer.address, port: isServer ? nil : connection.peer.port,
      process: process)
  }
}
