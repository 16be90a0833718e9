import BPF
import Events
import System

/// What is in CLOSE_WAIT, or stuck in FIN_WAIT2, right now, on the whole host. Used on one thread.
public final class LeakWatch {
  private let session: Session
  private let isLive: Bool
  private var isSeeded = false

  /// - Parameter isLive: true to look more than once, which takes the hooks; a single look needs none.
  public init(_ settings: TraceSettings, isLive: Bool) throws {
    session = try Session.start(settings, attaches: isLive)
    self.isLive = isLive
  }

  /// Hands out every connection that has been in its state for the minimum age.
  public func look(_ body: (Origin) -> Void) throws {
    if !isSeeded {
      try session.seed()
      // The next looks make iterators anew, which takes this one; without one, there is nothing more to do.
      try Capabilities.keep(isLive ? [.bpf, .sysPtrace] : Capabilities.current)
      isSeeded = true
    }
    try session.forEachOrigin(body)
  }
}
