import BPF
import Events
import System

/// Reads what the programs count by process and peer, and has them forget what is idle. Used on one thread.
final class CountReader {
  private let session: Session
  private var generationBegan = Host.bootNanoseconds
  /// Of each flow, what generations had counted that are deleted.
  private var settled: [CountedFlow: ConnectionCounts] = [:]
  private var present: Set<CountedFlow> = []

  init(_ session: Session) { self.session = session }

  /// Hands out the sums of all flows since the start.
  ///
  /// A flow may be counted in two generations. An older one grows no more once the programs that were at work as it ended
  /// are done; then its elements are deleted, and what they had counted is kept here.
  func read(at now: UInt64, _ body: (KernelCount) -> Void) throws(BPFError) {
    // An element may come twice.
    var elements: [[UInt8]: KernelCount] = [:]
    try session.object.forEachElement(of: "counts") { key, shares in
      if let count = try? KernelCount(key: key, shares: shares) { elements[count.key] = count }
    }
    let generation = UInt8(session.object.generation)
    let isFinal = now >= generationBegan + Self.longestRunNanoseconds
    var flows: [CountedFlow: KernelCount] = [:]
    for element in elements.values {
      var sum = element
      sum.counts += flows[element.flow]?.counts ?? settled[element.flow, default: ConnectionCounts()]
      flows[element.flow] = sum
    }
    for sum in flows.values { body(sum) }
    for element in elements.values where isFinal && element.generation != generation {
      session.object.delete(element.key, from: "counts")
      settled[element.flow, default: ConnectionCounts()] += element.counts
    }
    present = Set(flows.keys)
    guard now >= generationBegan + Self.generationNanoseconds else { return }
    session.object.generation = UInt32(generation &+ 1)
    generationBegan = now
  }

  /// - Returns: false if the kernel counts the flow still.
  func forget(_ flow: CountedFlow) -> Bool {
    guard !present.contains(flow) else { return false }
    settled[flow] = nil
    return true
  }

  /// Longer than a TIME_WAIT lasts.
  private static let generationNanoseconds: UInt64 = 65_000_000_000
  /// No program that has read the generation is at work any more.
  private static let longestRunNanoseconds: UInt64 = 1_000_000_000
}
