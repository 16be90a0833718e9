import BPF
import CSystem
import CWire
import Events
import Language
import System

/// Whose each socket of the host is, by a pass over every open file.
struct SocketOwners {
  struct Known {
    /// The first by pid, if several have it.
    var owner: SocketCensus.Owner
    /// Processes that have a descriptor.
    var holders: Int
    fileprivate var latest: UInt32
  }

  /// By cookie where a program goes over the files, by the file's inode where /proc does.
  private var known: [UInt64: Known] = [:]
  private var isByCookie = false
  /// Why no program goes over the files.
  private(set) var refusal: Start.Refusal?

  init() {}

  func of(_ socket: DiagnosedSocket) -> Known? {
    isByCookie ? known[socket.cookie] : socket.inode == 0 ? nil : known[UInt64(socket.inode)]
  }

  /// - Throws: `TracingError` where the capabilities for it are missing.
  static func read(_ settings: TraceSettings) throws -> SocketOwners {
    try Session.requireKernel()
    LibraryLog.capture()
    let types = try Session.kernelTypes()
    let program: KernelProgram = types.hasHelper("BPF_FUNC_loop") ? .visitFiles : .visitFilesBefore5_17
    var owners = SocketOwners()
    if settings.without.contains(where: program.isMeant(by:)) {
      owners.refusal = program.refusal("--without was given")
    } else {
      do throws(BPFError) {
        try owners.visitFiles(program)
      } catch {
        let current = Capabilities.current
        guard current.contains(.sysAdmin) || current.contains([.bpf, .perfmon]) else {
          throw TracingError(error, log: LibraryLog.takeWarnings())
        }
        owners = SocketOwners()
        owners.refusal = program.refusal(error.reason)
      }
    }
    if owners.refusal != nil { owners.readProc() }
    return owners
  }

  private mutating func visitFiles(_ program: KernelProgram) throws(BPFError) {
    let object = try ObjectFile.open()
    object.withSettings {
      $0.typed = 1; $0.lists_all = 1
    }
    try object.chooseOnly(programs: [program.name])
    try object.shrinkMaps()
    try object.load()
    isByCookie = true
    try object.iterate(program.name, recordSize: KernelHolder.size) { record in
      guard let found = try? KernelHolder(record), found.socket != 0 else { return }
      let process = found.holder.process
      insert(found.socket, process, found.queue == nil ? .holder(process) : .listener(process))
    }
  }

  /// Adds what each owner is.
  mutating func describe() {
    let processes = ProcessTable(isIntroduced: false)
    known = known.mapValues { known in
      var known = known
      known.owner.describe { processes.context(of: $0) }
      return known
    }
  }

  private mutating func readProc() {
    OpenSockets.forEach { descriptor in
      let process = Process(descriptor)
      insert(UInt64(descriptor.inode), process, .holder(process))
    }
  }

  private mutating func insert(_ key: UInt64, _ process: Process, _ owner: SocketCensus.Owner) {
    guard var before = known[key] else {
      known[key] = Known(owner: owner, holders: 1, latest: process.pid)
      return
    }
    // One can have many descriptors.
    if before.latest != process.pid { before.holders += 1 }
    before.latest = process.pid
    known[key] = before
  }
}

extension Process {
  init(_ descriptor: OpenSockets.Descriptor) {
    self.init(
      pid: descriptor.pid, tid: descriptor.pid, comm: Comm(descriptor.comm),
      startedNanoseconds: descriptor.startedNanoseconds)
  }
}

extension KernelProgram {
  fileprivate func refusal(_ reason: String) -> Start.Refusal {
    .init(hook: hook, reason: reason, lost: lost.description, isFelt: true)
  }
}
