import Events
import Language
import Testing

@testable import Diagnosis

@Suite struct LeakRuleTests {
  struct Case: Sendable {
    let what: String
    let severity: Finding.Severity
    var reason = Reason.eofRead
    var before: Int? = 100
    var open = 100
    var limit: Int? = 1024
  }

  static let cases = [
    Case(what: "no more descriptors than before the watch", severity: .warning),
    Case(what: "more, for longer than an hour", severity: .warning, open: 101, limit: 101 + 361),
    Case(what: "more, for an hour", severity: .critical, open: 101, limit: 101 + 360),
    Case(what: "all are open", severity: .critical, before: 1000, open: 1000, limit: 1000),
    Case(what: "nearly all, as before", severity: .warning, before: 990, open: 990, limit: 1000),
    Case(what: "not counted before", severity: .warning, before: nil, open: 900, limit: 1000),
    Case(what: "not accepted", severity: .warning, reason: .notAccepted, before: 90, open: 90, limit: 1000),
    Case(what: "no limit", severity: .warning, open: 1_000_000, limit: nil),
  ]

  @Test(arguments: cases) func severity(_ example: Case) throws {
    var log = WatchLog()
    log.add(.origin(Sample.closeWait(example.reason)))
    let facts = Sample.host({ facts in
      facts.leaks = log.leaks { _ in
        ProcessReading(
          descriptorsOpen: example.open, descriptorsBefore: example.before, descriptorLimit: example.limit)
      }
    })
    let finding = try #require(Sample.report(facts).finding("close_wait"), "\(example.what)")
    #expect(finding.severity == example.severity, "\(example.what)")
    #expect(finding.actors.map(\.process) == [Sample.client])
  }

  @Test("What ends in the watch is no leak; what began in it grows, what began before and ends shrinks")
  func log() throws {
    var log = WatchLog()
    for port in UInt16(1)...5 {
      log.add(.origin(Sample.closeWait(.eofRead, isEstimate: port <= 3, port: port)))
    }
    for port in [UInt16(1), 5] {
      log.add(.origin(Sample.origin(.closeWaitEnd(cause: .close, held: Age(nanoseconds: 1)), port: port)))
    }
    let leak = try #require(log.leaks { _ in nil }.first)
    #expect(leak.group.count == 3)
    // Two began, one of them is over; of the three older ones one is.
    #expect(leak.grown == 0)
  }

  @Test("A FIN_WAIT2 that becomes a TIME_WAIT is not stuck, and counts for who closed")
  func settled() {
    var log = WatchLog()
    log.add(.origin(Sample.origin(.finWait2(cause: .close, age: Age(nanoseconds: 2_000_000_000)))))
    log.add(.origin(Sample.origin(.timeWait(cause: .close, enteredFrom: .finWait2))))
    #expect(log.leaks { _ in nil }.isEmpty)
    let flows = log.flows { _ in Program(executable: "nginx") }
    #expect(flows.map(\.count) == [1])
    #expect(flows.first?.meanBytes == 100)
    #expect(flows.first?.program?.executable == "nginx")
  }

  @Test(
    "A leak that is not reported again at the end of the watch is over; one from before it is not counted as new"
  )
  func ends() {
    var log = WatchLog(start: WallTime(nanoseconds: 5))
    // Both are told at 0, before the watch.
    log.add(.origin(Sample.closeWait(.eofRead)))
    log.add(.origin(Sample.origin(.timeWait(cause: .close, enteredFrom: .finWait2))))
    #expect(log.flows { _ in nil }.isEmpty)
    log.end = WallTime(nanoseconds: 9)
    #expect(log.leaks { _ in nil }.isEmpty)
    var again = Sample.closeWait(.dataUnread)
    again.time = WallTime(nanoseconds: 10)
    log.add(.origin(again))
    #expect(log.leaks { _ in nil }.map(\.group.reason) == [.dataUnread])
  }

  @Test("Without a role a TIME_WAIT is nobody's")
  func noRole() {
    var log = WatchLog()
    log.add(.origin(Sample.origin(.timeWait(cause: .close, enteredFrom: .finWait2), role: .unknown)))
    #expect(log.flows { _ in nil }.isEmpty)
  }
}
