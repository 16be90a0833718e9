import BPF
import CWire
import Events
import System

extension Session {
  /// Sockets older than the tracer, after the hooks are attached: first those that nobody has open, in each network
  /// namespace, then those that somebody has.
  ///
  /// - Returns: who has what is in CLOSE_WAIT.
  func seed() throws -> HolderIndex {
    let isDiagnosed = plan.sockets == nil || plan.files == nil
    try forEachNamespace { namespace in
      if let program = plan.sockets { try object.iterate(program.name, recordSize: KernelHolder.size) { _ in } }
      // It is asked later, when this may not be entered any more. That keeps it alive, so no more are than must be.
      if isDiagnosed || plan.audit == nil || namespace.isOwn { diagnoses.open(namespace.inode) }
    }
    if isDiagnosed {
      // What a program finds it knows better.
      if plan.files != nil { _ = try findHolders() }
      for netns in diagnoses.namespaces { try seedByDiagnosis(netns) }
    }
    let holders = try findHolders()
    if settings.followsChildren { try object.insert(object.tracer, intoSet: "target_pids") }
    return holders
  }

  private func forEachNamespace(_ body: (NetworkNamespace) throws -> Void) throws {
    for namespace in NetworkNamespace.all() where settings.netns == nil || settings.netns == namespace.inode {
      // A namespace may vanish between the listing and the visit.
      do { try namespace.enter { try body(namespace) } } catch is SystemError { continue }
    }
  }

  /// Goes over every open file of the host: who has what is in CLOSE_WAIT. What no program has seen is seeded by the way.
  func findHolders() throws -> HolderIndex {
    var holders = HolderIndex()
    if let program = plan.files {
      try object.iterate(program.name, recordSize: KernelHolder.size) { record in
        guard let found = try? KernelHolder(record) else { return note(1, .malformed) }
        holders.insert(found)
      }
    } else {
      try findHoldersInProc { holders.insert($0) }
    }
    holders.sort()
    return holders
  }
}
