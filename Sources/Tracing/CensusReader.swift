import BPF
import CWire
import Events
import System

/// What to count, and by what.
public struct CensusSettings: Sendable {
  /// Ports, family and network namespace act in the kernel; the rest is left to the caller.
  public var filters: TraceSettings
  public var states = Set(SocketCensus.State.allCases)
  public var details: SocketCensus.Details

  /// What a count reads by.
  public var hooks: [String] { details.contains(.owner) ? ["iter/tcp", "iter/task_file"] : ["iter/tcp"] }

  public init(_ filters: TraceSettings = TraceSettings(), details: SocketCensus.Details = []) {
    self.filters = filters
    self.details = details
  }
}

/// Counts the TCP sockets of every network namespace, by iterators alone: no hook is attached, and nothing is
/// left in the kernel. Each look stands for itself, and takes CAP_BPF and CAP_PERFMON; other namespaces than one's
/// own take CAP_SYS_ADMIN as well.
public enum CensusReader {
  private static let mostOwners: UInt32 = 1_048_576

  /// One look, on the calling thread, which visits every network namespace meanwhile.
  ///
  /// - Parameter listsTimeWaits: each TIME_WAIT is listed by itself and not counted, to be resolved with what a trace
  ///   has seen. Without it none has an owner.
  /// - Throws: `TracingError` where this machine or its privileges do not allow it.
  public static func read(_ settings: CensusSettings, listsTimeWaits: Bool = false) throws -> SocketCensus {
    try Session.requireKernel()
    LibraryLog.capture()
    let notesOwners = settings.details.contains(.owner) ? noteOwners(try Session.kernelTypes()) : nil
    return try explained { try read(settings, notesOwners: notesOwners, listsTimeWaits: listsTimeWaits) }
  }

  static let countSockets = "count_sockets"

  static func noteOwners(_ types: borrowing KernelTypes) -> String {
    types.hasHelper("BPF_FUNC_loop") ? "note_owners" : "note_owners_before_5_17"
  }

  private static func read(
    _ settings: CensusSettings, notesOwners: String?, listsTimeWaits: Bool
  ) throws -> SocketCensus {
    let object = try load(settings, notesOwners: notesOwners, listsTimeWaits: listsTimeWaits)
    var census = SocketCensus()
    if let notesOwners { try object.iterate(notesOwners, recordSize: KernelTimeWait.size) { _ in } }
    try count(object, settings, &census)
    try object.forEachElement(of: "groups") { key, value in
      guard let entry = try? KernelCensusEntry(key: key, value: value) else { return census.uncounted += 1 }
      census.add(entry.group.reduced(to: settings.details), entry.count)
    }
    census.uncounted += Int(object.losses.groups_full)
    census.unowned = Int(object.losses.owners_full)
    return census
  }

  private static func load(
    _ settings: CensusSettings, notesOwners: String?, listsTimeWaits: Bool
  ) throws(BPFError) -> ObjectFile {
    let object = try ObjectFile.open()
    let details = settings.details
    let isRoleKnown = !details.isDisjoint(with: [.role, .tuple])
    object.withSettings { wire in
      settings.filters.write(to: &wire)
      wire.census_states = settings.states.reduce(0) { $0 | 1 << UInt32($1.rawValue) }
      wire.census_owner = details.contains(.owner) ? 1 : 0
      wire.census_role = isRoleKnown ? 1 : 0
      wire.census_peer = details.isDisjoint(with: [.peer, .tuple]) ? 0 : 1
      wire.census_ports = details.contains(.tuple) ? 1 : 0
      wire.census_lists_time_waits = listsTimeWaits ? 1 : 0
    }
    object.writePorts(local: settings.filters.localPorts?.bitmap, peer: settings.filters.peerPorts?.bitmap)
    try object.chooseOnly(programs: [countSockets] + (notesOwners.map { [$0] } ?? []))
    try object.chooseOnly(maps: ["groups", "owners", "listening_ports"])
    try object.resize(
      map: "groups", maxEntries: details.isEmpty ? 65_536 : UInt32(SocketCensus.mostGroups), preallocated: false
    )
    if notesOwners != nil { try object.resize(map: "owners", maxEntries: mostOwners, preallocated: false) }
    if isRoleKnown { try object.resize(map: "listening_ports", maxEntries: 65_536, preallocated: false) }
    try object.load()
    return object
  }

  private static func count(
    _ object: borrowing ObjectFile, _ settings: CensusSettings, _ census: inout SocketCensus
  ) throws {
    let isWanted = settings.filters.netns
    for namespace in NetworkNamespace.all() where isWanted == nil || isWanted == namespace.inode {
      do {
        try namespace.enter {
          // The kernel has one table for all namespaces, and goes over the whole of it for each.
          if let usage = SocketUsage.ofThread, usage.inUse == 0, usage.small == 0 { return }
          try object.iterate(countSockets, recordSize: KernelTimeWait.size) { record in
            guard let timeWait = try? KernelTimeWait(record) else { return census.uncounted += 1 }
            census.timeWaits.append(timeWait)
          }
        }
        census.namespaces.append(namespace.inode)
      } catch let error as SystemError {
        // It may have vanished between the listing and the visit; a refusal is told.
        if error.isPermission { census.unreadNamespaces += 1 }
      }
    }
  }
}
