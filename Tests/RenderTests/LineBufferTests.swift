import Events
import Testing

@testable import Render

private func text(_ body: (inout LineBuffer) -> Void) -> String {
  var line = LineBuffer()
  body(&line)
  return String(decoding: line.bytes, as: UTF8.self)
}

@Suite struct `A line buffer` {
  @Test func `keeps what was written when it grows`() {
    let numbers = text { line in for number in 0..<5000 { line.append(number) } }
    #expect(numbers == (0..<5000).map { "\($0)" }.joined())
  }

  @Test func `takes a piece that is larger than all its room`() {
    let piece = String(repeating: "0123456789", count: 1000)
    #expect(
      text {
        $0.append("<")
        $0.append(piece)
      } == "<" + piece)
  }

  @Test(arguments: [(0, "0"), (9, "9"), (10, "10"), (UInt64.max, "18446744073709551615")])
  func `writes numbers in full`(_ number: UInt64, _ expected: String) {
    #expect(text { $0.append(number) } == expected)
  }

  // Seconds as `date -u -d @…` reads them.
  @Test(arguments: [
    (0, "1970-01-01T00:00:00.00Z"),
    (-1, "1969-12-31T23:59:59.00Z"),
    (951_782_400, "2000-02-29T00:00:00.00Z"),
    (1_709_251_199, "2024-02-29T23:59:59.00Z"),
    (1_735_689_599, "2024-12-31T23:59:59.00Z"),
    (4_107_542_400, "2100-03-01T00:00:00.00Z"),
    (-9_223_372_036, "1677-09-21T00:12:44.00Z"),
  ]) func `writes dates`(_ seconds: Int64, _ expected: String) {
    let time = WallTime(nanoseconds: seconds * 1_000_000_000)
    #expect(text { $0.append(utc: time, decimals: 2) } == expected)
  }
}
