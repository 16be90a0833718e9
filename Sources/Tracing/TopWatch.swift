import BPF
import Events
import System

/// What `top` shows, read from the kernel's counts a look at a time. Used on one thread.
public final class TopWatch {
  private let session: Session
  private var history: TimeWaitHistory
  private var closeWaits: [Origin] = []
  private var nextWalk: UInt64 = 0
  private var nextSeeding: UInt64
  private let leakNanoseconds: UInt64
  private let ports: [UInt32: Int]

  /// Loads and attaches the programs and reads what is open; when it returns, what happens is counted.
  ///
  /// - Throws: `TracingError` where this machine or its privileges do not allow it.
  public init(_ settings: TraceSettings) throws {
    var settings = settings
    settings.countsOnly = true
    settings.endsAlone = true
    leakNanoseconds = settings.minAgeNanoseconds
    session = try Session.start(settings)
    history = TimeWaitHistory(since: Host.bootNanoseconds)
    try explained { [session] in try session.seed() }
    nextSeeding = Host.bootNanoseconds + Self.seedingNanoseconds
    // Namespaces are entered here for the last time: of a later one the ports are not known.
    var ports: [UInt32: Int] = [:]
    for namespace in NetworkNamespace.all() {
      ports[namespace.inode] = (try? namespace.enter { PortRange.size }) ?? nil
    }
    self.ports = ports
    try Capabilities.keep(.bpf)
  }

  /// A CLOSE_WAIT that no program saw begin is found after so long.
  private static let seedingNanoseconds: UInt64 = 10_000_000_000

  /// How often `settle` has to be called.
  public var roundNanoseconds: UInt64 { TraceSettings.roundNanoseconds }

  /// Finds the small sockets that have entered TIME_WAIT and that no hook has told.
  public func settle() throws { try explained { try session.settle() } }

  /// Which programs are used, and which better ones are not.
  public func startEvent(version: String) -> Start { session.startEvent(version: version) }

  /// Everything as it is now, and what was lost since the last look.
  public func look() throws -> (report: TopReport, losses: [Loss]) {
    try explained {
      try session.settle()
      history.look(at: Host.bootNanoseconds)
      try session.object.forEachElement(of: "counts") { key, shares in
        if let count = try? KernelCount(key: key, shares: shares) { history.enter(count) }
      }
      history.forgetIdle(take)
      try findCloseWaits()
    }
    let report = TopReport(
      history, closeWaits: closeWaits, leakNanoseconds: leakNanoseconds, ports: ports,
      filter: session.settings.filter)
    return (report, session.takeLosses())
  }

  private func take(_ key: [UInt8]) -> KernelCount? {
    var last: KernelCount?
    _ = session.object.take(key, fromPerCPUMap: "counts") { key, shares in
      last = try? KernelCount(key: key, shares: shares)
    }
    return last
  }

  /// This walks every open file of the host while anything is in CLOSE_WAIT: it takes a twentieth of a core at the
  /// most, and what it found before is shown meanwhile.
  private func findCloseWaits() throws {
    let now = Host.bootNanoseconds
    guard now >= nextWalk else { return }
    let cpuTime = Host.threadCPUNanoseconds
    closeWaits.removeAll()
    if now >= nextSeeding {
      try session.seedFromFiles()
      nextSeeding = now + Self.seedingNanoseconds
    }
    try session.forEachOrigin(ofAnyAge: true) { closeWaits.append($0) }
    nextWalk = now + min(20 * (Host.threadCPUNanoseconds - cpuTime), Session.longestPause)
  }
}
