/// Which origins are told. Ports, family and network namespace are filtered by the kernel already, as are the
/// pids of a TIME_WAIT and of a FIN_WAIT2; what is left needs the holders or a name.
public struct OriginFilter: Sendable {
  /// As `--state` names them.
  public enum Kind: String, Sendable, CaseIterable {
    case timeWait = "time_wait"
    case closeWait = "close_wait"
    case finWait2 = "fin_wait2"
    case reset

    /// Shown by default.
    public static let usual: Set<Kind> = [.timeWait, .closeWait, .finWait2]
  }

  /// Empty: every process.
  public var pids: Set<UInt32> = []
  /// Empty: every name.
  public var comms: Set<Comm> = []
  /// nil: both.
  public var role: Role?
  /// Empty: every peer.
  public var peers: [PeerPattern] = []
  /// By unit, container, user and the like.
  public var context = ContextFilter()

  public init() {}

  /// Is every process meant?
  private var takesAnyProcess: Bool { pids.isEmpty && comms.isEmpty && context.isEmpty }

  func passes(_ origin: Origin) -> Bool {
    if let role, origin.role != role { return false }
    if !peers.isEmpty, !peers.contains(where: { $0.matches(origin.connection) }) { return false }
    if takesAnyProcess { return true }
    if let process = origin.process, passes(process) { return true }
    guard case .closeWait(let closeWait) = origin.kind else { return false }
    return closeWait.holders.contains { passes($0.process) }
  }

  /// Of a census, by the process that it names.
  func passes(_ group: SocketCensus.Group) -> Bool {
    if let role, group.role != role { return false }
    if takesAnyProcess { return true }
    return group.owner.process.map { passes($0) } ?? false
  }

  /// - Parameter context: what the process is, where that is asked for.
  func passes(_ flow: CountedFlow, _ comm: Comm, _ context: ProcessContext?) -> Bool {
    if let role, flow.role != role { return false }
    if !peers.isEmpty, !peers.contains(where: { $0.matches(flow) }) { return false }
    return flow.process.map { passes(pid: $0.pid, comm, context) } ?? takesAnyProcess
  }

  private func passes(_ process: Process) -> Bool { passes(pid: process.pid, process.comm, process.context) }

  private func passes(pid: UInt32, _ comm: Comm, _ context: ProcessContext?) -> Bool {
    (pids.isEmpty || pids.contains(pid)) && (comms.isEmpty || comms.contains(comm))
      && self.context.passes(context)
  }
}
