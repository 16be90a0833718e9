import BPF
import CSystem
import Events
import System

/// What to count, and by what.
public struct CensusSettings: Sendable {
  public var filters: TraceSettings
  public var states = Set(TCPState.allCases)
  public var details: SocketCensus.Details

  public init(_ filters: TraceSettings = TraceSettings(), details: SocketCensus.Details = []) {
    self.filters = filters
    self.details = details
  }
}

/// Counts the TCP sockets of every network namespace by NETLINK_SOCK_DIAG: nothing is attached, and nothing is left in the
/// kernel. Each look stands for itself. Whose a socket is takes a pass over every open file, with CAP_BPF and CAP_PERFMON, or
/// over /proc; other namespaces than one's own take CAP_SYS_ADMIN.
public enum CensusReader {
  /// What a census is read by, and what is done without.
  public struct Means: Sendable {
    public var hooks = ["NETLINK_SOCK_DIAG"]
    public var refusals: [Start.Refusal] = []
  }

  /// One look, on the calling thread, which visits every network namespace meanwhile.
  ///
  /// - Parameter listsTimeWaits: each TIME_WAIT is listed by itself and not counted, to be resolved with what a trace
  ///   has seen. Without it none has an owner.
  /// - Throws: `TracingError` where this machine or its privileges do not allow it.
  public static func read(
    _ settings: CensusSettings, listsTimeWaits: Bool = false
  ) throws -> (census: SocketCensus, means: Means) {
    do throws(SystemError) {
      _ = try SocketDiagnosis.open()
    } catch {
      throw TracingError(problem: "\(error)", mend: "load the kernel's module for it: modprobe tcp_diag")
    }
    var means = Means()
    var owners = SocketOwners()
    var census = SocketCensus()
    if settings.details.contains(.owner) {
      // A socket has a cookie, by which the programs name it, once somebody has asked for it.
      try forEachNamespace(settings.filters) { _ in
        try SocketDiagnosis.open().forEachSocket(states: ~TCPState.timeWait.bit, withCounts: false) { _ in }
      }
      owners = try SocketOwners.read(settings.filters)
      if settings.details.contains(.context) { owners.describe() }
      means.hooks += owners.refusal == nil ? [KernelProgram.visitFiles.hook] : ["/proc"]
      means.refusals = owners.refusal.map { [$0] } ?? []
    }
    census.unreadNamespaces = try forEachNamespace(settings.filters) { netns in
      try settings.count(netns, owners, listsTimeWaits: listsTimeWaits, into: &census)
      census.namespaces.append(netns)
    }
    return (census, means)
  }

  /// - Returns: how many may not be entered.
  @discardableResult
  private static func forEachNamespace(
    _ filters: TraceSettings, _ body: (_ netns: UInt32) throws -> Void
  ) throws -> Int {
    var unread = 0
    for namespace in NetworkNamespace.all() where filters.netns == nil || filters.netns == namespace.inode {
      do {
        try namespace.enter { try body(namespace.inode) }
      } catch let error as SystemError {
        // It may have vanished between the listing and the visit; a refusal is told.
        if error.isPermission { unread += 1 }
      }
    }
    return unread
  }
}

extension CensusSettings {
  /// Adds the sockets of the network namespace that the calling thread is in.
  fileprivate func count(
    _ netns: UInt32, _ owners: SocketOwners, listsTimeWaits: Bool, into census: inout SocketCensus
  ) throws(SystemError) {
    // The kernel has one table for all namespaces, and goes over the whole of it for each.
    if let usage = SocketUsage.ofThread, usage.inUse == 0, usage.timeWaitSockets == 0 { return }
    let diagnosis = try SocketDiagnosis.open()
    var listeners = Listeners()
    if !details.isDisjoint(with: [.role, .tuple, .owner]) {
      try diagnosis.forEachSocket(states: TCPState.listen.bit) { listeners.insert($0) }
    }
    let needsCounts = !details.isDisjoint(with: [.role, .tuple])
    try diagnosis.forEachSocket(states: diagnosedStates, withCounts: needsCounts) { socket in
      // As the kernel numbers them request sockets are in a state of their own.
      let state =
        socket.state == TCPState.requestSocket ? .synReceived : socket.tcpState
      guard let state, states.contains(state) else { return }
      guard needsTuple || listsTimeWaits || details.contains(.owner) else {
        return census.add(.init(state: state, netns: netns), .init(sockets: 1))
      }
      let connection = socket.connection(netns: netns)
      guard filters.passes(connection) else { return }
      let role = listeners.role(of: socket, state)
      if listsTimeWaits && state == .timeWait {
        return census.timeWaits.append(ListedTimeWait(connection: connection, role: role))
      }
      if details.contains(.tuple), role != .server, state != .listen { census.addPort(connection) }
      var group = SocketCensus.Group(connection, state, role)
      var count = SocketCensus.Count(sockets: 1)
      if details.contains(.owner) {
        let known = owners.of(socket)
        group.owner = known?.owner ?? listeners.owner(of: socket, state, owners)
        count.shared = known?.holders ?? 0 > 1 ? 1 : 0
      }
      census.add(group.reduced(to: details), count)
    }
  }

  private var needsTuple: Bool {
    !details.isEmpty || filters.family != nil || filters.localPorts != nil || filters.peerPorts != nil
  }

  private var diagnosedStates: UInt32 {
    let asked = states.reduce(0) { $0 | $1.bit }
    return states.contains(.synReceived) ? asked | 1 << UInt32(TCPState.requestSocket) : asked
  }
}

extension TraceSettings {
  fileprivate func passes(_ connection: Connection) -> Bool {
    if let family, family != connection.family { return false }
    if let localPorts, !localPorts.contains(connection.local.port) { return false }
    if let peerPorts, !peerPorts.contains(connection.peer.port) { return false }
    return true
  }
}

/// The listeners of a network namespace: whose ports tell a server.
private struct Listeners {
  private var byPort: [UInt16: [DiagnosedSocket]] = [:]

  mutating func insert(_ socket: DiagnosedSocket) { byPort[socket.local_port, default: []].append(socket) }

  /// A time_wait socket knows nothing of it, yet connect() takes no local port that somebody listens at.
  func role(of socket: DiagnosedSocket, _ state: TCPState) -> Role {
    switch (state, socket.role) {
    case (.listen, _), (_, 2): .server
    case (.synSent, _), (_, 1): .client
    default: byPort[socket.local_port] == nil ? .unknown : .server
    }
  }

  /// Of a socket that no process has. Several listeners may share a port: which of them has it is not known here.
  func owner(
    of socket: DiagnosedSocket, _ state: TCPState, _ owners: SocketOwners
  ) -> SocketCensus.Owner {
    switch state {
    case .timeWait: return .beforeWatch
    // One with a file was accepted, and no process has it: it is in flight, or registered with io_uring.
    case .established, .closeWait, .synReceived:
      guard socket.inode == 0 else { return .unknown }
      let candidates = byPort[socket.local_port, default: []].filter { $0.accepts(socket) }
      guard candidates.count == 1, case .holder(let process)? = owners.of(candidates[0])?.owner else {
        return .unknown
      }
      return .listener(process)
    default: return socket.inode == 0 ? .closed : .unknown
    }
  }
}
