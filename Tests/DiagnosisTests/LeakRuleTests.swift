import Events
import Testing

@testable import Diagnosis

@Suite struct LeakRuleTests {
  struct Case: Sendable {
    let what: String
    let severity: Finding.Severity
    var reason = Reason.eofRead
    var open = 100
    var limit: Int? = 1024
    var isOld = false
  }

  static let cases = [
    Case(what: "old, with room", severity: .warning, isOld: true),
    Case(what: "grows, for longer than an hour", severity: .warning, limit: 100 + 361),
    Case(what: "grows, for an hour", severity: .critical, limit: 100 + 360),
    Case(what: "nine tenths are open", severity: .critical, open: 900, limit: 1000, isOld: true),
    Case(what: "not quite nine tenths", severity: .warning, open: 899, limit: 1000, isOld: true),
    Case(
      what: "not accepted has no descriptor", severity: .warning, reason: .notAccepted, open: 1000, limit: 1000),
    Case(what: "no limit", severity: .warning, open: 1_000_000, limit: nil),
  ]

  @Test(arguments: cases) func severity(_ example: Case) throws {
    var log = WatchLog()
    log.add(.origin(Sample.closeWait(example.reason, isEstimate: example.isOld)))
    let facts = Sample.host({ facts in
      facts.leaks = log.leaks(now: Sample.end) { _ in (example.open, example.limit)
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
    let leak = try #require(log.leaks(now: Sample.end) { _ in nil }.first)
    #expect(leak.group.count == 3)
    // Two began, one of them is over; of the three older ones one is.
    #expect(leak.grown == 0)
  }

  @Test("A FIN_WAIT2 that becomes a TIME_WAIT is not stuck, and counts for who closed")
  func settled() {
    var log = WatchLog()
    log.add(.origin(Sample.origin(.finWait2(cause: .close, age: Age(nanoseconds: 2_000_000_000)))))
    log.add(.origin(Sample.origin(.timeWait(cause: .close, enteredFrom: .finWait2))))
    #expect(log.leaks(now: Sample.end) { _ in nil }.isEmpty)
    let flows = log.flows { _ in "nginx" }
    #expect(flows.map(\.count) == [1])
    #expect(flows.first?.meanBytes == 100)
    #expect(flows.first?.executable == "nginx")
  }

  @Test("What was told early in the watch has grown older at its end")
  func age() {
    var log = WatchLog()
    log.add(.origin(Sample.closeWait(.eofRead, seconds: 1)))
    let leaks = log.leaks(now: WallTime(nanoseconds: 9_000_000_000)) { _ in nil }
    #expect(leaks.map(\.group.oldest.nanoseconds) == [10_000_000_000])
  }

  @Test("Without a role a TIME_WAIT is nobody's")
  func noRole() {
    var log = WatchLog()
    log.add(.origin(Sample.origin(.timeWait(cause: .close, enteredFrom: .finWait2), role: .unknown)))
    #expect(log.flows { _ in nil }.isEmpty)
  }
}
