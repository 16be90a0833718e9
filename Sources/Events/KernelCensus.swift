import CWire

/// `struct wire_census_group` of a single TIME_WAIT. There can be a million: it stays as small as it comes.
public struct KernelTimeWait: Sendable {
  private var wire: wire_census_group

  public static let size = MemoryLayout<wire_census_group>.size

  public init(_ record: RawSpan) throws(RecordError) {
    guard record.byteCount == Self.size else { throw .wrongLength(record.byteCount) }
    wire = record.unsafeLoadUnaligned(as: wire_census_group.self)
    guard wire.state == SocketCensus.State.timeWait.rawValue else { throw .unknownKind(wire.state) }
  }

  public var group: SocketCensus.Group { SocketCensus.Group(wire, .timeWait, process: nil) }

  public var connection: Connection {
    Connection(
      family: wire.family == 6 ? .ipv6 : .ipv4, netns: wire.netns,
      local: Endpoint(address: Address(wire.local_address, family: wire.family), port: wire.local_port),
      peer: Endpoint(address: Address(wire.peer_address, family: wire.family), port: wire.peer_port))
  }
}

extension SocketCensus.Group {
  fileprivate init(_ wire: wire_census_group, _ state: SocketCensus.State, process: Process?) {
    self.init(state: state, netns: wire.netns)
    owner = SocketCensus.Owner(wire.standing, process)
    role = wire.role == 1 ? .client : wire.role == 2 ? .server : .unknown
    guard wire.family != 0 else { return }
    family = wire.family == 6 ? .ipv6 : .ipv4
    local = Address(wire.local_address, family: wire.family)
    peer = Address(wire.peer_address, family: wire.family)
    localPort = wire.local_port == 0 ? nil : wire.local_port
    peerPort = wire.peer_port == 0 ? nil : wire.peer_port
  }
}

/// An element of the map `groups`: a group and how many sockets it has.
public struct KernelCensusEntry: Sendable {
  public var group: SocketCensus.Group
  public var count: SocketCensus.Count

  /// - Parameters:
  ///   - key: `struct wire_census_group`.
  ///   - value: `struct wire_census_count`.
  public init(key: RawSpan, value: RawSpan) throws(RecordError) {
    guard key.byteCount == MemoryLayout<wire_census_group>.size else { throw .wrongLength(key.byteCount) }
    guard value.byteCount == MemoryLayout<wire_census_count>.size else { throw .wrongLength(value.byteCount) }
    let wireGroup = key.unsafeLoadUnaligned(as: wire_census_group.self)
    let wireCount = value.unsafeLoadUnaligned(as: wire_census_count.self)
    guard let state = SocketCensus.State(rawValue: wireGroup.state) else {
      throw .unknownKind(wireGroup.state)
    }
    group = SocketCensus.Group(wireGroup, state, process: Process(wireCount.process))
    count = SocketCensus.Count(sockets: Int(wireCount.sockets), shared: Int(wireCount.shared))
  }
}

extension SocketCensus.Owner {
  /// Source: `enum wire_standing`.
  fileprivate init(_ standing: UInt8, _ process: Process?) {
    switch (standing, process) {
    case (1, let process?): self = .holder(process)
    case (2, let process?): self = .listener(process)
    case (3, _): self = .closed
    case (4, _): self = .beforeWatch
    default: self = .unknown
    }
  }
}

extension SocketCensus.Group {
  /// What a census of these details leaves of it: the rest is dropped, so that equals fall together.
  public func reduced(to details: SocketCensus.Details) -> SocketCensus.Group {
    var group = SocketCensus.Group(state: state, netns: netns)
    if details.contains(.owner) { group.owner = owner }
    if details.contains(.role) { group.role = role }
    if !details.isDisjoint(with: [.peer, .tuple]) { (group.family, group.peer) = (family, peer) }
    guard details.contains(.tuple) else { return group }
    group.local = local
    if role == .server { group.localPort = localPort } else { group.peerPort = peerPort }
    return group
  }
}
