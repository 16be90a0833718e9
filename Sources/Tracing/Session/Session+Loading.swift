import BPF
import CWire
import Events
import System

/// What to load, and how large its maps are.
extension Session {
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
        // All others have this one in them; and what they may read depends on the program on states.
        let introduction = refusals.filter { $0.program == plan.introduction?.name }
        let states = refusals.filter { refusal in plan.states.contains { $0.name == refusal.program } }
        let first = introduction.isEmpty ? states : introduction
        for refusal in first.isEmpty ? refusals : first { refused[refusal.program] = refusal }
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
      // /proc says then which processes belong to the command.
      if settings.followsChildren && plan.fork == nil { wire.filter_pids = 0 }
      wire.introduces = plan.introduction == nil ? 0 : 1
      // Beside hierarchies of version 1 the number of a control group does not say all that the filters ask for.
      let filter = settings.filter.context
      let mayFilter =
        plan.introduction != nil && wire.filter_pids == 0 && !settings.followsChildren
        && (!filter.asksForCgroup || CgroupTree().isAlone)
      wire.filter_groups = mayFilter && filter.asksForGroup ? 1 : 0
    }
    object.writePorts(local: settings.localPorts?.bitmap, peer: settings.peerPorts?.bitmap)
    return object
  }

  /// Where a map must have its memory from the start it is kept small; what does not fit is counted.
  func sizeMaps() throws(BPFError) {
    let grow = plan.support.mapsGrow
    if settings.followsChildren || object.filtersGroups {
      try object.resize(map: "target_pids", maxEntries: 65_536, preallocated: true)
    }
    if object.filtersGroups { try object.resize(map: "verdicts", maxEntries: 8_192, preallocated: true) }
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
    // What processes are goes through the ring, or nothing.
    let size = plan.introduction == nil ? Host.pageSize : Self.ringOfContexts
    try object.resize(map: "events", maxEntries: UInt32(size), preallocated: true)
  }

  /// 840 processes, in a tenth of a second.
  private static let ringOfContexts = 256 << 10

  /// So many have their memory from the start, 23 MB, which is faster; more take it as they come.
  private static let fewConnections: UInt32 = 65_536
}
