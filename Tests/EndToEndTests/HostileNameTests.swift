import FoundationEssentials
import Glibc
import Stage
import Testing

extension EndToEndTests {
  /// A process chooses its name: it must not steer the reader's terminal, nor break a script.
  @Suite struct HostileNameTests {
    static let names: [[UInt8]] = [
      Array("\u{1b}[31mred\u{1b}[0m".utf8),
      Array("\u{1b}]0;title\u{07}".utf8),
      Array("two\nlines\r".utf8),
      Array("q\"uo\\te'\t".utf8),
      Array("a  b".utf8),
      Array("na\u{ef}ve \u{fc}".utf8),
      Array("\u{202e}txt.exe".utf8),
      Array("\u{9b}31m".utf8),
      Array("del\u{7f}bell\u{07}".utf8),
      [0x61, 0xff, 0xfe, 0x62],
      // Cut in the middle of a character, as the kernel does after 15 bytes.
      Array("fourteen bytes".utf8) + [0xc3],
      [0xed, 0xa0, 0x80],
      [0xc0, 0x80],
    ]

    private func traced(_ name: [UInt8], _ options: [String]) throws -> (Child, Player) {
      let listener = try Player("server").listen()
      let client = try Player("client")
      try client.rename(name)
      let child = try textTracer(options + ["-D", "\(listener.local.port)", "--count", "1"])
      _ = try makeTimeWait(client, listener)
      #expect(try child.end() == .status(0))
      return (child, client)
    }

    @Test("JSON stays valid, one line an event, and the name is there", arguments: names)
    func json(name: [UInt8]) throws {
      let (child, client) = try traced(name, ["--json"])

      #expect(child.output.bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == UInt8(ascii: "\n") })
      #expect(String(validating: child.output.bytes, as: UTF8.self) != nil)
      try #require(child.output.lines.count == 3)
      let events = try child.output.lines.map {
        try JSONDecoder().decode(TracedEvent.self, from: Data($0.utf8))
      }
      #expect(events.map(\.event) == ["start", "time_wait", "summary"])
      #expect(events[1].process?.pid == client.pid)
      if let text = String(validating: name, as: UTF8.self) {
        #expect(events[1].process?.comm == text)
        #expect(events[1].opener?.comm == text)
        #expect(events[2].processes?.first?.comm == text)
      } else {
        #expect(events[1].process?.comm.contains("\u{fffd}") == true)
      }
    }

    @Test("Text shows what could steer a terminal as plain characters", arguments: names)
    func text(name: [UInt8]) throws {
      let (child, client) = try traced(name, [])

      let text = try #require(String(validating: child.output.bytes, as: UTF8.self))
      let steering = text.unicodeScalars.filter {
        $0 != "\n" && [.control, .format, .lineSeparator].contains($0.properties.generalCategory)
      }
      #expect(steering.isEmpty)
      let rows = child.output.lines.filter { $0.contains("TIME_WAIT   \(client.pid) ") }
      #expect(rows.count == 1)
      // Header, the origin, an empty line, and the account of one process in seven.
      #expect(child.output.lines.filter { $0.contains("\(client.pid)") }.count == 2)
    }

    @Test("Names that differ look different")
    func distinct() throws {
      var shown: Set<String> = []
      for name in Self.names {
        let (child, client) = try traced(name, [])
        let row = try #require(child.output.lines.first { $0.contains("TIME_WAIT   \(client.pid) ") })
        let comm = row.split(separator: "\(client.pid)", maxSplits: 1)[1].prefix { $0 != ":" }
        shown.insert(String(comm))
      }

      #expect(shown.count == Self.names.count)
    }
  }
}
