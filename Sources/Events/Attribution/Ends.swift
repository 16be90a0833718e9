/// A connection by its two ends, so that it can be found from either.
struct Ends: Hashable {
  var local: Endpoint
  var peer: Endpoint
  /// Loopback addresses are another host's in each namespace.
  var netns: UInt32?

  init(_ connection: Connection) {
    (local, peer) = (connection.local, connection.peer)
    netns = local.address.isLoopback(connection.family) ? connection.netns : nil
  }

  var reversed: Ends {
    var other = self
    (other.local, other.peer) = (peer, local)
    return other
  }
}

/// The processes at the other ends of some connections, as far as those are on this host.
public struct PeerIndex {
  /// nil: not known.
  private var processes: [Ends: Process?] = [:]

  public init() {}

  public mutating func want(_ record: KernelOrigin) { processes[Self.otherEnd(of: record)] = .some(nil) }

  /// A connection of this host, which may be the other end of one that is wanted.
  ///
  /// - Parameter holders: who has such sockets open, for one that nobody was seen to open.
  public mutating func add(_ record: KernelOrigin, _ holders: borrowing HolderIndex) {
    let ends = Ends(record.connection)
    guard processes[ends] != nil,
      let process = record.closer ?? record.opener ?? holders.holders(of: record.socket).first?.process
    else { return }
    processes[ends] = process
  }

  public func process(atOtherEndOf record: KernelOrigin) -> Process? {
    processes[Self.otherEnd(of: record)].flatMap(\.self)
  }

  private static func otherEnd(of record: KernelOrigin) -> Ends {
    record.farEnd.map { Ends($0) } ?? Ends(record.connection).reversed
  }
}
