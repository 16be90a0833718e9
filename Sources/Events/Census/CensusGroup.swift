/// A TIME_WAIT by itself, until it is known whose it was.
public struct ListedTimeWait: Sendable {
  public var connection: Connection
  public var role: Role

  public init(connection: Connection, role: Role) {
    (self.connection, self.role) = (connection, role)
  }

  var group: SocketCensus.Group {
    var group = SocketCensus.Group(connection, .timeWait, role)
    group.owner = .beforeWatch
    return group
  }
}

extension SocketCensus.Group {
  /// All that is known of a socket itself.
  public init(_ connection: Connection, _ state: TCPState, _ role: Role) {
    self.init(state: state, netns: connection.netns)
    self.role = role
    family = connection.family
    (local, peer) = (connection.local.address, connection.peer.address)
    (localPort, peerPort) = (connection.local.port, connection.peer.port)
  }

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
