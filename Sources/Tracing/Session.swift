import BPF
import CWire
import Events
import System

/// The programs in the kernel and everything that is read from them. Made on the caller's thread, so that it
/// gets the error, then used by the ring's thread alone.
final class Session {
  let object: ObjectFile
  private let links: Links
  let settings: TraceSettings
  /// Those that were loaded.
  let programs: [String]
  private let plan: HookPlan
  private var ledger: Ledger
  private var clock: BootClock
  private var told: [Loss.Place: UInt64] = [:]
  private var nextRound: UInt64 = 0
  private var nextSweep: UInt64 = 0
  private var nextWalk: UInt64 = 0
  private var nextSettling: UInt64 = 0
  private var batch: [Event] = []
  /// As of the last look at what was lost.
  private(set) var skippedAccepts: UInt64 = 0

  /// Owns links, which are no values that an array can hold.
  private final class Links {
    private var links: [Box] = []
    private final class Box {
      let link: Link
      init(_ link: consuming Link) { self.link = link }
    }
    var isEmpty: Bool { links.isEmpty }
    func append(_ link: consuming Link) { links.append(Box(link)) }
  }

  /// - Parameter attaches: false to read what is there now, without any hook.
  static func start(_ settings: TraceSettings, attaches: Bool = true) throws -> Session {
    try requireKernel()
    LibraryLog.capture()
    let support = KernelSupport(try kernelTypes())
    var refused: [String: ProgramTrial.Refusal] = [:]
    while true {
      let plan = try HookPlan.best(support, settings.wishes, without: refused.mapValues(\.error.reason))
      let programs = plan.attached + plan.onDemand + (settings.followsChildren ? [HookPlan.fork] : [])
      // What cannot be done without was refused.
      if let refusal = programs.compactMap({ refused[$0] }).first {
        throw TracingError(refusal.error, log: refusal.log)
      }
      do throws(BPFError) {
        return try Session(settings, plan, programs, attaches: attaches)
      } catch {
        let log = LibraryLog.takeWarnings()
        let refusals = programs.compactMap { ProgramTrial.refusal(of: $0, settings, plan) }
        // Each loads by itself: it is not for a program that the session does not start.
        guard !refusals.isEmpty else { throw TracingError(error, log: log) }
        for refusal in refusals { refused[refusal.program] = refusal }
      }
    }
  }

  /// v5.10, 1b4d60ec162f: the frontend may run a raw tracepoint's program.
  static let oldestKernel = (5, 10)

  static func requireKernel() throws(TracingError) {
    if let version = Host.kernelVersion, version < oldestKernel {
      throw TracingError(
        problem: "Linux \(Host.kernelRelease) is too old",
        mend: "version \(oldestKernel.0).\(oldestKernel.1) or newer is needed")
    }
  }

  static func kernelTypes() throws(TracingError) -> KernelTypes {
    do throws(BPFError) {
      return try KernelTypes.load()
    } catch {
      throw TracingError.noTypes(log: ["\(error)"] + LibraryLog.takeWarnings())
    }
  }

  /// The programs of the plan, with all that they must know before they are loaded.
  static func open(_ settings: TraceSettings, _ plan: HookPlan) throws(BPFError) -> ObjectFile {
    let object = try ObjectFile.open()
    object.withSettings { wire in
      settings.write(to: &wire)
      wire.small_sockets_hooked = plan.smallSocket == nil ? 0 : 1
      wire.table_bits = plan.usesTable ? Self.tableBits : 0
      wire.has_understudies = plan.needsUnderstudies ? 1 : 0
      wire.ends_alone = plan.endsAlone ? 1 : 0
    }
    object.writePorts(local: settings.localPorts?.bitmap, peer: settings.peerPorts?.bitmap)
    return object
  }

