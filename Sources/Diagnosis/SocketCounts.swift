import Events

extension SocketCounts {
  /// The part of two censuses by tuple that is of one network namespace; nil if the later has not read it.
  public init?(of netns: UInt32, before: SocketCensus, after: SocketCensus) {
    guard after.namespaces.contains(netns) else { return nil }
    self.init()
    for (group, count) in after.groups where group.netns == netns {
      states[group.state.name, default: 0] += count.sockets
      guard group.state == .timeWait else {
        if let tuple = Tuple(group) { openTuples[tuple, default: 0] += count.sockets }
        continue
      }
      if group.family == .ipv6 { timeWaits.ipv6 += count.sockets } else { timeWaits.ipv4 += count.sockets }
      if let tuple = Tuple(group) { tuples[tuple, default: 0] += count.sockets }
    }
    guard before.namespaces.contains(netns) else { return }
    var earlier: [Tuple: Int] = [:]
    for (group, count) in before.groups where group.netns == netns && group.state == .timeWait {
      if let tuple = Tuple(group) { earlier[tuple, default: 0] += count.sockets }
    }
    tuplesBefore = earlier
  }
}

extension SocketCounts.Tuple {
  /// nil: a server's, whose ports are its clients' affair.
  fileprivate init?(_ group: SocketCensus.Group) {
    guard group.role != .server, let family = group.family, let local = group.local, let peer = group.peer,
      let port = group.peerPort
    else { return nil }
    self.init(family: family, local: local, peer: Endpoint(address: peer, port: port))
  }
}
