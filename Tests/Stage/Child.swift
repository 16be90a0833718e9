import CStage
import Glibc
import Synchronization

/// How a process ended.
public enum Ending: Equatable, Sendable {
  case status(Int32)
  case signal(Int32)
}

/// A program that runs. Whoever drops the last reference to it ends it.
public final class Child {
  public let pid: pid_t
  public let output: LineReader
  public let errors: LineReader
  private var ending: Ending?
  /// Can be read once the process has ended.
  private let process: Int32

  /// Where a stream of the program goes.
  public enum Stream {
    case pipe
    /// A terminal of its own.
    case terminal
    case file(String)
    case descriptor(Int32)
  }

  public init(
    _ path: String, _ arguments: [String], environment: [String: String] = [:],
    input: Int32? = nil, output: Stream = .pipe, errors: Stream = .pipe
  ) throws {
    let started = try Self.startingOne.withLock { _ in
      try Self.start(path, arguments, environment, input, output, errors)
    }
    pid = started.pid
    process = cstage_process_descriptor(started.pid)
    self.output = LineReader(started.output)
    self.errors = LineReader(started.errors)
  }

  /// Pipes become close-on-exec a moment after they are made: nobody is started meanwhile.
  private static let startingOne = Mutex(())

  private static func start(
    _ path: String, _ arguments: [String], _ environment: [String: String],
    _ input: Int32?, _ output: Stream, _ errors: Stream
  ) throws -> (pid: pid_t, output: Int32, errors: Int32) {
    let nothing = open("/dev/null", O_RDONLY | O_CLOEXEC)
    defer { close(nothing) }
    let outputEnd = try end(for: output)
    defer { if outputEnd.isOwned { close(outputEnd.inner) } }
    let errorEnd = try end(for: errors)
    defer { if errorEnd.isOwned { close(errorEnd.inner) } }
    let pid = try spawn(
      path, arguments, environment, [input ?? nothing, outputEnd.inner, errorEnd.inner])
    return (pid, outputEnd.outer, errorEnd.outer)
  }

  deinit {
    if process >= 0 { close(process) }
    guard ending == nil else { return }
    Glibc.kill(pid, SIGKILL)
    waitpid(pid, nil, 0)
  }

  public func send(_ signal: Int32) {
    if ending == nil { Glibc.kill(pid, signal) }
  }

  public var hasEnded: Bool {
    var status: Int32 = 0
    if ending == nil, waitpid(pid, &status, WNOHANG) == pid {
      let signal = status & 0x7f
      ending = signal == 0 ? .status((status >> 8) & 0xff) : .signal(signal)
    }
    return ending != nil
  }

  /// Waits for its end. What it writes is read meanwhile, so that it can end.
  public func end(by deadline: Moment = .inSeconds(patience)) throws -> Ending {
    while !hasEnded {
      guard Moment.now <= deadline else {
        throw Failure("process \(pid) did not end in time; \(report())")
      }
      rest(within: 100)
      output.fill(within: 0)
      errors.fill(within: 0)
    }
    output.drain()
    errors.drain()
    return ending ?? .status(-1)
  }

  /// Until it ends or writes, and no longer than so. To look again and again instead costs a processor, which may be
  /// the one that it needs.
  func rest(within milliseconds: Int32) {
    var waited = [process, output.waitedFor, errors.waitedFor].map {
      pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
    }
    poll(&waited, nfds_t(waited.count), milliseconds)
  }

  /// Something to read has come, or the end.
  public var hasLine: Bool {
    var waited = pollfd(fd: output.waitedFor, events: Int16(POLLIN), revents: 0)
    return poll(&waited, 1, 0) > 0
  }

  /// The next line of standard output; nil at its end or the deadline.
  public func nextLine(by deadline: Moment) -> ArraySlice<UInt8>? {
    while true {
      if let line = output.takeLine() { return line }
      if output.isAtEnd { return nil }
      guard Moment.now < deadline else { return nil }
      output.fill(within: min(deadline.millisecondsLeft, 50))
      errors.fill(within: 0)
    }
  }

  public func report() -> String {
    "standard error: \(errors.text.isEmpty ? "empty" : errors.text)"
  }
}

extension Child {
  private struct End {
    var inner: Int32
    var outer: Int32 = -1
    var isOwned = true
  }

  private static func end(for stream: Stream) throws -> End {
    switch stream {
    case .descriptor(let descriptor):
      return End(inner: descriptor, isOwned: false)
    case .file(let path):
      let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
      guard file >= 0 else { throw Failure("cannot open \(path): \(systemMessage())") }
      return End(inner: file)
    case .terminal:
      return try terminal()
    case .pipe:
      var ends: [Int32] = [-1, -1]
      guard pipe(&ends) == 0 else {
        throw Failure("cannot make a pipe: \(systemMessage())")
      }
      for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
      return End(inner: ends[1], outer: ends[0])
    }
  }

  /// By the requests themselves: Glibc's module leaves grantpt() and its kin out.
  private static func terminal() throws -> End {
    let (unlock, tellNumber) = (UInt(0x4004_5431), UInt(0x8004_5430))  // TIOCSPTLCK, TIOCGPTN
    let outer = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    var number: Int32 = 0
    guard outer >= 0, ioctl(outer, unlock, &number) == 0, ioctl(outer, tellNumber, &number) == 0 else {
      throw Failure("cannot make a terminal: \(systemMessage())")
    }
    let inner = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
    guard inner >= 0 else { throw Failure("cannot open a terminal: \(systemMessage())") }
    return End(inner: inner, outer: outer)
  }

  private static func spawn(
    _ path: String, _ arguments: [String], _ environment: [String: String], _ streams: [Int32]
  ) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (number, descriptor) in streams.enumerated() {
      posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
    }
    // As a shell starts it: the test runner may have masked or ignored signals.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    var argumentPointers = ([path] + arguments).map { strdup($0) } + [nil]
    var variablePointers = variables(with: environment).map { strdup($0) } + [nil]
    defer { for pointer in argumentPointers + variablePointers { free(pointer) } }
    var pid: pid_t = 0
    let problem = posix_spawn(&pid, path, &actions, &attributes, &argumentPointers, &variablePointers)
    guard problem == 0 else { throw Failure("cannot run \(path): \(systemMessage(problem))") }
    return pid
  }

  /// This process's environment, with some variables set.
  private static func variables(with changes: [String: String]) -> [String] {
    var variables: [String] = []
    var pointer = environ
    while let entry = pointer.pointee {
      let variable = String(cString: entry)
      let name = String(variable.prefix { $0 != "=" })
      if changes[name] == nil { variables.append(variable) }
      pointer += 1
    }
    return variables + changes.map { "\($0.key)=\($0.value)" }
  }
}
