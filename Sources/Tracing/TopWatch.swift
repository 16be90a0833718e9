import BPF
import Events
import System

/// What `top` shows, read from the kernel's counts a look at a time. Used on one thread.
public final class TopWatch {
  private let session: Session
  private var history: TimeWaitHistory
  private var closeWaits: [Origin] = []
  private var nextWalk: UInt64 = 0
  private var generationBegan = Host.bootNanoseconds
  /// Of each flow, what generations had counted that are deleted.
  private var settled: [CountedFlow: UInt64] = [:]
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
    _ = try explained { [session] in try session.seed() }
    // Namespaces are entered here for the last time: of a later one the ports are not known.
    var ports: [UInt32: Int] = [:]
    for namespace in NetworkNamespace.all() {
      ports[namespace.inode] = (try? namespace.enter { PortRange.size }) ?? nil
    }
    self.ports = ports
    try Capabilities.keep(session.plan.kept)
  }

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
      try readCounts()
      try findCloseWaits()
    }
    let report = TopReport(
      history, closeWaits: closeWaits, leakNanoseconds: leakNanoseconds, ports: ports,
      filter: session.settings.filter)
    return (report, session.takeLosses())
  }

  /// A flow may be counted in two generations. An older one grows no more once the programs that were at work as it ended are
  /// done; then its elements are deleted, and what they had counted is kept here.
  private func readCounts() throws(BPFError) {
    // An element may come twice.
    var elements: [[UInt8]: KernelCount] = [:]
    try session.object.forEachElement(of: "counts") { key, shares in
      if let count = try? KernelCount(key: key, shares: shares) { elements[count.key] = count }
    }
    let now = Host.bootNanoseconds
    let generation = UInt8(session.object.generation)
    let isFinal = now >= generationBegan + Self.longestRunNanoseconds
    var flows: [CountedFlow: KernelCount] = [:]
    for element in elements.values {
      let before = flows[element.flow]?.timeWaits ?? settled[element.flow, default: 0]
      flows[element.flow] = element
      flows[element.flow]?.timeWaits += before
    }
    for sum in flows.values { history.enter(sum) }
    for element in elements.values where isFinal && element.generation != generation {
      session.object.delete(element.key, from: "counts")
      settled[element.flow, default: 0] += element.timeWaits
    }
    history.forgetIdle { flow in
      guard flows[flow] == nil else { return false }
      settled[flow] = nil
      return true
    }
    guard now >= generationBegan + Self.generationNanoseconds else { return }
    session.object.generation = UInt32(generation &+ 1)
    generationBegan = now
  }

  /// Longer than a TIME_WAIT lasts.
  private static let generationNanoseconds: UInt64 = 65_000_000_000
  /// No program that has read the generation is at work any more.
  private static let longestRunNanoseconds: UInt64 = 1_000_000_000

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