  private init(
    _ settings: TraceSettings, _ plan: HookPlan, _ programs: [String], attaches: Bool
  ) throws(BPFError) {
    self.settings = settings
    self.programs = programs
    self.plan = plan
    ledger = Ledger(filter: settings.filter)
    clock = BootClock(offsetNanoseconds: Host.bootClockOffsetNanoseconds)
    object = try Self.open(settings, plan)
    links = Links()
    try object.chooseOnly(programs: programs)
    let mapsGrow = plan.support.mapsGrow
    if settings.followsChildren {
      try object.resize(map: "target_pids", maxEntries: 65_536, preallocated: true)
    }
    // Where a map must have its memory from the start it is kept small; what does not fit is counted.
    try object.resize(
      map: "socket_hash", maxEntries: mapsGrow ? Self.rememberedSockets : 131_072, preallocated: !mapsGrow)
    for map in ["waiting", "handed_over"] {
      try object.resize(map: map, maxEntries: mapsGrow ? 262_144 : 32_768, preallocated: !mapsGrow)
    }
    if plan.usesTable {
      try object.resize(array: "keys", maxEntries: 2 << Self.tableBits)
      for values in ["memories", "small_sockets"] {
        try object.resize(array: values, maxEntries: UInt32(WIRE_WAYS) << Self.tableBits)
      }
    }
    if settings.countsOnly {
      try object.resize(map: "counts", maxEntries: mapsGrow ? 65_536 : 8_192, preallocated: !mapsGrow)
      // Nothing goes through the ring: the smallest there is.
      try object.resize(map: "events", maxEntries: UInt32(Host.pageSize), preallocated: true)
    }
    try object.load()
    for pid in settings.filter.pids { try object.insert(pid, intoSet: "target_pids") }
    if settings.followsChildren {
      ledger.isFollowed = { [unowned self] pid in object.contains(pid, inSet: "target_pids") }
    }
    noteClocks()
    object.withRound { $0.min_age_ns = settings.minAgeNanoseconds }
    guard attaches else { return }
    for program in plan.attached { links.append(try object.attach(program)) }
    if settings.followsChildren { links.append(try object.attach(HookPlan.fork)) }
  }

  /// Sockets that have no place in the table: four times what is there now. The kernel clears 16 bytes for each at the start, and
  /// takes the rest as they come.
  private static var rememberedSockets: UInt32 {
    UInt32(min(max(4 * (SocketUsage.ofThread?.allocated ?? 0), 262_144), 1_048_576))
  }

  /// 1,024 sets of 16: 4 MiB for the sockets and 3 for the small ones.
  private static let tableBits: UInt8 = 10
  private static let setsOfSockets = Array(0..<UInt64(1) << tableBits)
  private static let setsOfSmallSockets = setsOfSockets.map { $0 | 1 << tableBits }
  private static let setsOfBatch = Int(WIRE_BATCH / WIRE_WAYS)

  func startEvent(version: String) -> Start {
    Start(
      time: now, version: version, kernel: Host.kernelRelease,
      hooks: plan.hooks.map(\.name) + HookPlan.iterators,
      refusals: plan.refusals + (Capabilities.current.contains(.sysAdmin) ? [] : [Self.ownNamespaceOnly]))
  }

  private static let ownNamespaceOnly = Start.Refusal(
    hook: "iter/tcp in other network namespaces", reason: "CAP_SYS_ADMIN is not granted")

  private var now: WallTime { clock.wallTime(ofBoot: Host.bootNanoseconds) }

  /// Reads until `isStopping`, then once more, so that nothing that happened before is left out.
  func run(into queue: EventQueue, isStopping: () -> Bool) throws {
    let ring = try RingBuffer.open("events", of: object)
    // Iterators are made anew for each round, and programs are run, which takes this one; namespaces are not entered any more.
    try Capabilities.keep(.bpf)
    while !isStopping() {
      try ring.wait(milliseconds: 100)
      try read(ring)
      queue.push(takeBatch())
    }
    (nextRound, nextSweep, nextWalk, nextSettling) = (0, 0, 0, 0)
    try read(ring)
    // What the followed processes leave behind is theirs, however young it is.
    if settings.followsChildren {
      beginRound(ofAnyAge: true)
      try sweep()
      try forEachWaiting { record, holders in enter(record, holders: holders) }
    }
    queue.push(takeBatch())
  }

  func takeBatch() -> [Event] {
    defer { batch.removeAll() }
    return batch
  }

