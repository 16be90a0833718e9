import Events
import Glibc
import System
import Tracing

/// One trace from its start event to its summary: waits for events, signals and the end of its time.
struct TraceRun: ~Copyable {
  private let tracer: Tracer
  private let waiting: Waiting
  private let limit: Int?
  private let startNanoseconds = Host.bootNanoseconds
  private let endNanoseconds: UInt64?
  private var printer: Printer
  private var tally: Tally
  private var printed = 0

  init(
    tracer: Tracer, signals: Int32, duration: UInt64?, limit: Int?, showsResets: Bool,
    printer: consuming Printer
  ) {
    self.tracer = tracer
    waiting = Waiting(
      signals: signals, events: tracer.queue.descriptor, output: printer.descriptor,
      progress: duration == nil ? "waiting for connections to end; Ctrl-C for the summary" : "tracing")
    self.limit = limit
    self.printer = printer
    tally = Tally(withResets: showsResets)
    endNanoseconds = duration.map { [startNanoseconds] in startNanoseconds + $0 }
  }

  mutating func run() throws {
    do throws(OutputEnd) {
      try printer.print(tracer.startEvent)
      while try waitForEvents() { try take() }
      tracer.stop()
      try take()
      try printer.print(summary())
      noteSkippedAccepts()
      noteUnkeptContexts()
    } catch {
      try end(error)
    }
    if let failure = tracer.failure {
      throw Failure(status: Failure.running, line: "the trace broke off: \(failure)")
    }
  }

  private var isFull: Bool { limit.map { printed >= $0 } ?? false }

  /// False: the trace is over.
  private func waitForEvents() throws(OutputEnd) -> Bool {
    if isFull || tracer.failure != nil { return false }
    let wake = waiting.wait(until: endNanoseconds, orUntil: printer.dueNanoseconds)
    if wake.contains(.readerGone) { throw .closed }
    return !wake.contains(.signal) && endNanoseconds.map { Host.bootNanoseconds < $0 } ?? true
  }

  private mutating func take() throws(OutputEnd) {
    let (events, dropped) = tracer.queue.takeAll()
    for event in events {
      switch event {
      case .origin(let origin):
        if isFull { break }
        printer.add(origin)
        tally.count(origin)
        if case .closeWaitEnd = origin.kind {} else { printed += 1 }
      case .lost(let loss):
        printer.add(loss)
        tally.count(loss)
      case .start, .summary: break
      }
      if printer.isFull { try printer.flush() }
    }
    if dropped > 0 {
      let loss = Loss(time: Host.now, count: dropped, place: .output)
      printer.add(loss)
      tally.count(loss)
    }
    try printer.flush()
  }

  private func noteUnkeptContexts() {
    let unkept = tracer.unkeptContexts
    guard unkept > 0 else { return }
    StandardError.print("processes of which command line, unit and the like were not kept: \(unkept)")
  }

  private func noteSkippedAccepts() {
    let skipped = tracer.skippedAccepts
    guard skipped > 0 else { return }
    StandardError.print(
      "accepts that the kernel hid from the tracer: \(skipped); their connections have no opener")
  }

  private func summary() -> Summary {
    var all = tally
    all.add(tracer.queue.dropped)
    var summary = all.summary(
      time: Host.now, durationNanoseconds: Host.bootNanoseconds - startNanoseconds)
    summary.unkeptContexts = tracer.unkeptContexts
    return summary
  }

  /// Standard output is gone. A full disk must not take the account along.
  private mutating func end(_ reason: OutputEnd) throws {
    tracer.stop()
    if case .failed = reason {
      let summary = summary()
      StandardError.print(
        "seen until now: \(summary.timeWait.seen) TIME_WAIT, \(summary.closeWait.seen) CLOSE_WAIT, "
          + "\(summary.finWait2.seen) FIN_WAIT2")
    }
    throw Failure(reason)
  }
}
