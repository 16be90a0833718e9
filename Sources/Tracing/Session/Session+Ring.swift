import BPF
import CWire
import Events
import System

/// From the ring buffer to events, on one thread.
extension Session {
  /// Reads until `isStopping`, then once more, so that nothing that happened before is left out.
  func run(into queue: EventQueue, isStopping: () -> Bool) throws {
    let ring = try RingBuffer.open("events", of: object)
    // Iterators are made anew for each round, and programs are run, which takes this one; namespaces are not entered any more.
    try Capabilities.keep(plan.kept.union(farEnds.needed))
    while !isStopping() {
      try ring.wait(milliseconds: 100)
      try read(ring)
      queue.push(takeBatch())
    }
    rounds = Rounds(toldBefore: rounds)
    if settings.tellsAllAtEnd { rounds.told = [] }
    try read(ring)
    // Report every connection that the followed processes leave behind, whatever its age.
    if settings.followsChildren { try tellWaiting(minAge: 0) }
    queue.push(takeBatch())
  }

  func takeBatch() -> [Event] {
    defer { batch.removeAll() }
    return batch
  }

  private func read(_ ring: borrowing RingBuffer) throws {
    noteClocks()
    try ring.consume(take)
    let now = Host.bootNanoseconds
    guard now >= rounds.next else { return }
    rounds.next = now + TraceSettings.roundNanoseconds
    try playRound()
    try ring.consume(take)
    noteLosses()
  }

  /// A record of the ring: of a connection, or of a process that is named for the first time.
  func take(_ record: RawSpan) {
    guard record.byteCount == KernelContext.size else { return enter(decode(record)) }
    guard let context = try? KernelContext(record) else { return note(1, .malformed) }
    judge(context, processes.introduce(context))
  }

  /// Where filters ask for a user or a cgroup: the kernel needs not tell of this process, nor of others like it.
  private func judge(_ record: KernelContext, _ context: ProcessContext) {
    let filter = settings.filter.context
    guard object.filtersGroups else { return }
    // Of a control group, or a container's name, that is not known now, more may be known later.
    if filter.asksForCgroup {
      guard let cgroup = context.cgroup, !cgroup.lacksName else { return }
    }
    object.setVerdict(
      filter.passesGroup(of: context), user: record.user, cgroup: record.cgroup, pid: record.process.pid)
  }

  /// The machine may have slept, and the time of day may have been set.
  func noteClocks() {
    clock.offsetNanoseconds = Host.bootClockOffsetNanoseconds
    object.suspendedNanoseconds = Host.suspendedNanoseconds
  }

  func enter(_ record: KernelOrigin?, holders: [Holder] = [], listeners: [Holder] = []) {
    guard var record else { return }
    if record.kind == .closeWaitEnd || record.kind == .timeWait { rounds.told.remove(name(of: record)) }
    if record.kind == .timeWait && record.peer == nil {
      record.farEnd = farEnds.translated(record.connection)
      record.peer = record.farEnd.flatMap { object.peer(of: $0, at: record.timeNanoseconds) }
    }
    ledger.enter(record, holders: holders, listeners: listeners, clock: clock) { batch.append(.origin($0)) }
  }

  /// The programs and this reader are built from one header; what does not fit is lost, and counted.
  func decode(_ record: RawSpan) -> KernelOrigin? {
    let origin = try? KernelOrigin(record)
    if origin == nil { note(1, .malformed) }
    return origin
  }
}

/// What could not be kept.
extension Session {
  /// Losses since the last call.
  func takeLosses() -> [Loss] {
    noteLosses()
    return takeBatch().compactMap { if case .lost(let loss) = $0 { loss } else { nil } }
  }

  private func noteLosses() {
    let losses = object.losses
    note(upTo: losses.ring_full, .ringBuffer)
    note(upTo: losses.openers_full + losses.connections_full, .socketMemory)
    note(upTo: losses.targets_full, .followedProcesses)
    note(upTo: losses.counts_full, .counts)
    unkeptContexts = losses.contexts_full + processes.forgotten
    note(upTo: losses.time_wait_sockets_gone + rounds.unconfirmed, .unconfirmed)
    func missed(_ program: String) -> UInt64 { (try? object.missedRuns(of: program)) ?? 0 }
    note(upTo: plan.skippedRuns(missed: missed, rescued: { object.losses.rescued }), .skippedRun)
    skippedAccepts = plan.skippedAccepts(missed: missed)
  }

  private func note(upTo total: UInt64, _ place: Loss.Place) {
    let before = told[place, default: 0]
    guard total > before else { return }
    told[place] = total
    note(total - before, place)
  }

  func note(_ count: UInt64, _ place: Loss.Place) {
    batch.append(.lost(Loss(time: now, count: count, place: place)))
  }
}
