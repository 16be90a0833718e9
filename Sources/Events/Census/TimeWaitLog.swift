/// The TIME_WAITs that a trace saw begin and that may last still: whose they are.
public struct TimeWaitLog: Sendable {
  public struct Entry: Sendable {
    public var process: Process?
    public var role: Role
    var began: WallTime
  }

  /// TCP_TIMEWAIT_LEN, a constant of the kernel's, and a second for a timer that is late.
  private static let longest: Int64 = 61_000_000_000

  private var entries: [Connection: Entry] = [:]
  /// How many events the trace lost: each may have been a TIME_WAIT.
  public private(set) var lost: UInt64 = 0

  public init() {}

  public mutating func add(_ event: Event) {
    switch event {
    case .origin(let origin):
      guard case .timeWait = origin.kind else { return }
      var connection = origin.connection
      connection.isMapped = false
      entries[connection] = Entry(process: origin.process, role: origin.role, began: origin.time)
    case .lost(let loss): lost += loss.count
    case .start, .summary: break
    }
  }

  public mutating func add(lost count: UInt64) { lost += count }

  /// - Parameter connection: `isMapped` is false in any case.
  public subscript(connection: Connection) -> Entry? { entries[connection] }

  /// Forgets TIME_WAITs that have ended.
  public mutating func prune(now: WallTime) {
    entries = entries.filter { now.nanoseconds - $0.value.began.nanoseconds < Self.longest }
  }
}
