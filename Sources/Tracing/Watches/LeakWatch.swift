import BPF
import Events
import System

/// What is in CLOSE_WAIT, or stuck in FIN_WAIT2, right now, on the whole host. Used on one thread.
public final class LeakWatch {
  private let session: Session
  public let settings: TraceSettings
  private let isLive: Bool
  private var isSeeded = false

  /// - Parameter isLive: true to look more than once, which takes the hooks; a single look needs none.
  public init(_ settings: TraceSettings, isLive: Bool) throws {
    var settings = settings
    // The ring is not read: waiting connections are found in the maps.
    settings.countsOnly = true
    // Who holds a connection is there: /proc says what it is.
    settings.introduces = false
    session = try Session.start(settings, attaches: isLive)
    self.settings = settings
    self.isLive = isLive
  }

  /// Hands out every connection that has been in its state for the minimum age.
  ///
  /// - Returns: what was lost since the look before.
  /// - Throws: `TracingError` where the kernel refuses a program that it has loaded.
  public func look(_ body: (Origin) -> Void) throws -> [Loss] {
    var holders: HolderIndex?
    if !isSeeded {
      holders = try explained { try session.seed() }
      // The next looks run programs again, which takes this one; without one, there is nothing more to do.
      try Capabilities.keep(isLive ? session.farEnds.needed.union([.bpf, .sysPtrace]) : Capabilities.current)
      isSeeded = true
    }
    try explained { try session.forEachOrigin(holders: holders, body) }
    return session.takeLosses()
  }

  /// Which programs are used, and which better ones are not.
  public func startEvent(version: String) -> Start { session.startEvent(version: version) }
}
