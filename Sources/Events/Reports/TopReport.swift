/// What every process has in TIME_WAIT and CLOSE_WAIT at one look: a row a process, with its peers.
public struct TopReport: Sendable {
  public struct Row: Sendable {
    /// nil: what no process is known for, or of a group.
    public var id: ProcessKey?
    public var comm: Comm?
    /// What the process is; of a group, one of them.
    public var context: ProcessContext?
    /// Of a group its name, and how many processes are in it.
    public var group: String?
    public var processes = 1
    /// Caused, a second, since the look before.
    public var timeWaitsPerSecond = 0.0
    public var connectsPerSecond = 0.0
    /// nil: no hook on this host sees accept().
    public var acceptsPerSecond: Double?
    /// Caused in the last 60 s: the most that can be there now.
    public var timeWaits: UInt64 = 0
    public var closeWaits = 0
    /// Age of the longest CLOSE_WAIT; nil: there are none.
    public var oldest: Age?
    /// CLOSE_WAITs that have lasted for the minimum age.
    public var leaked = 0
    /// Busiest first.
    public var peers: [Peer] = []

    /// The largest share of the port range among its peers; nil: it is not a client, or the range is not known.
    public var portShare: Double? { peers.compactMap(\.portShare).max() }

    /// Which ends of its connections the process is.
    public var roles: Set<Role> { Set(peers.map(\.name.role)) }

    /// What tells it from other rows, from one look to the next.
    public struct Key: Hashable, Sendable {
      public var process: ProcessKey?
      public var group: String?
    }

    public var key: Key { Key(process: id, group: group) }

    public init(id: ProcessKey?, comm: Comm?) {
      self.id = id
      self.comm = comm
    }
  }

  public struct Peer: Sendable {
    public var name: PeerName
    public var timeWaitsPerSecond = 0.0
    public var connectsPerSecond = 0.0
    public var timeWaits: UInt64 = 0
    public var closeWaits = 0
    /// Of the ports that a client can have towards this peer, how many TIME_WAITs take, those of other processes
    /// included: 0 to 1 and more, as the count is an upper bound. nil: not a client, or no range is known.
    public var portShare: Double?
    /// The processes at the other end, where that is on this host and known.
    public var ends: Set<ProcessKey> = []

    public init(name: PeerName) { self.name = name }
  }

  /// The other end, as far as it matters who it is.
  public struct PeerName: Hashable, Sendable {
    public var role: Role
    public var family: Family
    public var address: Address
    /// Of a client, the service; nil for a server's peer, which has another each time.
    public var port: UInt16?

    public init(role: Role, family: Family, address: Address, port: UInt16?) {
      self.role = role
      self.family = family
      self.address = address
      self.port = role == .server ? nil : port
    }
  }

  /// What one range of ports is shared by.
  private struct Tuple: Hashable {
    var netns: UInt32
    var local: Address
    var peer: Address
    var port: UInt16

    init?(_ flow: CountedFlow) {
      guard flow.role == .client else { return nil }
      (netns, local, peer, port) = (flow.netns, flow.localAddress, flow.peerAddress, flow.port)
    }
  }

  public private(set) var rows: [Row] = []
  /// All that are counted, also those that the filter leaves out: they may be at the other end.
  public private(set) var processes: [ProcessKey: Process] = [:]

  /// - Parameters:
  ///   - closeWaits: every connection in CLOSE_WAIT.
  ///   - leakNanoseconds: the age from which one is a leak.
  ///   - seesAccepts: does anything on this host tell who accepts?
  ///   - ports: how many ports clients of a network namespace can have, by its inode number.
  public init(
    _ history: TimeWaitHistory, closeWaits: [Origin], leakNanoseconds: UInt64, seesAccepts: Bool = true,
    ports: [UInt32: Int], filter: OriginFilter = OriginFilter(),
    context: (Process) -> ProcessContext? = { _ in nil }
  ) {
    var drafts: [ProcessKey?: Draft] = [:]
    let ends = LocalEnds(history.flows.keys)
    for (flow, recent) in history.flows {
      guard let key = flow.process, processes[key] == nil else { continue }
      var process = Process(
        pid: key.pid, tid: key.pid, comm: recent.comm, startedNanoseconds: key.startedNanoseconds)
      process.context = context(process)
      processes[key] = process
    }
    var taken: [Tuple: UInt64] = [:]
    for (flow, recent) in history.flows {
      if let tuple = Tuple(flow) { taken[tuple, default: 0] += recent.lately }
    }
    // Skip processes without TIME_WAITs that open and accept nothing any more.
    for (flow, recent) in history.flows
    where (recent.lately > 0 || !recent.isIdle)
      && filter.passes(flow, recent.comm, flow.process.flatMap { processes[$0]?.context })
    {
      let share = Tuple(flow).flatMap { tuple in
        ports[flow.netns].map { Double(taken[tuple, default: 0]) / Double(max(1, $0)) }
      }
      let known = flow.process.flatMap { processes[$0]?.context }
      drafts[flow.process, default: Draft(id: flow.process, comm: recent.comm, known)]
        .add(flow, recent, seconds: history.seconds, share, ends.processes(atOtherEndOf: flow))
    }
    for origin in closeWaits {
      let process = origin.process
      drafts[process?.key, default: Draft(id: process?.key, comm: process?.comm, process?.context)]
        .add(origin, leakNanoseconds)
    }
    rows = drafts.values.map(\.row)
    if !seesAccepts { for index in rows.indices { rows[index].acceptsPerSecond = nil } }
  }

