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

  /// Who has a descriptor of the connection itself. By pid, then descriptor.
  public func holders(of socket: UInt64) -> [Holder] {
    entries(of: socket).filter { $0.queue == nil }.map(\.holder)
  }

  /// Who has the listener in whose queue the connection waits: each process once.
  public func listeners(of socket: UInt64) -> [Holder] {
    var found: [Holder] = []
    for entry in entries(of: socket)
    where entry.queue != nil && found.last?.process.pid != entry.holder.process.pid {
      found.append(entry.holder)
    }
    return found
  }

  /// With the owner of the listener in whose queue the connection waits, where that is how it is known.
  public func completing(_ record: KernelOrigin) -> KernelOrigin {
    guard record.kind == .closeWait, record.reason == .notAccepted,
      let found = entries(of: record.socket).first(where: { $0.queue != nil })
    else { return record }
    var record = record
    record.acceptQueue = found.queue
    if record.openerSource == .none {
      record.opener = found.holder.process
      record.openerSource = .listener
    }
    return record
  }

  private func entries(of socket: UInt64) -> ArraySlice<KernelHolder> {
    precondition(isSorted)
    var low = 0
    var high = found.count
    while low < high {
      let middle = (low + high) / 2
      if found[middle].socket < socket { low = middle + 1 } else { high = middle }
    }
    return found[low...].prefix { $0.socket == socket }
  }
}
