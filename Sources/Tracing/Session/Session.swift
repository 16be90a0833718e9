import BPF
import Events
import System

/// The programs in the kernel and everything that is read from them. Made on the caller's thread, so that it
/// gets the error, then used by the ring's thread alone.
///
/// HookPlan decides which programs. Session+Loading loads them, Session+Seeding reads what the host has when it starts,
/// Session+Ring takes what the programs send, Session+Rounds asks them several times a second, and Session+Diagnosis asks
/// the kernel where programs cannot tell.
final class Session {
  let object: ObjectFile
  let links: Links
  let settings: TraceSettings
  /// Those that were loaded.
  let programs: [String]
  let plan: HookPlan
  var ledger: Ledger
  var clock: BootClock
  var rounds = Rounds()
  var told: [Loss.Place: UInt64] = [:]
  var batch: [Event] = []
  /// As of the last look at what was lost.
  var skippedAccepts: UInt64 = 0
  /// Processes whose context the kernel had no room for, or that have been forgotten. As of then.
  var unkeptContexts: UInt64 = 0
  /// For what is not where it was, and where programs are refused, by network namespace.
  let diagnoses = Diagnoses()
  let farEnds = FarEnds()
  let processes: ProcessTable

  /// Owns links, which are no values that an array can hold.
  final class Links {
    private var links: [Box] = []
    private final class Box {
      let link: Link
      init(_ link: consuming Link) { self.link = link }
    }
    var isEmpty: Bool { links.isEmpty }
    func append(_ link: consuming Link) { links.append(Box(link)) }
  }

  init(
    _ settings: TraceSettings, _ plan: HookPlan, _ programs: [String], attaches: Bool
  ) throws(BPFError) {
    self.settings = settings
    self.programs = programs
    self.plan = plan
    ledger = Ledger(filter: settings.filter)
    processes = ProcessTable(isIntroduced: plan.introduction != nil)
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
    ledger.context = { [processes] in processes.context(of: $0) }
    noteClocks()
    guard attaches else { return }
    for program in plan.attached { links.append(try object.attach(program.name)) }
  }

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

  var now: WallTime { clock.wallTime(ofBoot: Host.bootNanoseconds) }

  /// Are there hooks, so that things change by themselves?
  var isAttached: Bool { !links.isEmpty }
}
