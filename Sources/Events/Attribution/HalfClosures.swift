/// Which connections wait for each other on this host.
///
/// A process that reads the end of file of one connection and calls shutdown() on another within a moment passes the
/// end on: it is a relay, and closes both when the far end does. A CLOSE_WAIT whose peer has only called shutdown() is
/// waited for: the peer reads on. Neither is a leak.
public struct HalfClosures: Sendable {
  /// A connection, and when it left its state; nil: it is in it still.
  public struct Stay: Sendable {
    public var origin: Origin
    public var end: WallTime?

    public init(_ origin: Origin, end: WallTime? = nil) {
      (self.origin, self.end) = (origin, end)
    }

    fileprivate var since: Int64 {
      origin.time.nanoseconds - Int64(clamping: origin.kind.age?.nanoseconds ?? 0)
    }
  }

  public enum Part: Sendable, Hashable {
    /// Its process does not close it.
    case leak
    /// Its process has passed the end on, and waits for another connection.
    case relayed
    /// Its peer waits for what its process still sends.
    case awaited
  }

  private var stays: [Ends: Stay] = [:]
  /// From a CLOSE_WAIT to the connection that its process has passed the end on to, and back.
  private var successors: [Ends: Ends] = [:]
  private var predecessors: [Ends: Ends] = [:]

  /// The other end of each, where address translation lies between.
  private var translated: [Ends: Ends] = [:]
  private let now: WallTime

  /// - Parameters:
  ///   - stays: in CLOSE_WAIT and FIN_WAIT2.
  ///   - now: when those that have no end were looked at.
  public init(_ stays: [Stay], now: WallTime) {
    self.now = now
    for stay in stays {
      let ends = Ends(stay.origin.connection)
      self.stays[ends] = stay
      if let farEnd = stay.origin.farEnd {
        translated[ends] = Ends(farEnd)
        translated[Ends(farEnd)] = ends
      }
    }
    let byProcess = Dictionary(grouping: stays.filter { $0.origin.process != nil }) {
      $0.origin.process?.identity
    }
    for (_, stays) in byProcess { match(stays) }
  }

  /// A relay passes the end on as soon as it has written what it read before.
  private static let longestDelay: Int64 = 1_000_000_000

  /// Each half-close with the latest CLOSE_WAIT of the same process that may have caused it.
  private mutating func match(_ stays: [Stay]) {
    let sorted = stays.sorted { $0.since < $1.since }
    var open = sorted.filter { $0.origin.hasReadEnd }
    let passed = sorted.filter { $0.origin.isHalfClosed }
    // Prefer pairs in the right order of time; ages of connections older than the trace are estimates.
    match(&open, passed, earliest: 0)
    let isEstimate = { (stay: Stay) in stay.origin.kind.age?.isEstimate != false }
    let rest = passed.filter { isEstimate($0) && predecessors[Ends($0.origin.connection)] == nil }
    open = open.filter(isEstimate)
    match(&open, rest, earliest: -Self.longestDelay)
  }

  /// Both are sorted by time, so only entries within one moment are compared.
  private mutating func match(_ open: inout [Stay], _ passed: [Stay], earliest: Int64) {
    var early: [Stay] = []
    var next = 0
    for passed in passed {
      while next < open.count, passed.since - open[next].since >= earliest {
        early.append(open[next])
        next += 1
      }
      let recent = early.indices.reversed().lazy.prefix { passed.since - early[$0].since <= Self.longestDelay }
      let index = recent.first {
        !leads(from: Ends(passed.origin.connection), to: Ends(early[$0].origin.connection))
      }
      guard let index else { continue }
      let read = early.remove(at: index)
      // A relay closes when the other end is over; this one waits on.
      guard !outlasts(read, passed) else { continue }
      successors[Ends(read.origin.connection)] = Ends(passed.origin.connection)
      predecessors[Ends(passed.origin.connection)] = Ends(read.origin.connection)
    }
    open = early + open[next...]
  }

  /// Does this half-close, by its other end and what that was passed on to, come back to this CLOSE_WAIT?
  private func leads(from start: Ends, to end: Ends) -> Bool {
    var next: Ends? = start
    for _ in 0..<Self.longestChain {
      guard let here = next else { return false }
      let other = otherEnd(of: here)
      if other == end { return true }
      next = successors[other]
    }
    return false
  }

  /// Has it lasted for more than a moment after the other was over?
  private func outlasts(_ stay: Stay, _ other: Stay) -> Bool {
    guard let otherEnd = other.end else { return false }
    return (stay.end ?? now).nanoseconds - otherEnd.nanoseconds > Self.longestDelay
  }

  private func otherEnd(of ends: Ends) -> Ends { translated[ends] ?? ends.reversed }

  public func part(of connection: Connection) -> Part {
    if successors[Ends(connection)] != nil { return .relayed }
    return isAwaited(Ends(connection), connection, depth: 0) ? .awaited : .leak
  }

  /// The connection that a relay has passed the end on to.
  public func successor(of connection: Connection) -> Origin? {
    successors[Ends(connection)].flatMap { stays[$0]?.origin }
  }

  /// Has a relay passed an end on to this connection?
  public func isPassedOn(_ connection: Connection) -> Bool { predecessors[Ends(connection)] != nil }

  /// The other end, if it is on this host, and in CLOSE_WAIT or FIN_WAIT2.
  public func peer(of connection: Connection) -> Origin? { stays[otherEnd(of: Ends(connection))]?.origin }

  /// Longer chains of relays are not followed.
  private static let longestChain = 16

  private func isAwaited(_ ends: Ends, _ connection: Connection, depth: Int) -> Bool {
    guard depth < Self.longestChain, let peer = stays[otherEnd(of: Ends(connection))],
      peer.origin.isHalfClosed, let own = stays[ends], !outlasts(own, peer)
    else { return false }
    // A relay waits for its client's sake, if that has not gone.
    guard let before = predecessors[Ends(peer.origin.connection)], let client = stays[before]?.origin.connection
    else { return true }
    // A client on another host is not seen.
    guard stays[otherEnd(of: Ends(client))] != nil || !isLocal(client) else { return false }
    return !isLocal(client) || isAwaited(before, client, depth: depth + 1)
  }

  private func isLocal(_ connection: Connection) -> Bool {
    connection.peer.address == connection.local.address || connection.peer.address.isLoopback(connection.family)
  }
}

extension Origin {
  /// It has called shutdown(), and reads on.
  public var isHalfClosed: Bool {
    guard case .finWait2(let cause, _) = kind else { return false }
    return cause == .shutdown && process != nil
  }

  fileprivate var hasReadEnd: Bool {
    guard case .closeWait(let closeWait) = kind else { return false }
    return closeWait.reason == .eofRead
  }
}

extension Origin.Kind {
  public var age: Age? {
    switch self {
    case .closeWait(let closeWait): closeWait.age
    case .finWait2(_, let age), .closeWaitEnd(_, let age): age
    case .timeWait, .reset: nil
    }
  }
}

extension Address {
  /// 127.0.0.0/8 or ::1. An IPv4 address is in the lower 32 bits.
  public func isLoopback(_ family: Family) -> Bool {
    family == .ipv4 ? low >> 24 == 127 : (high, low) == (0, 1)
  }
}
