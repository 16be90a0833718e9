import Diagnosis
import Events
import Glibc
import System
import Tracing

/// One watch from the readings before it to the report: who closes what is traced, and all that the kernel counts is
/// read twice.
struct DoctorRun {
  private let netns: UInt32?
  /// Programs to do without.
  private let without: [String]
  private let signals: Int32
  private let before: HostReading
  private let tracer: Tracer
  private let startNanoseconds: UInt64
  private var log = WatchLog()

  /// - Throws: `TracingError` where the trace is not possible here.
  init(netns: UInt32?, without: [String], signals: Int32) throws {
    self.netns = netns
    self.without = without
    self.signals = signals
    before = try HostReading(netns: netns, without: without)
    var settings = TraceSettings()
    settings.netns = netns
    settings.without = without
    tracer = try Tracer(settings, version: version)
    startNanoseconds = Host.bootNanoseconds
  }

  var startEvent: Start { tracer.startEvent }

  mutating func run(nanoseconds: UInt64) throws -> HealthReport {
    watch(until: startNanoseconds + nanoseconds)
    let watched = Host.bootNanoseconds - startNanoseconds
    let after = try HostReading(netns: netns, without: without)
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
    var facts = Facts(before, after, watchedNanoseconds: watched)
    // In another pid namespace, /proc has other processes under these numbers.
    let isInitial = PidNamespace.isInitial
    facts.flows = log.flows { isInitial ? Executable.name(pid: $0) : nil }
    facts.leaks = log.leaks(now: Host.now) { process in
      (isInitial ? Descriptors(pid: process.pid, startedNanoseconds: process.startedNanoseconds) : nil).map {
        ($0.open, $0.limit)
      }
    }
    facts.lost = log.lost
    var report = facts.examine(time: Host.now, kernel: Host.kernelRelease)
    report.unknown = after.refusals + report.unknown
    return report
  }

  /// Until then, or a signal.
  private mutating func watch(until end: UInt64) {
    while tracer.failure == nil {
      let now = Host.bootNanoseconds
      guard now < end else { return }
      var waits = [
        pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
        pollfd(fd: tracer.queue.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      poll(&waits, 2, Int32(clamping: (end - now + 999_999) / 1_000_000))
      takeEvents()
      if waits[0].revents != 0 { return }
    }
  }

  private mutating func takeEvents() {
    let (events, dropped) = tracer.queue.takeAll()
    for event in events { log.add(event) }
    log.add(lost: dropped)
  }
}
