import Glibc

/// What threads are called, from /proc. Names are kept for a second, as a thread acts again and again. Used on one thread.
public final class ThreadNames {
  private var names: [UInt32: [UInt8]?] = [:]
  private var forgetsAt: UInt64 = 0
  private let isInitial = PidNamespace.isInitial

  public init() {}

  /// Up to 15 bytes that the thread chose; nil: it is over, or may not be asked.
  public subscript(pid: UInt32, tid: UInt32) -> [UInt8]? {
    guard isInitial else { return nil }
    let now = Host.bootNanoseconds
    if now >= forgetsAt {
      names.removeAll(keepingCapacity: true)
      forgetsAt = now + 1_000_000_000
    }
    if let known = names[tid] { return known }
    let name = (try? File.bytes("/proc/\(pid)/task/\(tid)/comm")).map { Array($0.prefix { $0 != 0x0a }) }
    names[tid] = .some(name)
    return name
  }
}
