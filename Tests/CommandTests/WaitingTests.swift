import Glibc
import System
import Testing

@testable import tcplinger

@Suite struct `A wait` {
  private struct Pipe: ~Copyable {
    let reading: FileDescriptor
    let writing: FileDescriptor

    static func open() throws -> Pipe {
      var ends: [Int32] = [-1, -1]
      try #require(Glibc.pipe(&ends) == 0)
      return Pipe(reading: FileDescriptor(number: ends[0]), writing: FileDescriptor(number: ends[1]))
    }
  }

  @Test func `ends at its time, and not before`() throws {
    let end = Host.bootNanoseconds + 30_000_000
    #expect(Waiting(signals: -1).wait(until: end) == .time)
    #expect(Host.bootNanoseconds >= end)
  }

  @Test func `ends for what comes first, and names all that has come`() throws {
    let signals = try Pipe.open()
    let events = try Pipe.open()
    let waiting = Waiting(signals: signals.reading.number, events: events.reading.number)
    #expect(write(events.writing.number, "x", 1) == 1)
    #expect(waiting.wait() == .event)
    #expect(write(signals.writing.number, "x", 1) == 1)
    #expect(waiting.wait() == [.event, .signal])
  }

  @Test func `looks once though its time is over`() throws {
    let keys = try Pipe.open()
    #expect(write(keys.writing.number, "x", 1) == 1)
    #expect(Waiting(signals: -1, keys: keys.reading.number).wait(until: 0) == .key)
    #expect(Waiting(signals: -1).wait(until: 0) == .time)
  }

  @Test func `hears of a reader who leaves`() throws {
    var ends: [Int32] = [-1, -1]
    try #require(Glibc.pipe(&ends) == 0)
    let output = FileDescriptor(number: ends[1])
    close(ends[0])
    #expect(Waiting(signals: -1, output: output.number).wait().contains(.readerGone))
  }

  @Test func `wakes up for what is due before its end`() {
    let now = Host.bootNanoseconds
    #expect(Waiting(signals: -1).wait(until: now + 60_000_000_000, orUntil: now + 10_000_000) == .time)
    #expect(Host.bootNanoseconds < now + 50_000_000_000)
  }
}

@Suite struct `A descriptor` {
  @Test func `is closed when it is let go of`() throws {
    var number: Int32 = -1
    do {
      let file = try FileDescriptor.reading("/proc/self/status")
      number = file.number
      #expect(fcntl(number, F_GETFD) >= 0)
    }
    #expect(fcntl(number, F_GETFD) < 0)
  }

  @Test func `of nothing is an error`() {
    #expect(throws: SystemError.self) { _ = try FileDescriptor.reading("/no/such/file") }
  }
}
