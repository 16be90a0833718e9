import CSystem
import Glibc
import System

/// Signals as a descriptor: they interrupt nothing, and are read where the time is right.
struct Signals: ~Copyable {
  static let ending = [SIGINT, SIGTERM, SIGHUP]
  let descriptor: Int32

  private init(descriptor: Int32) { self.descriptor = descriptor }

  /// Blocks the signals for this thread and those it starts; call it before any thread.
  static func block(_ numbers: [Int32] = ending) throws(SystemError) -> Signals {
    var set = sigset_t()
    sigemptyset(&set)
    for number in numbers { sigaddset(&set, number) }
    pthread_sigmask(SIG_BLOCK, &set, nil)
    let descriptor = signalfd(-1, &set, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK))
    guard descriptor >= 0 else { throw SystemError("wait for", "signals") }
    return Signals(descriptor: descriptor)
  }

  deinit { close(descriptor) }

  /// Waits so long; true as soon as one has come.
  func arrive(withinNanoseconds nanoseconds: UInt64) -> Bool {
    var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&wait, 1, Int32(clamping: nanoseconds / 1_000_000)) > 0
  }

  /// The next one that waits; nil if none does.
  func take() -> (number: Int32, isFromProcess: Bool)? {
    var record = signalfd_siginfo()
    guard read(descriptor, &record, MemoryLayout<signalfd_siginfo>.size) == MemoryLayout<signalfd_siginfo>.size
    else { return nil }
    // What a terminal sends goes to the whole group; what a process sends is SI_USER (0) or less.
    return (Int32(record.ssi_signo), record.ssi_code <= 0)
  }
}
