/// What processes are taken together by, for a person who thinks in services.
public enum Grouping: String, CaseIterable, Sendable {
  case process, unit, container, pod, user

  /// The name of the group that a process is in, which no other group has; nil: it is in none, or that is not known.
  ///
  /// A unit of a user's manager has that before it, and a container its pod.
  public func name(of context: ProcessContext?) -> String? {
    switch self {
    case .process: nil
    case .unit: context?.cgroup.flatMap { $0.units.isEmpty ? nil : $0.units.joined(separator: "/") }
    case .container:
      context?.container.map { container in
        context?.pod.map { "\($0.text)/\(container.text)" } ?? container.text
      }
    case .pod: context?.pod?.text
    case .user: context?.user?.text
    }
  }
}

extension Grouping {
  /// Of what a process is only that which its group has in common.
  fileprivate func common(of context: ProcessContext?) -> ProcessContext? {
    let cgroup = context?.cgroup
    let kept: Cgroup? =
      switch self {
      case .process: cgroup
      case .unit: Cgroup(path: "", units: cgroup?.units ?? [])
      case .container: Cgroup(path: "", container: cgroup?.container, pod: cgroup?.pod)
      case .pod: Cgroup(path: "", pod: cgroup?.pod)
      case .user: nil
      }
    return context.map { ProcessContext(comm: $0.comm, user: self == .user ? $0.user : nil, cgroup: kept) }
  }
}

extension [TopReport.Row] {
  /// A row a group. Processes that are in none stand together as well, without a name.
  public func grouped(by grouping: Grouping) -> [TopReport.Row] {
    guard grouping != .process else { return self }
    return Dictionary(grouping: self) { grouping.name(of: $0.context) ?? "" }.map { name, rows in
      TopReport.Row(rows, group: name, grouping.common(of: rows[0].context))
    }
  }
}

extension TopReport.Row {
  /// The sum of some rows.
  fileprivate init(_ rows: [TopReport.Row], group: String, _ context: ProcessContext?) {
    self.init(id: nil, comm: nil)
    self.group = group
    self.context = context
    processes = rows.count { $0.id != nil }
    timeWaitsPerSecond = rows.reduce(0) { $0 + $1.timeWaitsPerSecond }
    connectsPerSecond = rows.reduce(0) { $0 + $1.connectsPerSecond }
    let accepts = rows.compactMap(\.acceptsPerSecond)
    acceptsPerSecond = accepts.isEmpty ? nil : accepts.reduce(0, +)
    timeWaits = rows.reduce(0) { $0 + $1.timeWaits }
    closeWaits = rows.reduce(0) { $0 + $1.closeWaits }
    oldest = rows.compactMap(\.oldest).max { $0.nanoseconds < $1.nanoseconds }
    leaked = rows.reduce(0) { $0 + $1.leaked }
    var peers: [TopReport.PeerName: TopReport.Peer] = [:]
    for peer in rows.flatMap(\.peers) { peers[peer.name, default: .init(name: peer.name)].add(peer) }
    self.peers = peers.values.sorted { $0.isBusier(than: $1) }
  }
}

extension TopReport.Peer {
  fileprivate mutating func add(_ other: Self) {
    timeWaitsPerSecond += other.timeWaitsPerSecond
    connectsPerSecond += other.connectsPerSecond
    timeWaits += other.timeWaits
    closeWaits += other.closeWaits
    // It counts those of all processes already.
    portShare = [portShare, other.portShare].compactMap(\.self).max()
    ends.formUnion(other.ends)
  }
}