  private func read(_ ring: borrowing RingBuffer) throws {
    noteClocks()
    try ring.consume { enter(decode($0)) }
    let now = Host.bootNanoseconds
    guard now >= nextRound else { return }
    nextRound = now + TraceSettings.roundNanoseconds
    beginRound()
    try sweepIfDue()
    // When something is due, this walks every open file of the host.
    try sparingly(&nextWalk, longestPause: Self.longestPause) {
      try forEachWaiting { record, holders in enter(record, holders: holders) }
    }
    try sparingly(&nextSettling, longestPause: Self.longestDelay) {
      try forEachSmallSocket { enter($0) }
    }
    try ring.consume { enter(decode($0)) }
    noteLosses()
  }

  /// The machine may have slept, and the time of day may have been set.
  private func noteClocks() {
    clock.offsetNanoseconds = Host.bootClockOffsetNanoseconds
    object.suspendedNanoseconds = Host.suspendedNanoseconds
  }

  /// Does it if its time has come, and sets that of the next one: it takes a twentieth of a core at the most, unless that
  /// would be a longer pause than this.
  private func sparingly(_ next: inout UInt64, longestPause: UInt64, _ work: () throws -> Void) throws {
    let now = Host.bootNanoseconds
    guard now >= next else { return }
    let cpuTime = Host.threadCPUNanoseconds
    try work()
    next = now + min(20 * (Host.threadCPUNanoseconds - cpuTime), longestPause)
  }

  /// However large the host: who waits is not told later than this.
  static let longestPause: UInt64 = 5_000_000_000
  /// However many small sockets there are: a TIME_WAIT that no hook tells is not told later than this.
  private static let longestDelay: UInt64 = 1_000_000_000

  private func enter(_ record: KernelOrigin?, holders: [Holder] = []) {
    guard let record else { return }
    ledger.enter(record, holders: holders, clock: clock) { batch.append(.origin($0)) }
  }

  /// The programs and this reader are built from one header; what does not fit is lost, and counted.
  private func decode(_ record: RawSpan) -> KernelOrigin? {
    let origin = try? KernelOrigin(record)
    if origin == nil { note(1, .malformed) }
    return origin
  }

  /// Sockets that somebody has open and that no program has seen are as those that are older than the tracer.
  func seedFromFiles() throws {
    try object.iterate("seed_from_files", recordSize: KernelOrigin.size) { _ in }
  }

  /// Sockets older than the tracer: first those that somebody has open, then those that nobody has.
  func seed() throws {
    try seedFromFiles()
    // The programs count pids as the initial namespace does, so it is they who know this process's own.
    if settings.followsChildren { try object.insert(object.tracer, intoSet: "target_pids") }
    for namespace in NetworkNamespace.all() where settings.netns == nil || settings.netns == namespace.inode {
      // A namespace may vanish between the listing and the visit.
      do {
        try namespace.enter {
          try object.iterate("seed_from_table", recordSize: KernelOrigin.size) { _ in }
        }
      } catch is SystemError {
        continue
      }
    }
  }

  /// A round looks for what has been in CLOSE_WAIT or FIN_WAIT2 for the minimum age. It sweeps once, then hands out.
  ///
  /// - Parameters:
  ///   - everything: what was handed out before as well.
  ///   - ofAnyAge: what has not been there for the minimum age as well.
  private func beginRound(everything: Bool = false, ofAnyAge: Bool = false) {
    object.withRound { round in
      round.number = round.number % UInt32(WIRE_REPORTED_BEFORE - 1) + 1
      round.due = 0
      round.everything = everything ? 1 : 0
      round.min_age_ns = ofAnyAge ? 0 : settings.minAgeNanoseconds
    }
  }

  /// What waits: marked, its holders found, then handed out.
  private func forEachWaiting(_ body: (_ record: KernelOrigin, _ holders: [Holder]) -> Void) throws {
    guard settings.states != [.timeWait], object.usesWaiting else { return }
    try object.run("mark_due", overHash: "waiting") { _ in }
    guard object.withRound({ $0.due }) > 0 else { return }
    var holders = HolderIndex()
    if settings.states.contains(.closeWait) {
      try object.iterate(plan.findHolders, recordSize: KernelHolder.size) { record in
        guard let found = try? KernelHolder(record) else { return note(1, .malformed) }
        holders.insert(found)
      }
      holders.sort()
    }
    try object.run("report_due", overHash: "waiting") { record in
      guard let origin = decode(record) else { return }
      body(origin, holders.holders(of: origin.socket))
    }
  }

