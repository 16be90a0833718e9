import Events

extension SocketCounts {
  /// The part of two censuses by tuple that is of one network namespace; nil if the later has not read it.
  public init?(of netns: UInt32, before: SocketCensus, after: SocketCensus) {
    guard after.namespaces.contains(netns) else { return nil }
    self.init()
    for (group, count) in after.groups where group.netns == netns {
      states[group.state.name, default: 0] += count.sockets
      guard group.state == .timeWait else {
        if let tuple = Tuple(group) {
          openTuples[tuple, default: 0] += count.sockets
          if let process = group.owner.process {
            openOwners[tuple, default: [:]][process, default: 0] += count.sockets
          }
        }
        continue
      }
      if group.family == .ipv6 { timeWaits.ipv6 += count.sockets } else { timeWaits.ipv4 += count.sockets }
      if let tuple = Tuple(group) { tuples[tuple, default: 0] += count.sockets }
    }
    for (local, ports) in after.localPorts where local.netns == netns {
      localPorts[LocalAddress(family: local.family, address: local.address)] = ports.count
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

extension SocketCensus {
  /// Who has connections open that were accepted, by port.
  public var acceptors: [ServedPort: [Process: Int]] {
    var found: [ServedPort: [Process: Int]] = [:]
    for (group, count) in groups where group.state != .listen {
      // Only a server's connections are counted by the local port.
      guard let netns = group.netns, let port = group.localPort, case .holder(let process) = group.owner else {
        continue
      }
      found[ServedPort(netns: netns, port: port), default: [:]][process, default: 0] += count.sockets
    }
    return found
  }

  /// Who has a listener, by port; of several the first by pid.
  public var listeners: [ServedPort: Process] {
    var found: [ServedPort: Process] = [:]
    for group in groups.keys where group.state == .listen {
      guard let netns = group.netns, let port = group.localPort, let process = group.owner.process else {
        continue
      }
      found[ServedPort(netns: netns, port: port)] = process
    }
    return found
  }

  /// Every process that has a TCP socket open.
  public var holders: [Process] {
    var found: [Process.Identity: Process] = [:]
    for group in groups.keys {
      if let process = group.owner.process { found[process.identity] = process }
    }
    return found.values.sorted { $0.pid < $1.pid }
  }
}
