/// How a report differs from the one before: what grows, and how long it can.
public struct LeakTrend: Sendable {
  private struct Key: Hashable {
    var pid: UInt32?
    var startedNanoseconds: UInt64?
    var reason: Reason?

    init(_ group: LeakReport.Group) {
      pid = group.process?.pid
      startedNanoseconds = group.process?.startedNanoseconds
      reason = group.reason
    }
  }

  private var counts: [Key: Int] = [:]
  private var secondsBetween: Double?

  /// Nothing to compare with yet.
  public init() {}

  /// - Parameter seconds: the time between the looks of the two reports.
  public init(since earlier: LeakReport, seconds: Double) {
    for group in earlier.leaks + earlier.stuck { counts[Key(group)] = group.count }
    secondsBetween = seconds
  }

  /// Connections a second; nil on the first look.
  public func growth(of group: LeakReport.Group) -> Double? {
    guard let secondsBetween, secondsBetween > 0 else { return nil }
    return Double(group.count - counts[Key(group), default: 0]) / secondsBetween
  }

  /// Seconds until a process that opens this many more a second has no descriptor left; nil if it is not growing.
  public static func secondsLeft(open: Int, limit: Int, growthPerSecond: Double) -> Double? {
    growthPerSecond > 0 ? Double(max(0, limit - open)) / growthPerSecond : nil
  }
}
