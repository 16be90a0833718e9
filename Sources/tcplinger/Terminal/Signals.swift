import CSystem
import Glibc
import System

/// Signals as a descriptor: they interrupt nothing, and are read where the time is right.
struct Signals: ~Copyable {
  static let ending = [SIGINT, SIGTERM, SIGHUP]
  private let file: FileDescriptor

  var descriptor: Int32 { file.number }

  /// Blocks the signals for this thread and those it starts; call it before any thread.
  static func block(_ numbers: [Int32] = ending) throws(SystemError) -> Signals {
    var set = sigset_t()
    sigemptyset(&set)
    for number in numbers { sigaddset(&set, number) }
    pthread_sigmask(SIG_BLOCK, &set, nil)
    let descriptor = signalfd(-1, &set, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK))
    return Signals(file: try .owning(descriptor, "wait for", "signals"))
  }

  /// The next one that waits; nil if none does.
  func take() -> (number: Int32, isFromProcess: Bool)? {
    var record = signalfd_siginfo()
    guard read(file.number, &record, MemoryLayout<signalfd_siginfo>.size) == MemoryLayout<signalfd_siginfo>.size
    else { return nil }
    // What a terminal sends goes to the whole group; what a process sends is SI_USER (0) or less.
    return (Int32(record.ssi_signo), record.ssi_code <= 0)
  }
}
