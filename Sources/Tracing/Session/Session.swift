import BPF
import CWire
import Events
import System

/// The programs in the kernel and everything that is read from them. Made on the caller's thread, so that it
/// gets the error, then used by the ring's thread alone.
///
/// What is decided before is in HookPlan, what is read of the host when it starts in Session+Seeding, what is asked
/// several times a second in Session+Rounds.
final class Session {
  let object: ObjectFile
  private let links: Links
  let settings: TraceSettings
  /// Those that were loaded.
  let programs: [String]
  let plan: HookPlan
  var ledger: Ledger
  var clock: BootClock
  var rounds = Rounds()
  private var told: [Loss.Place: UInt64] = [:]
  private var batch: [Event] = []
  /// As of the last look at what was lost.
  private(set) var skippedAccepts: UInt64 = 0
  /// For what is not where it was, and where programs are refused, by network namespace.
  let diagnoses = Diagnoses()
  let farEnds = FarEnds()

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
      let plan: HookPlan
      do throws(TracingError) {
        plan = try HookPlan.best(support, settings.wishes, without: refused.mapValues(\.error.reason))
      } catch {
        // Nothing is left on states: the kernel's own words say why.
        guard let refusal = refused[KernelProgram.rawState.name] else { throw error }
        throw TracingError(refusal.error, log: refusal.log)
      }
      let programs = (plan.attached + plan.onDemand).map(\.name)
      do throws(BPFError) {
        return try Session(settings, plan, programs, attaches: attaches)
      } catch {
        let log = LibraryLog.takeWarnings()
        let refusals = programs.compactMap { ProgramTrial.refusal(of: $0, settings, plan) }
        // Each loads by itself: it is not for a program that the session does not start.
        guard !refusals.isEmpty else { throw TracingError(error, log: log) }
        // What the others may read depends on the program on states: first that one.
        let states = refusals.filter { refusal in plan.states.contains { $0.name == refusal.program } }
        for refusal in states.isEmpty ? refusals : states { refused[refusal.program] = refusal }
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
      wire.typed = plan.isTyped ? 1 : 0
      wire.time_wait_sockets_hooked = plan.timeWaitSocket == nil ? 0 : 1
      wire.has_understudies = plan.needsUnderstudies ? 1 : 0
      wire.want_resets = plan.reset == nil ? 0 : 1
      wire.accept_hooked = plan.accept == .acceptExit || plan.accept == .acceptReturn ? 1 : 0
      wire.describes_early = [plan.audit, plan.files, plan.sockets].contains(nil) ? 1 : 0
      // Whose a process is then is asked of /proc.
      if settings.followsChildren && plan.fork == nil { wire.filter_pids = 0 }
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
    try sizeMaps()
    try object.load()
    for program in plan.onDemand { try object.tryRunning(program.name) }
    for pid in settings.filter.pids { try object.insert(pid, intoSet: "target_pids") }
    object.tracer = UInt32(Host.processID)
    object.setJiffy(nanoseconds: Host.jiffyNanoseconds)
    follow()
    nameThreads()
    noteClocks()
    guard attaches else { return }
    for program in plan.attached { links.append(try object.attach(program.name)) }
  }

  /// Where a map must have its memory from the start it is kept small; what does not fit is counted.
  private func sizeMaps() throws(BPFError) {
    let grow = plan.support.mapsGrow
    if settings.followsChildren {
      try object.resize(map: "target_pids", maxEntries: 65_536, preallocated: true)
    }
    let sockets = grow ? UInt32(min(4 * (SocketUsage.ofThread?.allocated ?? 0), 1_048_576)) : 0
    let connections = max(sockets, Self.fewConnections)
    for map in ["connections", "openers"] {
      let maxEntries = map == "openers" && settings.endsAlone ? 1 : connections
      try object.resize(map: map, maxEntries: maxEntries, preallocated: connections <= Self.fewConnections)
    }
    if settings.countsOnly || settings.countsOpens {
      try object.resize(map: "counts", maxEntries: grow ? 65_536 : 8_192, preallocated: !grow)
    }
    guard settings.countsOnly else { return }
    // Nothing goes through the ring: the smallest there is.
    try object.resize(map: "events", maxEntries: UInt32(Host.pageSize), preallocated: true)
  }

  /// So many have their memory from the start, 23 MB, which is faster; more take it as they come.
  private static let fewConnections: UInt32 = 65_536

  /// What a thread is called. That of a process's first thread is the name of the process.
  private func nameThreads() {
    let names = ThreadNames()
    ledger.threadName = { process in
      process.tid == process.pid ? process.comm : names[process.pid, process.tid].map { Comm($0) }
    }
  }

  /// Whose processes a command is: those that the program on fork() has added, or by their parents in /proc.
  private func follow() {
    guard settings.followsChildren else { return }
    if plan.fork != nil {
      ledger.isFollowed = { [unowned self] pid in object.contains(pid, inSet: "target_pids") }
    } else {
      let family = ProcessFamily(of: UInt32(Host.processID))
      ledger.isFollowed = { family.contains($0) }
    }
  }

  func startEvent(version: String) -> Start {
    Start(
      time: now, version: version, kernel: Host.kernelRelease, hooks: plan.hooks,
      refusals: plan.refusals + (Capabilities.current.contains(.sysAdmin) ? [] : [Self.ownNamespaceOnly]))
  }

  private static let ownNamespaceOnly = Start.Refusal(
    hook: "iter/tcp in other network namespaces", reason: "CAP_SYS_ADMIN is not granted",
    lost: "older connections there that no process has open are not known")

  private var now: WallTime { clock.wallTime(ofBoot: Host.bootNanoseconds) }

  /// Are there hooks, so that things change by themselves?
  var isAttached: Bool { !links.isEmpty }

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
    // What the followed processes leave behind is theirs, however young it is.
    if settings.followsChildren { try tellWaiting(minAge: 0) }
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
    guard now >= rounds.next else { return }
    rounds.next = now + TraceSettings.roundNanoseconds
    try playRound()
    try ring.consume { enter(decode($0)) }
    noteLosses()
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

  /// What was lost since this was called last.
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
