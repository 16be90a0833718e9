/// The summary at the end: events seen, events with a process, events lost.
public struct Summary: Sendable {
  public struct Count: Sendable, Equatable {
    public var seen = 0
    public var attributed = 0

    public var unknown: Int { seen - attributed }

    fileprivate mutating func count(isAttributed: Bool) {
      seen += 1
      if isAttributed { attributed += 1 }
    }

    static func += (left: inout Count, right: Count) { left = left + right }

    static func + (left: Count, right: Count) -> Count {
      Count(seen: left.seen + right.seen, attributed: left.attributed + right.attributed)
    }
  }

  /// Origins of one process.
  public struct Line: Sendable, Equatable {
    public var process: Process
    public var timeWait = 0
    public var closeWait = 0
    public var finWait2 = 0
    public var resets = 0

    var total: Int { timeWait + closeWait + finWait2 + resets }

    fileprivate mutating func add(_ other: Line) {
      timeWait += other.timeWait
      closeWait += other.closeWait
      finWait2 += other.finWait2
      resets += other.resets
    }

    fileprivate mutating func count(_ state: Origin.Kind) {
      switch state {
      case .timeWait: timeWait += 1
      case .closeWait: closeWait += 1
      case .finWait2: finWait2 += 1
      case .reset: resets += 1
      case .closeWaitEnd: break
      }
    }
  }

  public var time: WallTime
  public var durationNanoseconds: UInt64
  public var timeWait: Count
  public var closeWait: Count
  public var finWait2: Count
  /// That this host sent; nil where they were not asked for.
  public var resets: Count?
  public var lost: UInt64
  /// Of those, events that were counted here, and whose lines only are missing.
  public var unprinted: UInt64
  /// Most first.
  public var processes: [Line]
  /// The same of units and containers that more than three of these processes belong to, most first.
  public var services: [Service] = []
  /// Processes of which what they are was not kept.
  public var unkeptContexts: UInt64 = 0

  /// Processes of one container, or of one unit.
  public struct Service: Sendable, Equatable {
    public var name: String
    public var processes: Int
    /// Of all of them together, under the name of the first.
    public var sum: Line
  }
  /// Of a followed command; nil of a trace.
  public var verdict: Verdict?
  /// How a followed command ended, as a shell has it; nil of a trace.
  public var commandStatus: Int32?

  /// Did a command leak? Unknown if no leak was seen but events were lost that may have been one.
  public enum Verdict: Sendable, Equatable { case leaked, clean, unknown }
}

/// Counts events as they are told, and makes the summary of them.
public struct Tally {
  private var timeWait = Summary.Count()
  private var closeWait = Summary.Count()
  private var finWait2 = Summary.Count()
  private var resets: Summary.Count?
  private var lost: UInt64 = 0
  private var unprinted: UInt64 = 0
  private var mayHideLeak = false
  private var lines: [Process.Identity: Summary.Line] = [:]

  /// - Parameter withResets: they are asked for.
  public init(withResets: Bool = false) { resets = withResets ? Summary.Count() : nil }

  public mutating func count(_ loss: Loss) {
    lost += loss.count
    if loss.place == .output { unprinted += loss.count }
    if loss.mayHideLeak { mayHideLeak = true }
  }

  public mutating func count(_ origin: Origin) {
    let process = origin.process
    switch origin.kind {
    case .timeWait: timeWait.count(isAttributed: process != nil)
    case .closeWait: closeWait.count(isAttributed: process != nil)
    case .finWait2: finWait2.count(isAttributed: process != nil)
    case .reset: resets?.count(isAttributed: process != nil)
    case .closeWaitEnd: return
    }
    guard let process else { return }
    lines[process.identity, default: Summary.Line(process: process)].count(origin.kind)
  }

  /// Adds another account to this one.
  public mutating func add(_ other: Tally) {
    timeWait += other.timeWait
    closeWait += other.closeWait
    finWait2 += other.finWait2
    if let more = other.resets { resets = (resets ?? Summary.Count()) + more }
    lost += other.lost
    unprinted += other.unprinted
    mayHideLeak = mayHideLeak || other.mayHideLeak
    for (key, line) in other.lines {
      lines[key, default: Summary.Line(process: line.process)].add(line)
    }
  }

  /// - Parameter leaks: CLOSE_WAITs, without those of relays and those whose peer still reads.
  public func verdict(leaks: Int) -> Summary.Verdict {
    leaks > 0 ? .leaked : mayHideLeak ? .unknown : .clean
  }

  public func summary(time: WallTime, durationNanoseconds: UInt64) -> Summary {
    let processes = lines.values.sorted {
      ($1.total, $0.process.pid) < ($0.total, $1.process.pid)
    }
    var summary = Summary(
      time: time, durationNanoseconds: durationNanoseconds, timeWait: timeWait, closeWait: closeWait,
      finWait2: finWait2, resets: resets, lost: lost, unprinted: unprinted, processes: processes)
    summary.services = services(of: processes)
    return summary
  }

  /// A person reads the lines of so many processes by themselves.
  private static let mostAlone = 3

  private func services(of processes: [Summary.Line]) -> [Summary.Service] {
    Dictionary(grouping: processes) { $0.process.context?.service }.compactMap {
      name, lines -> Summary.Service? in
      guard let name, lines.count > Self.mostAlone, var sum = lines.first else { return nil }
      for line in lines.dropFirst() { sum.add(line) }
      return Summary.Service(name: name, processes: lines.count, sum: sum)
    }.sorted { ($1.sum.total, $0.name) < ($0.sum.total, $1.name) }
  }
}
