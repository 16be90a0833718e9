import CWire

/// TIME_WAITs, connects and accepts of one process towards one peer: `struct wire_count_key` and the sum of all processors' shares.
public struct KernelCount: Sendable {
  public var flow: CountedFlow
  public var comm: Comm
  /// Since the kernel began to count; these only grow.
  public var counts: ConnectionCounts
  /// How the kernel names the flow.
  public var key: [UInt8]
  /// In which the kernel has counted them.
  public var generation: UInt8 = 0

  public init(flow: CountedFlow, comm: Comm, counts: ConnectionCounts, key: [UInt8] = []) {
    self.flow = flow
    self.comm = comm
    self.counts = counts
    self.key = key
  }

  public init(key: RawSpan, shares: RawSpan) throws(RecordError) {
    guard key.byteCount == MemoryLayout<wire_count_key>.size else { throw .wrongLength(key.byteCount) }
    let size = MemoryLayout<wire_count>.stride
    guard shares.byteCount > 0, shares.byteCount % size == 0 else { throw .wrongLength(shares.byteCount) }
    let wire = key.unsafeLoadUnaligned(as: wire_count_key.self)
    flow = CountedFlow(wire)
    generation = wire.generation
    self.key = key.withUnsafeBytes { Array($0) }
    comm = Comm("")
    counts = ConnectionCounts()
    for start in stride(from: 0, to: shares.byteCount, by: size) {
      let share = shares.unsafeLoadUnaligned(fromByteOffset: start, as: wire_count.self)
      let more = ConnectionCounts(share.counted)
      counts += more
      // A processor that has counted nothing knows no name.
      if more != ConnectionCounts() { comm = Comm(share.comm) }
    }
  }
}

/// How many of each a process has made.
public struct ConnectionCounts: Sendable, Equatable {
  public var timeWaits: UInt64 = 0
  public var connects: UInt64 = 0
  public var accepts: UInt64 = 0
  /// Connections of a client that have begun to end, and how long they were open until then.
  public var uses: UInt64 = 0
  public var usedNanoseconds: UInt64 = 0

  public init(timeWaits: UInt64 = 0, connects: UInt64 = 0, accepts: UInt64 = 0) {
    (self.timeWaits, self.connects, self.accepts) = (timeWaits, connects, accepts)
  }

  init(_ counted: (UInt64, UInt64, UInt64, UInt64, UInt64)) {
    (timeWaits, connects, accepts, uses, usedNanoseconds) = counted
  }

  public static func += (left: inout Self, right: Self) {
    left.timeWaits += right.timeWaits
    left.connects += right.connects
    left.accepts += right.accepts
    left.uses += right.uses
    left.usedNanoseconds += right.usedNanoseconds
  }

  /// What was counted since; never below 0.
  public func since(_ earlier: Self) -> Self {
    var more = Self()
    more.timeWaits = timeWaits - min(timeWaits, earlier.timeWaits)
    more.connects = connects - min(connects, earlier.connects)
    more.accepts = accepts - min(accepts, earlier.accepts)
    more.uses = uses - min(uses, earlier.uses)
    more.usedNanoseconds = usedNanoseconds - min(usedNanoseconds, earlier.usedNanoseconds)
    return more
  }
}

/// What connections that are counted together have in common.
public struct CountedFlow: Hashable, Sendable {
  /// nil: no process is known.
  public var process: ProcessKey?
  public var netns: UInt32
  public var family: Family
  /// An IPv6 socket that speaks IPv4; the addresses are the IPv4 ones.
  public var isMapped: Bool
  public var role: Role
  /// Nothing, of a server.
  public var localAddress: Address
  public var peerAddress: Address
  /// Of the service: the peer's, or of a server its own.
  public var port: UInt16

  public init(
    process: ProcessKey?, netns: UInt32, family: Family, isMapped: Bool = false, role: Role,
    localAddress: Address,
    peerAddress: Address, port: UInt16
  ) {
    self.process = process
    self.netns = netns
    self.family = family
    self.isMapped = isMapped
    self.role = role
    self.localAddress = localAddress
    self.peerAddress = peerAddress
    self.port = port
  }

  /// Accepts are counted by process and port alone.
  public var hasPeer: Bool { (peerAddress.high, peerAddress.low) != (0, 0) }

  init(_ wire: wire_count_key) {
    self.init(
      process: wire.pid == 0 ? nil : ProcessKey(pid: wire.pid, startedNanoseconds: wire.started_ns),
      netns: wire.netns, family: wire.family == 6 && wire.mapped == 0 ? .ipv6 : .ipv4,
      isMapped: wire.mapped != 0,
      role: wire.role == 1 ? .client : wire.role == 2 ? .server : .unknown,
      localAddress: Address(wire.local_address, family: wire.family),
      peerAddress: Address(wire.peer_address, family: wire.family), port: wire.port)
  }
}

/// A process apart from an earlier one of the same pid.
public struct ProcessKey: Hashable, Sendable {
  public var pid: UInt32
  public var startedNanoseconds: UInt64

  public init(pid: UInt32, startedNanoseconds: UInt64) {
    self.pid = pid
    self.startedNanoseconds = startedNanoseconds
  }
}

extension Process {
  public var key: ProcessKey { ProcessKey(pid: pid, startedNanoseconds: startedNanoseconds) }
}