  private struct Draft {
    private var total: Row
    private var peers: [PeerName: Peer] = [:]

    init(id: ProcessKey?, comm: Comm?, _ context: ProcessContext?) {
      total = Row(id: id, comm: id == nil ? nil : comm)
      total.context = context
      total.acceptsPerSecond = 0
    }

    mutating func add(
      _ flow: CountedFlow, _ recent: TimeWaitHistory.Recent, seconds: Double, _ share: Double?,
      _ ends: Set<ProcessKey>
    ) {
      func rate(_ count: UInt64) -> Double { seconds > 0 ? Double(count) / seconds : 0 }
      total.timeWaitsPerSecond += rate(recent.new.timeWaits)
      total.connectsPerSecond += rate(recent.new.connects)
      total.acceptsPerSecond? += rate(recent.new.accepts)
      total.timeWaits += recent.lately
      // Accepts are not counted by peer.
      guard flow.hasPeer else { return }
      let name = PeerName(role: flow.role, family: flow.family, address: flow.peerAddress, port: flow.port)
      var peer = peers[name] ?? Peer(name: name)
      peer.timeWaitsPerSecond += rate(recent.new.timeWaits)
      peer.connectsPerSecond += rate(recent.new.connects)
      peer.timeWaits += recent.lately
      if let share { peer.portShare = max(share, peer.portShare ?? 0) }
      peer.ends.formUnion(ends)
      peers[name] = peer
    }

    mutating func add(_ origin: Origin, _ leakNanoseconds: UInt64) {
      guard case .closeWait(let closeWait) = origin.kind else { return }
      total.closeWaits += 1
      if closeWait.age.nanoseconds >= leakNanoseconds { total.leaked += 1 }
      if closeWait.age.nanoseconds >= total.oldest?.nanoseconds ?? 0 { total.oldest = closeWait.age }
      let name = PeerName(
        role: origin.role, family: origin.connection.family, address: origin.connection.peer.address,
        port: origin.connection.peer.port)
      peers[name, default: Peer(name: name)].closeWaits += 1
    }

    var row: Row {
      var row = total
      row.peers = peers.values.sorted { $0.isBusier(than: $1) }
      return row
    }
  }
}

/// The processes at both ends of connections that do not leave the host, by what is counted: a server by its port, a client by
/// the port that it connects to. Over loopback, or from an address to itself. Of several servers that share a port, at different
/// addresses, all are taken: which address a server has is not counted.
private struct LocalEnds {
  private struct Service: Hashable {
    var netns: UInt32
    var family: Family
    var port: UInt16

    init(_ flow: CountedFlow) { (netns, family, port) = (flow.netns, flow.family, flow.port) }
  }

  private var servers: [Service: Set<ProcessKey>] = [:]
  private var clients: [Service: Set<ProcessKey>] = [:]

  init(_ flows: some Collection<CountedFlow>) {
    for flow in flows {
      guard let process = flow.process else { continue }
      switch flow.role {
      case .server: servers[Service(flow), default: []].insert(process)
      case .client: if Self.isLocal(flow) { clients[Service(flow), default: []].insert(process) }
      case .unknown: break
      }
    }
  }

  func processes(atOtherEndOf flow: CountedFlow) -> Set<ProcessKey> {
    let service = Service(flow)
    switch flow.role {
    case .client: return Self.isLocal(flow) ? servers[service, default: []] : []
    case .server: return flow.peerAddress.isLoopback(flow.family) ? clients[service, default: []] : []
    case .unknown: return []
    }
  }

  private static func isLocal(_ flow: CountedFlow) -> Bool {
    flow.hasPeer && (flow.peerAddress.isLoopback(flow.family) || flow.peerAddress == flow.localAddress)
  }
}

extension TopReport.Peer {
  /// Whichever comes first among equals, it is the same one each time.
  func isBusier(than other: TopReport.Peer) -> Bool {
    (timeWaits, UInt64(closeWaits), other.name.address.high, other.name.address.low, other.name.port ?? 0)
      > (other.timeWaits, UInt64(other.closeWaits), name.address.high, name.address.low, name.port ?? 0)
  }
}