  /// Small sockets: those in TIME_WAIT come through the ring, those that stay in FIN_WAIT2 are handed out.
  private func forEachSmallSocket(_ body: (KernelOrigin) -> Void) throws {
    func handOut(_ record: RawSpan) {
      if let origin = decode(record) { body(origin) }
    }
    if plan.usesTable {
      try object.run(
        HookPlan.settlingOfTable, over: Self.setsOfSmallSockets, batchSize: Self.setsOfBatch, handOut)
    }
    if object.usesHandedOver { try object.run("settle_handed_over", overHash: "handed_over", handOut) }
  }

  /// Everything that waits, whether or not it was told before.
  func forEachOrigin(ofAnyAge: Bool = false, _ body: (Origin) -> Void) throws {
    noteClocks()
    var all = Ledger(filter: settings.filter)
    beginRound(everything: true, ofAnyAge: ofAnyAge)
    try sweep()
    try forEachWaiting { record, holders in all.enter(record, holders: holders, clock: clock, body) }
    try forEachSmallSocket { all.enter($0, clock: clock, body) }
  }

  /// TIME_WAITs that no hook has told, into the ring or the counts.
  func settle() throws {
    beginRound()
    try sweepIfDue()
    try forEachSmallSocket { _ in }
  }

  private func sweepIfDue() throws {
    try sparingly(&nextSweep, longestPause: Self.longestPause, sweep)
  }

  /// Goes over what is remembered of connections: what waits too long is listed, and what ended unseen is followed to its
  /// small socket. Without hooks nothing has changed since it was read.
  private func sweep() throws {
    guard !links.isEmpty else { return }
    if plan.usesTable {
      try object.run(HookPlan.sweepOfTable, over: Self.setsOfSockets, batchSize: Self.setsOfBatch) { _ in }
    }
    if object.usesHash { try object.run("sweep_hash", overHash: "socket_hash") { _ in } }
  }

  /// What was lost since this was called last.
  func takeLosses() -> [Loss] {
    noteLosses()
    return takeBatch().compactMap { if case .lost(let loss) = $0 { loss } else { nil } }
  }

  private func noteLosses() {
    let losses = object.losses
    note(upTo: losses.ring_full, .ringBuffer)
    note(upTo: losses.memory_full, .socketMemory)
    note(upTo: losses.waiting_full, .waitingMap)
    note(upTo: losses.handed_over_full, .handedOverMap)
    note(upTo: losses.chain_too_long, .longChain)
    note(upTo: losses.targets_full, .followedProcesses)
    note(upTo: losses.counts_full, .counts)
    note(upTo: unconfirmed(losses.handed_over_gone) + losses.ended_unseen, .unconfirmed)
    func missed(_ program: String) -> UInt64 { (try? object.missedRuns(of: program)) ?? 0 }
    note(upTo: plan.skippedRuns(missed: missed, rescued: { object.losses.rescued }), .skippedRun)
    skippedAccepts = plan.skippedAccepts(missed: missed)
  }

  /// Of the small sockets that vanished between two looks, those that may have been in TIME_WAIT: with a hook on
  /// them that is told at once, so no more than the runs of it that the kernel skipped.
  private func unconfirmed(_ gone: UInt64) -> UInt64 {
    guard let hook = plan.smallSocket else { return gone }
    return min(gone, (try? object.missedRuns(of: hook.program)) ?? gone)
  }

  private func note(upTo total: UInt64, _ place: Loss.Place) {
    let before = told[place, default: 0]
    guard total > before else { return }
    told[place] = total
    note(total - before, place)
  }

  private func note(_ count: UInt64, _ place: Loss.Place) {
    batch.append(.lost(Loss(time: now, count: count, place: place)))
  }
}
