import Events
import Glibc
import Synchronization
import System

/// Traces until it is stopped. One thread of its own reads the kernel; the events wait in `queue`.
public final class Tracer {
  public let queue: EventQueue
  public let startEvent: Start
  private let work: Work
  private var thread = pthread_t()
  private var isJoined = false

  /// What the caller and the ring's thread share.
  private final class Work: @unchecked Sendable {
    // Sendable because `session` is the ring thread's alone once it runs, `counts` the caller's, which has only system calls
    // in common with it, and the rest is safe from everywhere.
    let session: Session
    let counts: CountReader
    let queue = EventQueue()
    let isStopping = Atomic(false)
    let turns = Atomic(0)
    let failure = Mutex<(any Error)?>(nil)

    init(_ session: Session) {
      self.session = session
      counts = CountReader(session)
    }

    func run() {
      do {
        try explained {
          try session.run(into: queue) {
            turns.add(1, ordering: .releasing)
            return isStopping.load(ordering: .relaxed)
          }
        }
      } catch {
        failure.withLock { $0 = error }
        queue.wake()
      }
    }
  }

  /// Loads and attaches the programs and reads what is open; when it returns, what happens is seen.
  ///
  /// - Throws: `TracingError` where this machine or its privileges do not allow it.
  public init(_ settings: TraceSettings, version: String) throws {
    let session = try Session.start(settings)
    // Before the start is reported, so that older connections are known by then.
    _ = try explained { try session.seed() }
    startEvent = session.startEvent(version: version)
    work = Work(session)
    queue = work.queue
    // Retained for the thread, which releases it when it ends.
    let context = Unmanaged.passRetained(work).toOpaque()
    let result = pthread_create(&thread, nil, Self.runThread, context)
    guard result == 0 else {
      Unmanaged<Work>.fromOpaque(context).release()
      throw TracingError(
        problem: "cannot start a thread: \(String(cString: strerror(result)))", mend: "see ulimit -u")
    }
  }

  private static let runThread: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = {
    guard let context = $0 else { return nil }
    Unmanaged<Work>.fromOpaque(context).takeRetainedValue().run()
    return nil
  }

  /// Why the ring's thread gave up; nil while all is well.
  public var failure: (any Error)? { work.failure.withLock { $0 } }

  /// What the programs have counted since they were loaded, by process and peer. One thread may ask, while events are told.
  public func counts() throws -> [KernelCount] {
    try explained {
      var counts: [KernelCount] = []
      try work.counts.read(at: Host.bootNanoseconds) { counts.append($0) }
      return counts
    }
  }

  /// Accepts that no program saw: who opened these connections is unknown. Known once the trace is stopped.
  public var skippedAccepts: UInt64 { isJoined ? work.session.skippedAccepts : 0 }

  /// Processes of which what they are was not kept: the kernel had no room, or too many came. Known once the trace is stopped.
  public var unkeptContexts: UInt64 { isJoined ? work.session.unkeptContexts : 0 }

  /// What a process is, as the trace has it or /proc has it now. Known once the trace is stopped.
  public func context(of process: Process) -> ProcessContext? {
    isJoined ? work.session.processes.context(of: process) : nil
  }

  /// How often the ring's thread has begun to wait for events: what it read before is in the queue.
  public var turns: Int { work.turns.load(ordering: .acquiring) }

  /// Takes in what has happened until now and lets go of the kernel. The events are in the queue then.
  /// It may be called again.
  public func stop() {
    guard !isJoined else { return }
    work.isStopping.store(true, ordering: .relaxed)
    pthread_join(thread, nil)
    isJoined = true
  }
}
