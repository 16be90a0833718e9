/// The holders of many sockets, as the kernel found them: a flat table, since there may be 200,000.
public struct HolderIndex: Sendable {
  private var found: [KernelHolder] = []
  private var isSorted = true

  public init() {}

  public mutating func insert(_ holder: KernelHolder) {
    found.append(holder)
    isSorted = false
  }

  /// Call it once all are in, before the first question.
  public mutating func sort() {
    found.sort {
      ($0.socket, $0.holder.process.pid, $0.holder.descriptor) < (
        $1.socket, $1.holder.process.pid, $1.holder.descriptor
      )
    }
    isSorted = true
  }

  /// By pid, then descriptor.
  public func holders(of socket: UInt64) -> [Holder] {
    precondition(isSorted)
    var low = 0
    var high = found.count
    while low < high {
      let middle = (low + high) / 2
      if found[middle].socket < socket { low = middle + 1 } else { high = middle }
    }
    return found[low...].prefix { $0.socket == socket }.map(\.holder)
  }
}
