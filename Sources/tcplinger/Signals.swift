import CSystem
import Glibc
import System

/// The signals that end a command in order, as a descriptor: they interrupt nothing.
struct EndSignals: ~Copyable {
  let descriptor: Int32

  private init(descriptor: Int32) { self.descriptor = descriptor }

  /// Blocks the signals for this thread and those it starts; call it before any thread.
  static func block() throws(SystemError) -> EndSignals {
    var set = sigset_t()
    sigemptyset(&set)
    for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&set, number) }
    pthread_sigmask(SIG_BLOCK, &set, nil)
    let descriptor = signalfd(-1, &set, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK))
    guard descriptor >= 0 else { throw SystemError("wait for", "signals") }
    return EndSignals(descriptor: descriptor)
  }

  deinit { close(descriptor) }
}
