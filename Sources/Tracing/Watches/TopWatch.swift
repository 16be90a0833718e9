import BPF
import Events
import System

/// What `top` shows, read from the kernel's counts a look at a time. Used on one thread.
public final class TopWatch {
  private let session: Session
  private var history: TimeWaitHistory
  private let counts: CountReader
  /// Of what processes are.
  private let ring: RingBuffer
  private var closeWaits: [Origin] = []
  private var nextWalk: UInt64 = 0
  private let leakNanoseconds: UInt64
  private let ports: [UInt32: Int]

  /// Loads and attaches the programs and reads what is open; when it returns, what happens is counted.
  ///
  /// - Throws: `TracingError` where this machine or its privileges do not allow it.
  public init(_ settings: TraceSettings) throws {
    var settings = settings
    settings.countsOnly = true
    settings.countsOpens = true
    settings.endsAlone = true
    leakNanoseconds = settings.minAgeNanoseconds
    session = try Session.start(settings)
    counts = CountReader(session)
    ring = try explained { [session] () throws -> RingBuffer in
      try RingBuffer.open("events", of: session.object)
    }
    history = TimeWaitHistory(since: Host.bootNanoseconds)
    _ = try explained { [session] in try session.seed() }
    // Namespaces are entered here for the last time: of a later one the ports are not known.
    var ports: [UInt32: Int] = [:]
    for namespace in NetworkNamespace.all() {
      ports[namespace.inode] = (try? namespace.enter { PortRange.ofThread?.size }) ?? nil
    }
    self.ports = ports
    try Capabilities.keep(session.plan.kept)
  }

  /// How often `settle` has to be called.
  public var roundNanoseconds: UInt64 { TraceSettings.roundNanoseconds }

  /// Finds the time_wait sockets that have entered TIME_WAIT and that no hook has told.
  public func settle() throws {
    try explained {
      try readContexts()
      try session.settle()
    }
  }

  private func readContexts() throws(BPFError) { try ring.consume { session.take($0) } }

  /// Which programs are used, and which better ones are not.
  public func startEvent(version: String) -> Start { session.startEvent(version: version) }

  /// Everything as it is now, and what was lost since the last look.
  public func look() throws -> (report: TopReport, losses: [Loss]) {
    try explained {
      try readContexts()
      try session.settle()
      history.look(at: Host.bootNanoseconds)
      try readCounts()
      try findCloseWaits()
    }
    let report = TopReport(
      history, closeWaits: closeWaits, leakNanoseconds: leakNanoseconds,
      seesAccepts: session.plan.seesAccepts, ports: ports, filter: session.settings.filter,
      context: { session.processes.context(of: $0) })
    return (report, session.takeLosses())
  }

  private func readCounts() throws(BPFError) {
    let now = Host.bootNanoseconds
    try counts.read(at: now) { history.enter($0) }
    history.forgetIdle { counts.forget($0) }
  }

  /// No hook runs for a CLOSE_WAIT: they are found where they are, by a walk over every open file of the host. It takes a
  /// twentieth of a core at the most, and what it found before is shown meanwhile.
  private func findCloseWaits() throws {
    let now = Host.bootNanoseconds
    guard now >= nextWalk else { return }
    let cpuTime = Host.threadCPUNanoseconds
    closeWaits.removeAll()
    let holders = try session.findHolders()
    try session.forEachOrigin(ofAnyAge: true, holders: holders) { closeWaits.append($0) }
    nextWalk = now + min(20 * (Host.threadCPUNanoseconds - cpuTime), Rounds.longestPause)
  }
}

extension PortRange {
  /// Of the network namespace that the calling thread is in; nil: not readable.
  fileprivate static var ofThread: PortRange? {
    NetworkReading.portRange.flatMap {
      PortRange($0, reserved: NetworkReading.reservedPorts.flatMap { reserved($0) })
    }
  }
}
