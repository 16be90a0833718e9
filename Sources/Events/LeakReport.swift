/// Connections that are not closed, by the process that has not closed them and why.
public struct LeakReport: Sendable {
  public struct Group: Sendable {
    public var process: Process?
    /// nil: FIN_WAIT2, where the peer is the one that has not closed.
    public var reason: Reason?
    public var count = 0
    public var oldest = Age(nanoseconds: 0)
    /// Connections that other processes hold as well: a close by this one alone will not end them.
    public var shared = 0
    public var unreadBytes: UInt64 = 0
    public var unsentBytes: UInt64 = 0
    /// The fullest of the listeners' queues.
    public var acceptQueue: AcceptQueue?
    var peers: [Peer: Int] = [:]

    var key: Key { Key(process: process?.identity, reason: reason) }

    /// Has each of its connections a descriptor of the process?
    public var takesDescriptors: Bool { reason != nil && reason != .notAccepted }

    /// The peers with the most connections, most first. Of a server's clients only the address is counted.
    public func busiestPeers(_ limit: Int) -> [(peer: Peer, count: Int)] {
      let all = peers.map { (peer: $0.key, count: $0.value) }
      return Array(
        all.sorted { $0.count == $1.count ? $0.peer.isBefore($1.peer) : $0.count > $1.count }.prefix(limit))
    }
  }

  public struct Peer: Hashable, Sendable {
    public var family: Family
    public var address: Address
    /// nil: a client's, each of which has another.
    public var port: UInt16?

    /// Whichever comes first among equals, it is the same one each time.
    fileprivate func isBefore(_ other: Peer) -> Bool {
      (address.high, address.low, port ?? 0) < (other.address.high, other.address.low, other.port ?? 0)
    }
  }

  struct Key: Hashable, Sendable {
    var process: Process.Identity?
    var reason: Reason?
  }

  private var groups: [Key: Group] = [:]
  public private(set) var closeWaits = 0
  public private(set) var finWait2s = 0

  public init() {}

  public mutating func add(_ origin: Origin) {
    let age: Age
    var reason: Reason?
    var closeWait: Origin.CloseWait?
    switch origin.state {
    case .closeWait(let state):
      (age, reason, closeWait) = (state.age, state.reason, state)
      closeWaits += 1
    case .finWait2(_, let waited):
      age = waited
      finWait2s += 1
    case .timeWait, .closeWaitEnd: return
    }
    let key = Key(process: origin.process?.identity, reason: reason)
    let peer = Peer(
      family: origin.connection.family, address: origin.connection.peer.address,
      port: origin.role == .server ? nil : origin.connection.peer.port)
    groups[key, default: Group(process: origin.process, reason: reason)].add(age, closeWait, peer)
  }

  public var isEmpty: Bool { groups.isEmpty }

  /// CLOSE_WAITs by process and reason, most first.
  public var leaks: [Group] { sorted { $0.reason != nil } }
  /// FIN_WAIT2s by process, most first.
  public var stuck: [Group] { sorted { $0.reason == nil } }

  private func sorted(_ isWanted: (Group) -> Bool) -> [Group] {
    groups.values.filter(isWanted).sorted {
      ($1.count, $0.process?.pid ?? 0, $0.reason?.rawValue ?? "")
        < ($0.count, $1.process?.pid ?? 0, $1.reason?.rawValue ?? "")
    }
  }
}

extension LeakReport.Group {
  fileprivate mutating func add(_ age: Age, _ closeWait: Origin.CloseWait?, _ peer: LeakReport.Peer) {
    count += 1
    if age.nanoseconds >= oldest.nanoseconds { oldest = age }
    peers[peer, default: 0] += 1
    guard let closeWait else { return }
    unreadBytes += UInt64(closeWait.unreadBytes)
    unsentBytes += UInt64(closeWait.unsentBytes)
    if closeWait.holders.contains(where: { $0.process.pid != process?.pid }) { shared += 1 }
    if let queue = closeWait.acceptQueue, queue.length >= acceptQueue?.length ?? 0 { acceptQueue = queue }
  }
}
