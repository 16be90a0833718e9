import Events
import System

/// What processes are, each read once: when it is first named, or when the kernel introduces it. Used on one thread.
///
/// A process is known by its pid and its start, so that a pid that is used again takes no predecessor's name. What it is
/// changes when it calls exec(): what was named before, under another name, keeps what it was then.
final class ProcessTable {
  private var known: [Process.Identity: [ProcessContext]] = [:]
  /// In the order in which they were met, from `oldest` on.
  private var order: [Process.Identity] = []
  private var oldest = 0
  private let places = CgroupTable()
  private let users = Users()
  /// /proc has the pids that the kernel tells.
  private let isReadable = PidNamespace.isInitial
  /// The kernel says when a process has become another program.
  private let isIntroduced: Bool

  /// Processes that had to make room for others.
  private(set) var forgotten: UInt64 = 0

  /// Some 20 MB, were all of them there with long command lines.
  private static let most = 16_384
  /// A process that calls exec() again and again is known by its latest names.
  private static let mostNames = 4

  init(isIntroduced: Bool) { self.isIntroduced = isIntroduced }

  /// What was asked for lately, at a place that the pid gives: a process as a rule acts many times.
  private var recent = [(process: Process, context: ProcessContext)?](repeating: nil, count: 256)

  private func place(of process: Process) -> Int { Int(process.pid % 256) }

  func context(of process: Process) -> ProcessContext? {
    let place = place(of: process)
    if let known = recent[place], known.process.startedNanoseconds == process.startedNanoseconds,
      known.process.pid == process.pid, known.process.comm == process.comm
    {
      return known.context
    }
    let context = find(process)
    recent[place] = (process, context)
    return context
  }

  private func find(_ process: Process) -> ProcessContext {
    if let contexts = known[process.identity] {
      if let context = contexts.last(where: { $0.comm == process.comm }) { return context }
      // It has another name now: it gave itself one, unless nobody says when it calls exec().
      if isIntroduced, let context = contexts.last { return context }
    }
    return remember(read(process), of: process)
  }

  /// What the kernel says of a process, with the rest from /proc, at once: it may be over in a moment.
  @discardableResult
  func introduce(_ record: KernelContext) -> ProcessContext {
    let pid = record.process.pid
    var words = record.commandLine
    var isCut = record.isCommandCut
    var executable = isReadable ? Executable.path(pid: pid) : nil
    var cgroups = isReadable && !places.knows(record.cgroup) ? ProcessFiles.cgroups(pid: pid) : nil
    let more = isReadable && (isCut || words == nil) ? ProcessFiles.commandLine(pid: pid) : nil
    if isReadable, !isSame(record.process) {
      (executable, cgroups) = (nil, nil)
    } else if let more {
      (words, isCut) = Self.words(more)
    }
    let context = ProcessContext(
      comm: record.process.comm, commandLine: words, isCommandCut: isCut, executable: executable,
      user: user(record.user), cgroup: places.cgroup(id: record.cgroup, processFile: cgroups))
    return remember(context, of: record.process)
  }

  private func read(_ process: Process) -> ProcessContext {
    let pid = process.pid
    guard isReadable else { return ProcessContext(comm: process.comm) }
    let command = ProcessFiles.commandLine(pid: pid).map { Self.words($0) }
    let context = ProcessContext(
      comm: process.comm, commandLine: command?.words, isCommandCut: command?.isCut ?? false,
      executable: Executable.path(pid: pid), user: ProcessFiles.user(pid: pid).map { user($0) },
      cgroup: ProcessFiles.cgroups(pid: pid).flatMap { places.cgroup(id: nil, processFile: $0) })
    return isSame(process) ? context : ProcessContext(comm: process.comm)
  }

  private func isSame(_ process: Process) -> Bool {
    ProcessFiles.isProcess(pid: process.pid, startedNanoseconds: process.startedNanoseconds)
  }

  private static func words(_ bytes: [UInt8]) -> (words: [String]?, isCut: Bool) {
    let isCut = bytes.count > ProcessFiles.longestCommandLine
    let words = [String](commandLine: bytes.prefix(ProcessFiles.longestCommandLine), isCut: isCut)
    return (words.isEmpty ? nil : words, isCut)
  }

  private func user(_ id: UInt32) -> ProcessContext.User { .init(id: id, name: users.name(of: id)) }

  private func remember(_ context: ProcessContext, of process: Process) -> ProcessContext {
    let identity = process.identity
    recent[place(of: process)] = nil
    if known[identity] == nil {
      if order.count - oldest >= Self.most { forgetOldest() }
      order.append(identity)
    }
    var contexts = known[identity, default: []]
    contexts.removeAll { $0.comm == context.comm }
    contexts.append(context)
    known[identity] = contexts.suffix(Self.mostNames)
    return context
  }

  private func forgetOldest() {
    known[order[oldest]] = nil
    oldest += 1
    forgotten += 1
    guard oldest >= Self.most else { return }
    order.removeFirst(oldest)
    oldest = 0
  }
}
