import CWire
import Events
import Glibc
import System
import Testing

@testable import Tracing

@Suite struct `The table of processes` {
  /// This process, under a name of one's choice, or its own.
  private func own(_ comm: String? = nil, startedAfter nanoseconds: UInt64 = 0) throws -> Process {
    let pid = UInt32(getpid())
    let facts = try #require(ProcessFacts(pid: pid))
    return Process(
      pid: pid, tid: pid, comm: comm.map { Comm($0) } ?? Comm(facts.comm),
      startedNanoseconds: facts.startedNanoseconds + nanoseconds)
  }

  private func record(_ process: Process, _ words: [String]) throws -> KernelContext {
    var wire = wire_context()
    (wire.process.pid, wire.process.tid, wire.process.started_ns) = (
      process.pid, process.tid, process.startedNanoseconds
    )
    withUnsafeMutableBytes(of: &wire.process.comm) { $0.copyBytes(from: process.comm.bytes) }
    var bytes: [UInt8] = []
    for word in words { bytes += Array(word.utf8) + [0] }
    (wire.uid, wire.command_length) = (0, UInt32(bytes.count))
    withUnsafeMutableBytes(of: &wire.command) { $0.copyBytes(from: bytes) }
    return try withUnsafeBytes(of: wire) { try KernelContext(RawSpan(_unsafeBytes: $0)) }
  }

  @Test func `reads a process that is there`() throws {
    let context = ProcessTable(isIntroduced: false).context(of: try own())
    #expect(context?.commandLine?.isEmpty == false)
    #expect(context?.executable?.hasPrefix("/") == true)
    #expect(context?.user?.id == geteuid())
  }

  @Test func `takes no program of a process that has another name by now`() throws {
    let context = ProcessTable(isIntroduced: false).context(of: try own("before"))
    #expect(context?.commandLine == nil)
    #expect(context?.executable == nil)
    #expect(context?.user?.id == geteuid())
    let table = ProcessTable(isIntroduced: true)
    #expect(table.introduce(try record(try own("before"), ["before"])).executable == nil)
    #expect(table.introduce(try record(try own(), ["own"])).executable != nil)
  }

  @Test func `gives no process what another had that had its pid`() throws {
    let table = ProcessTable(isIntroduced: true)
    table.introduce(try record(try own("one"), ["one"]))
    let later = try own("two", startedAfter: 60_000_000_000)
    let context = table.context(of: later)
    #expect(context?.commandLine == nil)
    #expect(context?.executable == nil)
    // The kernel tells of it: what /proc has is of the process that is there now.
    table.introduce(try record(later, ["two"]))
    #expect(table.context(of: later)?.commandLine == ["two"])
    #expect(table.context(of: later)?.executable == nil)
    #expect(table.context(of: try own("one"))?.commandLine == ["one"])
  }

  @Test func `keeps apart what a process was before exec() and after`() throws {
    let table = ProcessTable(isIntroduced: true)
    let (before, after) = (try own("sh"), try own("curl"))
    table.introduce(try record(before, ["sh", "-c", "curl"]))
    #expect(table.context(of: before)?.commandLine == ["sh", "-c", "curl"])
    table.introduce(try record(after, ["curl", "x"]))
    #expect(table.context(of: after)?.commandLine == ["curl", "x"])
    #expect(table.context(of: before)?.commandLine == ["sh", "-c", "curl"])
    // A name that it gave itself makes no other program of it.
    #expect(table.context(of: try own("renamed"))?.commandLine == ["curl", "x"])
    table.introduce(try record(after, ["curl", "y"]))
    #expect(table.context(of: after)?.commandLine == ["curl", "y"])
  }

  @Test func `is bounded, and counts whom it forgets`() throws {
    let table = ProcessTable(isIntroduced: true)
    for number: UInt64 in 0..<17_000 {
      var process = try own("x")
      process.startedNanoseconds = number * 1_000_000_000_000
      table.introduce(try record(process, ["\(number)"]))
    }
    #expect(table.forgotten == 17_000 - 16_384)
    var last = try own("x")
    last.startedNanoseconds = 16_999 * 1_000_000_000_000
    #expect(table.context(of: last)?.commandLine == ["16999"])
  }
}
