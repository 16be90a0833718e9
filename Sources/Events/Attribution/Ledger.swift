/// Decides which process is held responsible for a record of the kernel, and remembers which CLOSE_WAITs were reported.
///
/// The kernel sees who opened and who closed; the ledger weighs that, the holders read from open files, and
/// what was already told, and makes the events.
public struct Ledger {
  private let filter: OriginFilter
  /// Where only a changing set of processes counts: is it one of them?
  public var isFollowed: ((UInt32) -> Bool)?
  /// What a thread is called that has acted, as far as it can still be asked.
  public var threadName: ((Process) -> Comm?)?
  /// What a process is, beside its pid and its name.
  public var context: ((Process) -> ProcessContext?)?
  /// The CLOSE_WAITs that were told, by socket, so that an end follows each and nothing else.
  private var toldCloseWaits: Set<UInt64> = []

  public init(filter: OriginFilter = OriginFilter()) { self.filter = filter }

  /// Was this connection told to be in CLOSE_WAIT?
  public func hasTold(_ socket: UInt64) -> Bool { toldCloseWaits.contains(socket) }

  /// Adds what its processes are.
  private func describe(_ origin: inout Origin) {
    if let context { origin.describeProcesses(context) }
  }

  /// Adds the names of its threads.
  private func name(_ origin: inout Origin) {
    guard let threadName else { return }
    if let process = origin.process { origin.thread = threadName(process) }
    if let opener = origin.opener { origin.openerThread = threadName(opener.process) }
  }

  /// The events that one record of the kernel makes; none if the filter holds it back.
  ///
  /// - Parameters:
  ///   - holders: for `closeWait`, the descriptors of the socket that were found open.
  ///   - listeners: of `notAccepted`, the processes that have the listener.
  public mutating func enter(
    _ record: KernelOrigin, holders: [Holder] = [], listeners: [Holder] = [], clock: BootClock,
    _ emit: (Origin) -> Void
  ) {
    switch record.kind {
    case .timeWait:
      tell(Origin(record, .timeWait(cause: record.cause, enteredFrom: record.enteredFrom), clock), emit)
    case .finWait2: tell(Origin(record, .finWait2(cause: record.cause, age: record.age), clock), emit)
    case .reset: tell(Origin(record, .reset(cause: record.cause), clock), emit)
    case .gone: break
    case .closeWait:
      if tell(closeWait(record, holders: holders, listeners: listeners, clock: clock), emit) {
        toldCloseWaits.insert(record.socket)
      } else {
        toldCloseWaits.remove(record.socket)
      }
    case .closeWaitEnd:
      // It passed the minimum age and left before anybody looked: it is told now, and its end with it.
      let wasTold = toldCloseWaits.remove(record.socket) != nil
      guard wasTold || tell(closeWait(record, holders: [], listeners: [], clock: clock), emit) else { return }
      var end = Origin(record, .closeWaitEnd(cause: record.cause, held: record.age), clock)
      end.process = record.closer
      end.attribution = record.closer == nil ? .unknown : .traced
      describe(&end)
      name(&end)
      emit(end)
    }
  }

  @discardableResult
  private func tell(_ origin: consuming Origin, _ emit: (Origin) -> Void) -> Bool {
    describe(&origin)
    guard filter.passes(origin), isFollowed.map({ origin.isOfProcess(where: $0) }) ?? true else { return false }
    name(&origin)
    emit(origin)
    return true
  }

  /// A CLOSE_WAIT is the holder's. Among several the opener is meant, as the others got it from there.
  private func closeWait(
    _ record: KernelOrigin, holders: [Holder], listeners: [Holder], clock: BootClock
  ) -> Origin {
    let closeWait = Origin.CloseWait(
      reason: record.reason, age: record.age, unreadBytes: record.unreadBytes,
      unsentBytes: record.unsentBytes,
      holders: inherited(holders, opener: record.seenOpener, openedNanoseconds: record.openedNanoseconds),
      acceptQueue: record.reason == .notAccepted ? record.acceptQueue : nil,
      listeners: record.reason == .notAccepted ? listeners : [])
    var origin = Origin(record, .closeWait(closeWait), clock)
    if let main = holders.first(where: { $0.process.pid == record.opener?.pid }) ?? holders.first {
      origin.process = main.process
      origin.attribution = .holder
    }
    return origin
  }
}

private struct HeldDescriptor: Hashable {
  var pid: UInt32
  var descriptor: UInt32
}

/// Marks the processes that have inherited the socket: started after it was opened, not seen to open it, and their
/// parent opened it or has it by the same number.
private func inherited(_ holders: [Holder], opener: Opener?, openedNanoseconds: UInt64?) -> [Holder] {
  // The usual case of 200,000 leaks: nothing to allocate for.
  if holders.count == 1, holders[0].parent != opener?.process.pid { return holders }
  let held = Set(holders.map { HeldDescriptor(pid: $0.process.pid, descriptor: $0.descriptor) })
  let heirs = Set(
    holders.filter { holder in
      guard let parent = holder.parent, holder.process.startedNanoseconds >= openedNanoseconds ?? 0 else {
        return false
      }
      // Who reads first need not be who accepted.
      if let opener, opener.evidence != .firstRead, opener.process.pid == holder.process.pid { return false }
      return parent == opener?.process.pid
        || held.contains(HeldDescriptor(pid: parent, descriptor: holder.descriptor))
    }.map(\.process.pid))
  return holders.map { holder in
    var holder = holder
    holder.isInherited = heirs.contains(holder.process.pid)
    return holder
  }
}

extension Origin {
  /// Is the process held responsible one of these, or any of the holders?
  fileprivate func isOfProcess(where isMeant: (UInt32) -> Bool) -> Bool {
    if let process, isMeant(process.pid) { return true }
    guard case .closeWait(let closeWait) = kind else { return false }
    return closeWait.holders.contains { isMeant($0.process.pid) }
  }
}

extension KernelOrigin {
  /// Who was seen to open it. Who had it open when the tracer started need not be who opened it.
  fileprivate var seenOpener: Opener? {
    let evidence: Opener.Evidence? =
      switch openerSource {
      case .connect: .connect
      case .accept: .accept
      case .firstRead: .firstRead
      case .openFile, .none, .close, .listener: nil
      }
    guard let opener, let evidence else { return nil }
    return Opener(process: opener, evidence: evidence)
  }

  var age: Age {
    Age(
      nanoseconds: timeNanoseconds > sinceNanoseconds ? timeNanoseconds - sinceNanoseconds : 0,
      isEstimate: isSinceEstimate)
  }
}

extension Origin {
  /// With the closer, else the opener, held responsible.
  init(_ record: KernelOrigin, _ kind: Kind, _ clock: BootClock) {
    let attribution: Attribution =
      if record.closer != nil {
        .traced
      } else if record.opener == nil {
        .unknown
      } else {
        switch record.openerSource {
        case .openFile: .seeded
        case .listener: .listener
        case .none: .unknown
        case .connect, .accept, .firstRead, .close: .traced
        }
      }
    self.init(
      time: clock.wallTime(ofBoot: record.timeNanoseconds), connection: record.connection, role: record.role,
      process: record.closer ?? record.opener, attribution: attribution, opener: record.seenOpener,
      lifetimeNanoseconds: record.openedNanoseconds.map {
        record.timeNanoseconds > $0 ? record.timeNanoseconds - $0 : 0
      },
      bytesSent: record.bytesSent, bytesReceived: record.bytesReceived,
      kind: kind)
    peerProcess = record.peer
    farEnd = record.farEnd
  }
}
