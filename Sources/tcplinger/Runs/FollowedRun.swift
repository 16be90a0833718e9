import Events
import Glibc
import System
import Tracing

/// A command from its start to its report.
struct FollowedRun: ~Copyable {
  private let tracer: Tracer
  private let child: ChildProcess
  private let signals: Signals
  private let startNanoseconds = Host.bootNanoseconds
  /// The exit status that says that the command leaked; 0: none does.
  private let leakStatus: Int32
  private var printer: Printer
  private var tally = Tally(withResets: true)
  /// Each CLOSE_WAIT, and its end if it had one.
  private var leaks: [Origin] = []
  /// CLOSE_WAITs and half-closed connections, to tell the relays.
  private var stays: [Connection: HalfClosures.Stay] = [:]
  private var losses: [Loss.Place: UInt64] = [:]

  init(
    tracer: Tracer, child: ChildProcess, signals: consuming Signals, printer: consuming Printer,
    leakStatus: Int32
  ) {
    self.leakStatus = leakStatus
    self.tracer = tracer
    self.child = child
    self.signals = signals
    self.printer = printer
  }

  /// The exit status of the command, or that of leaks.
  mutating func run() throws -> Int32 {
    var hasEnded = false
    while !hasEnded {
      _ = Waiting(signals: signals.descriptor, events: tracer.queue.descriptor).wait()
      take()
      while let signal = signals.take() {
        if signal.number != SIGCHLD && signal.isFromProcess { child.send(signal.number) }
      }
      hasEnded = try ofChild { child throws(SystemError) in try child.hasEnded() }
    }
    // They were meant for the command, and must not cut the report short.
    while signals.take() != nil {}
    tracer.stop()
    // /proc may be asked about the child until here.
    let status = try ofChild { child throws(SystemError) in try child.statusIfEnded() }
    take()
    tally.add(tracer.queue.dropped)
    let (leaked, excused) = judged()
    let verdict = tally.verdict(leaks: leaked)
    var failure: Failure?
    do throws(OutputEnd) {
      try report(verdict, leaked: leaked, excused: excused, commandStatus: status)
    } catch {
      // A reader that has gone is fine; a report that cannot be written is a failure.
      failure = Failure(error)
    }
    if let broken = tracer.failure {
      failure = Failure(status: Failure.running, line: "the trace broke off: \(broken)")
    }
    if verdict == .leaked, leakStatus != 0 { throw Failure(status: leakStatus, line: failure?.line) }
    if let failure, failure.status != 0 { throw failure }
    if verdict == .unknown && status == 0 {
      throw Failure(
        status: Failure.running,
        line: "cannot say whether the command leaked: events were lost; run it again on a host with less to do")
    }
    return status ?? 0
  }

  private func ofChild<Answer>(_ ask: (ChildProcess) throws(SystemError) -> Answer) throws -> Answer {
    do throws(SystemError) {
      return try ask(child)
    } catch {
      throw Failure(status: Failure.running, line: "\(error); what it leaked is not known: run it again")
    }
  }

  /// A line a leak; the TIME_WAITs, which are no fault, are counted by process.
  private mutating func take() {
    let (events, dropped) = tracer.queue.takeAll()
    if dropped > 0 { count(Loss(time: Host.now, count: dropped, place: .output)) }
    for event in events {
      switch event {
      case .origin(let origin):
        tally.count(origin)
        switch origin.kind {
        case .closeWait:
          leaks.append(origin)
          stays[origin.connection] = HalfClosures.Stay(origin)
        case .closeWaitEnd:
          leaks.append(origin)
          stays[origin.connection]?.end = origin.time
        case .finWait2: stays[origin.connection] = HalfClosures.Stay(origin)
        case .timeWait, .reset: stays[origin.connection]?.end = origin.time
        }
      case .lost(let loss): count(loss)
      case .start, .summary: break
      }
    }
  }

  private mutating func count(_ loss: Loss) {
    tally.count(loss)
    losses[loss.place, default: 0] += loss.count
  }

  /// How many of the CLOSE_WAITs are leaks, and how many a relay's, or waited for.
  private func judged() -> (leaked: Int, excused: Int) {
    let closures = HalfClosures(Array(stays.values), now: Host.now)
    let parts = stays.values.compactMap { stay -> HalfClosures.Part? in
      guard case .closeWait = stay.origin.kind else { return nil }
      return closures.part(of: stay.origin.connection)
    }
    let leaked = parts.count { $0 == .leak }
    return (leaked, parts.count - leaked)
  }

  private mutating func report(
    _ verdict: Summary.Verdict, leaked: Int, excused: Int, commandStatus: Int32?
  ) throws(OutputEnd) {
    var summary = tally.summary(
      time: Host.now, durationNanoseconds: Host.bootNanoseconds - startNanoseconds)
    summary.verdict = verdict
    summary.commandStatus = commandStatus
    summary.unkeptContexts = tracer.unkeptContexts
    if !printer.isJSON {
      noteVerdict(verdict, leaked: leaked, excused: excused)
      if verdict != .leaked, commandStatus == leakStatus, leakStatus != 0 {
        printer.note("The command itself exited with \(leakStatus): that is not a report of leaks")
      }
    }
    if printer.isJSON || !leaks.isEmpty { try printer.print(tracer.startEvent) }
    for leak in leaks { printer.add(leak) }
    for place in Loss.Place.allCases {
      guard let count = losses[place] else { continue }
      if printer.isJSON {
        printer.add(Loss(time: summary.time, count: count, place: place))
      } else {
        printer.note("lost \(count) (\(place.rawValue))")
      }
    }
    try printer.print(summary)
  }

  private mutating func noteVerdict(_ verdict: Summary.Verdict, leaked: Int, excused: Int) {
    switch verdict {
    case .leaked: printer.note("\(leaked) leaked: in CLOSE_WAIT for too long, or until the end of its process")
    case .unknown: printer.note("Not known whether it leaked: a leak may be among the events that were lost")
    case .clean: break
    }
    if excused > 0 {
      printer.note(
        "\(excused) in CLOSE_WAIT and no leak: a relay's, or of a peer that had only shut down its side")
    }
  }
}
