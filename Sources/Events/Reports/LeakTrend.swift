/// How a report differs from the one before: what grows, and how long it can.
public struct LeakTrend: Sendable {
  private var counts: [LeakReport.Key: Int] = [:]
  private var descriptors: [Process.Identity: Int] = [:]
  private var secondsBetween: Double?

  /// Nothing to compare with yet.
  public init() {}

  /// - Parameters:
  ///   - descriptors: how many each process had open then.
  ///   - seconds: the time between the looks of the two reports.
  public init(since earlier: LeakReport, descriptors: [Process.Identity: Int], seconds: Double) {
    for group in earlier.leaks + earlier.stuck { counts[group.key] = group.count }
    self.descriptors = descriptors
    secondsBetween = seconds
  }

  /// Connections a second; nil on the first look.
  public func growth(of group: LeakReport.Group) -> Double? {
    guard let secondsBetween, secondsBetween > 0 else { return nil }
    return Double(group.count - counts[group.key, default: 0]) / secondsBetween
  }

  /// Open descriptors a second, whatever they are of; nil if they were not counted before.
  public func descriptorGrowth(of process: Process, open: Int) -> Double? {
    guard let secondsBetween, secondsBetween > 0, let before = descriptors[process.identity] else { return nil }
    return Double(open - before) / secondsBetween
  }

  /// Seconds until a process that opens this many more a second has no descriptor left; nil if it is not growing, or has
  /// enough for years.
  public static func secondsLeft(open: Int, limit: Int, growthPerSecond: Double) -> Double? {
    guard growthPerSecond > 0 else { return nil }
    let seconds = Double(max(0, limit - open)) / growthPerSecond
    return seconds < longestForecast ? seconds : nil
  }

  /// Ten years: no figure of a minute tells more.
  private static let longestForecast = 10.0 * 365 * 86_400
}
