import Diagnosis
import Events
import Glibc
import System
import Tracing

/// One watch from the readings before it to the report: who closes what is traced, and all that the kernel counts is
/// read twice. The watch lies between the two readings: what happened before, as programs were loaded, is not its own.
struct DoctorRun {
  private let netns: UInt32?
  /// Programs to do without.
  private let without: [String]
  private let signals: Int32
  private let before: HostReading
  private let countsBefore: [KernelCount]
  private let tracer: Tracer
  private var log: WatchLog

  /// - Throws: `TracingError` where the trace is not possible here.
  init(netns: UInt32?, without: [String], signals: Int32) throws {
    self.netns = netns
    self.without = without
    self.signals = signals
    var settings = TraceSettings()
    settings.netns = netns
    settings.without = without
    settings.tellsAllAtEnd = true
    settings.countsOpens = true
    settings.states.insert(.reset)
    tracer = try Tracer(settings, version: version)
    countsBefore = try tracer.counts()
    before = try HostReading(netns: netns, without: without)
    log = WatchLog(start: Self.wallTime(before.nanoseconds))
  }

  private static func wallTime(_ bootNanoseconds: UInt64) -> WallTime {
    BootClock(offsetNanoseconds: Host.bootClockOffsetNanoseconds).wallTime(ofBoot: bootNanoseconds)
  }

  var startEvent: Start { tracer.startEvent }

  mutating func run(nanoseconds: UInt64) throws -> HealthReport {
    watch(until: before.nanoseconds + nanoseconds)
    let counts = try tracer.counts()
    let after = try HostReading(netns: netns, without: without, withOwners: true)
    log.end = Self.wallTime(after.nanoseconds)
    log.add(opened: countsBefore, counts)
    tracer.stop()
    takeEvents()
    if let failure = tracer.failure {
      throw Failure(status: Failure.running, line: "the watch broke off: \(failure)")
    }
    guard !after.namespaces.isEmpty else {
      throw Failure(
        status: Failure.running,
        line:
          "cannot read the network namespace: it is gone, or may not be entered; see 'tcplinger census --by netns'"
      )
    }
    var facts = Facts(before, after)
    facts.flows = log.flows { Program(of: $0) }.map { flow in
      var flow = flow
      if let process = flow.process { flow.process?.context = tracer.context(of: process) }
      return flow
    }
    let readings = ProcessReadings(before: before.descriptors)
    facts.resets = log.resets
    facts.leaks = log.leaks { readings.reading(of: $0) }
    facts.acceptors = after.census.acceptors
    facts.listeners = after.census.listeners
    facts.exhausted = readings.exhausted(among: after.census.holders)
    facts.lost = log.lost
    var report = facts.examine(time: Host.now, kernel: Host.kernelRelease)
    report.unknown = after.refusals + report.unknown
    return report
  }

  /// Until then, or a signal.
  private mutating func watch(until end: UInt64) {
    let place = netns.map { "network namespace \($0)" } ?? "every network namespace"
    let waiting = Waiting(
      signals: signals, events: tracer.queue.descriptor, progress: "watching \(place)")
    defer { Progress.clear() }
    while tracer.failure == nil {
      guard Host.bootNanoseconds < end else { return }
      let wake = waiting.wait(until: end)
      takeEvents()
      if wake.contains(.signal) { return }
    }
  }

  private mutating func takeEvents() {
    let (events, dropped) = tracer.queue.takeAll()
    for event in events { log.add(event) }
    log.add(lost: dropped)
  }
}
