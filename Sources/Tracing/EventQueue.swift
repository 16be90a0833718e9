import CSystem
import Events
import Glibc
import Synchronization
import System

/// Origins on their way from the ring's thread to the output. Bounded: a slow terminal or a blocked pipe must
/// not make the tracer grow or wait, so what does not fit is counted, by process, and dropped.
public final class EventQueue: Sendable {
  private struct State {
    var waiting: [Event] = []
    var dropped = Tally()
    var newlyDropped: UInt64 = 0
  }

  private let state = Mutex(State())
  private let capacity: Int
  private let waker: FileDescriptor

  public init(capacity: Int = 32_768) {
    self.capacity = capacity
    waker = FileDescriptor(number: eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC)))
  }

  /// Readable while something waits.
  public var descriptor: Int32 { waker.number }

  func push(_ events: [Event]) {
    guard !events.isEmpty else { return }
    state.withLock { state in
      // The usual case: the output keeps up, and takes the array as it is.
      if state.waiting.isEmpty, events.count <= capacity { return state.waiting = events }
      for event in events {
        if case .origin(let origin) = event, state.waiting.count >= capacity {
          state.dropped.count(origin)
          state.newlyDropped += 1
        } else {
          state.waiting.append(event)
        }
      }
    }
    wake()
  }

  /// Makes the descriptor readable.
  func wake() { eventfd_write(descriptor, 1) }

  /// Everything that waits, oldest first, and how many more were dropped since the last call.
  public func takeAll() -> (events: [Event], dropped: UInt64) {
    var count: eventfd_t = 0
    eventfd_read(descriptor, &count)
    return state.withLock { state in
      let taken = (state.waiting, state.newlyDropped)
      state.waiting = []
      state.newlyDropped = 0
      return taken
    }
  }

  /// Counts of the dropped events.
  public var dropped: Tally { state.withLock { $0.dropped } }
}
