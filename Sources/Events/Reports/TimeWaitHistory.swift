/// What each flow made lately, out of counts that only grow.
public struct TimeWaitHistory: Sendable {
  /// TIME_WAIT lasts 60 s. Source: include/net/tcp.h, TCP_TIMEWAIT_LEN.
  private static let lastsNanoseconds: UInt64 = 60_000_000_000
  /// The resolution of the last 60 s: events older by less than this are still counted.
  private static let sliceNanoseconds: UInt64 = 5_000_000_000
  private static let slices = Int(lastsNanoseconds / sliceNanoseconds) + 1

  public struct Recent: Sendable {
    public var comm: Comm
    /// Since the look before.
    public fileprivate(set) var new = ConnectionCounts()
    /// TIME_WAITs in the last 60 s, so the most that can be there now.
    public fileprivate(set) var lately: UInt64 = 0
    fileprivate var total = ConnectionCounts()
    /// Nothing was counted for 5 to 10 s.
    public fileprivate(set) var isIdle = false
    /// When something was counted last.
    fileprivate var latestSlice: UInt64 = 0
    fileprivate var slices = [UInt32](repeating: 0, count: TimeWaitHistory.slices)
  }

  fileprivate static let idleSlices: UInt64 = 1

  public private(set) var flows: [CountedFlow: Recent] = [:]
  /// Between the two last looks.
  public private(set) var seconds: Double = 0
  private var slice: UInt64 = 0
  private var latestNanoseconds: UInt64

  /// - Parameter nanoseconds: CLOCK_BOOTTIME when the counting began.
  public init(since nanoseconds: UInt64) {
    latestNanoseconds = nanoseconds
    slice = nanoseconds / Self.sliceNanoseconds
  }

  /// Begins a look at this time, CLOCK_BOOTTIME: entries that follow belong to it.
  public mutating func look(at nanoseconds: UInt64) {
    seconds = Double(nanoseconds - latestNanoseconds) / 1e9
    latestNanoseconds = nanoseconds
    let now = nanoseconds / Self.sliceNanoseconds
    let passed = (0..<min(now - slice, UInt64(Self.slices))).map { Int((now - $0) % UInt64(Self.slices)) }
    slice = now
    for flow in flows.keys {
      flows[flow]?.beginLook(at: now)
      for index in passed { flows[flow]?.forget(index) }
    }
  }

  public mutating func enter(_ count: KernelCount) {
    let index = Int(slice % UInt64(Self.slices))
    flows[count.flow, default: Recent(comm: count.comm)].enter(count, index, slice)
  }

  /// Forgets the flows in which nothing was counted for longer than a TIME_WAIT lasts.
  ///
  /// - Parameter isGone: has the kernel forgotten the flow, so that its counts would begin anew? If not it is kept.
  public mutating func forgetIdle(_ isGone: (CountedFlow) -> Bool) {
    for (flow, recent) in flows
    where recent.lately == 0 && slice - recent.latestSlice >= UInt64(Self.slices) && isGone(flow) {
      flows[flow] = nil
    }
  }
}

extension TimeWaitHistory.Recent {
  fileprivate mutating func beginLook(at slice: UInt64) {
    new = ConnectionCounts()
    isIdle = slice - latestSlice > TimeWaitHistory.idleSlices
  }

  fileprivate mutating func enter(_ count: KernelCount, _ index: Int, _ slice: UInt64) {
    // An iteration over a changing map may hand out an element twice.
    let more = count.counts.since(total)
    guard more != ConnectionCounts() else { return }
    total += more
    comm = count.comm
    new += more
    latestSlice = slice
    isIdle = false
    lately += more.timeWaits
    slices[index] += UInt32(clamping: more.timeWaits)
  }

  fileprivate mutating func forget(_ index: Int) {
    lately -= UInt64(slices[index])
    slices[index] = 0
  }
}
