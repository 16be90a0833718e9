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

  /// Some 10 MB, at 600 bytes each as a rule; 64 MB if all had command lines of 4,096 bytes.
  private static let most = 16_384
  /// A process that calls exec() again and again is known by its two latest names.
  private static let mostNames = 2

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
    return remember(describe(process), of: process)
  }

  /// What the kernel says of a process, with the rest from /proc, at once: it may be over in a moment.
  @discardableResult
  func introduce(_ record: KernelContext) -> ProcessContext {
    let process = record.process
    let isWanting = record.isCommandCut || record.commandLine == nil
    let reading = read(process, commandLine: isWanting, cgroups: !places.knows(record.cgroup))
    let context = ProcessContext(
      comm: process.comm, commandLine: reading.command?.words ?? record.commandLine,
      isCommandCut: reading.command?.isCut ?? record.isCommandCut, executable: reading.executable,
      user: user(record.user), cgroup: places.cgroup(id: record.cgroup, processFile: reading.cgroups))
    return remember(context, of: process)
  }

  private func describe(_ process: Process) -> ProcessContext {
    let reading = read(process, commandLine: true, cgroups: true, user: true)
    return ProcessContext(
      comm: process.comm, commandLine: reading.command?.words, isCommandCut: reading.command?.isCut ?? false,
      executable: reading.executable, user: reading.user.map { user($0) },
      cgroup: reading.cgroups.flatMap { places.cgroup(id: nil, processFile: $0) })
  }

  /// What /proc has of a process.
  private struct Reading {
    var command: (words: [String]?, isCut: Bool)?
    var executable: String?
    var cgroups: String?
    var user: UInt32?
  }

  /// Empty if the pid is another's by now; without what exec() changes if the process has another name by now.
  private func read(_ process: Process, commandLine: Bool, cgroups: Bool, user: Bool = false) -> Reading {
    guard isReadable else { return Reading() }
    let pid = process.pid
    var reading = Reading()
    reading.executable = Executable.path(pid: pid)
    if commandLine { reading.command = ProcessFiles.commandLine(pid: pid).map { Self.words($0) } }
    if cgroups { reading.cgroups = ProcessFiles.cgroups(pid: pid) }
    if user { reading.user = ProcessFiles.user(pid: pid) }
    guard let name = currentName(of: process) else { return Reading() }
    if name != process.comm { (reading.executable, reading.command) = (nil, nil) }
    return reading
  }

  /// The name of the process that has this pid now, if it is this one still.
  private func currentName(of process: Process) -> Comm? {
    guard let facts = ProcessFacts(pid: process.pid),
      Descriptors.isOf(startTicks: facts.startTicks, startedNanoseconds: process.startedNanoseconds)
    else { return nil }
    return Comm(facts.comm)
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
