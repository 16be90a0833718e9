import Glibc

/// A command that was started and is waited for.
public struct ChildProcess: Sendable {
  public let pid: pid_t

  /// Starts a command, looked for in PATH, with no signal blocked or ignored on our account.
  public static func start(_ words: [String]) throws(SystemError) -> ChildProcess {
    guard let program = words.first else { throw SystemError("run", "nothing", code: EINVAL) }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var ignored = sigset_t()
    sigemptyset(&ignored)
    for signal in [SIGPIPE, SIGCHLD] { sigaddset(&ignored, signal) }
    posix_spawnattr_setsigdefault(&attributes, &ignored)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    defer { for argument in arguments { free(argument) } }
    arguments.append(nil)
    var pid: pid_t = 0
    let result = posix_spawnp(&pid, program, nil, &attributes, arguments, environ)
    guard result == 0 else { throw SystemError("run", program, code: result) }
    return ChildProcess(pid: pid)
  }

  /// Until its status is asked for, /proc still names it.
  ///
  /// - Throws: where the kernel keeps no status, as while SIGCHLD is ignored.
  public func hasEnded() throws(SystemError) -> Bool {
    var ended = siginfo_t()
    let result = waitid(P_PID, id_t(pid), &ended, WEXITED | WNOHANG | WNOWAIT)
    guard result == 0 || errno == EINTR else { throw SystemError("wait for", "the command") }
    return ended.si_signo != 0
  }

  /// The exit status as a shell gives it (128 and the signal, for a death by one); nil while it runs.
  ///
  /// - Throws: where the kernel keeps no status, as while SIGCHLD is ignored.
  public func statusIfEnded() throws(SystemError) -> Int32? {
    var status: Int32 = 0
    let ended = waitpid(pid, &status, WNOHANG)
    guard ended >= 0 || errno == EINTR else { throw SystemError("wait for", "the command") }
    guard ended == pid else { return nil }
    let signal = status & 0x7f
    return signal == 0 ? (status >> 8) & 0xff : 128 + signal
  }

  public func send(_ signal: Int32) { kill(pid, signal) }
}
