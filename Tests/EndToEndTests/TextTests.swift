import Glibc
import Stage
import Testing

extension EndToEndTests {
  /// What a person reads.
  @Suite struct TextTests {
    @Test("A line stands under its header, a column a field")
    func columns() throws {
      // In a network namespace of their own: what goes on beside, a burst even, is none of this test's lines.
      let client = try Player("client")
      try client.enterNewNetworkNamespace()
      let server = try client.fork()
      try server.rename(Array("server".utf8))
      let listener = try server.listen()
      let child = try textTracer(["--min-age", "200ms", "--netns", "\(client.networkNamespace)"])
      let header = try #require(child.output.lines.first)
      #expect(
        header.split(separator: " ").map(String.init) == [
          "TIME", "STATE", "PID", "COMM", "LOCAL", "PEER", "LIFE", "CAUSE",
        ])

      let talk = try Conversation(client, listener)
      try talk.exchange()
      try talk.client.close()
      let (local, peer) = (talk.client.local, talk.client.peer)
      let leak = try child.line { $0.contains("CLOSE_WAIT") && $0.contains(":\(local.port) ") }
      try talk.server.close()
      let timeWait = try child.line { $0.contains("TIME_WAIT") && $0.contains(":\(local.port) ") }
      let ending = try child.line { $0.contains("CLOSED") && $0.contains(":\(local.port) ") }
      child.send(SIGINT)
      #expect(try child.end() == .status(0))

      let clientEnd = "\(local.address):\(local.port)"
      let serverEnd = "\(peer.address):\(peer.port)"
      let time = Cell("TIME", matching: /\d\d:\d\d:\d\d\.\d\d\d/)
      expect(
        timeWait, under: header,
        [
          time, Cell("STATE", "TIME_WAIT"), Cell("PID", "\(client.pid)"), Cell("COMM", "client"),
          Cell("LOCAL", clientEnd), Cell("PEER", serverEnd), Cell("LIFE", matching: /[\d.]+(us|ms|s|m\d\ds)/),
          Cell("CAUSE", "close"),
        ])
      #expect(timeWait.contains(" -> \(serverEnd)"))
      expect(
        leak, under: header,
        [
          time, Cell("STATE", "CLOSE_WAIT"), Cell("PID", "\(server.pid)"), Cell("COMM", "server"),
          Cell("LOCAL", serverEnd), Cell("PEER", clientEnd),
          Cell("LIFE", matching: /held [\d.]+(ms|s|m\d\ds)/),
          Cell("CAUSE", "eof_unread, fd \(talk.server.fd)"),
        ])
      #expect(leak.contains(" <- \(clientEnd)"))
      expect(
        ending, under: header,
        [time, Cell("PID", "\(server.pid)"), Cell("LOCAL", serverEnd), Cell("CAUSE", "ended by close")])
    }

    /// What stands under a word of the header.
    private struct Cell {
      var column: String
      var pattern: Regex<AnyRegexOutput>

      init(_ column: String, _ text: String) {
        self.column = column
        pattern = Regex(verbatim: text)
      }

      init(_ column: String, matching pattern: some RegexComponent) {
        self.column = column
        self.pattern = Regex(pattern.regex)
      }
    }

    private func expect(_ line: String, under header: String, _ cells: [Cell]) {
      for cell in cells {
        guard let column = header.range(of: cell.column) else {
          Issue.record("no \(cell.column) in \(header)")
          continue
        }
        let offset = header.distance(from: header.startIndex, to: column.lowerBound)
        let rest = line.dropFirst(offset)
        let match = rest.prefixMatch(of: cell.pattern)
        #expect(match != nil, "\(cell.column) of: \(line)")
        if let match {
          #expect(match.range.upperBound == rest.endIndex || rest[match.range.upperBound] == " ", "\(line)")
        }
      }
    }

    @Test("IPv6 addresses have brackets")
    func ipv6() throws {
      let listener = try Player("server").listen(at: "::1")
      let child = try textTracer(["-D", "\(listener.local.port)"])

      let socket = try Player("client").connect(to: listener.local)
      let accepted = try listener.accept()
      try socket.close()
      try accepted.close()
      let line = try child.line { $0.contains("TIME_WAIT") }
      child.send(SIGINT)
      _ = try child.end()

      #expect(line.contains(" [::1]:\(socket.local.port) "))
      #expect(line.contains(" -> [::1]:\(listener.local.port) "))
    }

    enum Colour: CaseIterable {
      case terminal, terminalWithEmptyVariable, variable, option, pipe

      var options: [String] { self == .option ? ["--no-color"] : [] }

      var environment: [String: String] {
        ["TERM": "xterm", "NO_COLOR": self == .variable ? "1" : ""]
      }

      var stream: Child.Stream { self == .pipe ? .pipe : .terminal }

      /// Source: no-color.org, where an empty NO_COLOR does not count.
      var isColoured: Bool { self == .terminal || self == .terminalWithEmptyVariable }
    }

    @Test("Colour is for terminals, unless it is not wanted", arguments: Colour.allCases)
    func colour(colour: Colour) throws {
      let listener = try Player("server").listen()
      let child = try textTracer(
        colour.options + ["-D", "\(listener.local.port)"], environment: colour.environment,
        output: colour.stream)

      _ = try makeTimeWait(Player("client"), listener)
      let line = try child.line { $0.contains("TIME_WAIT") }
      child.send(SIGINT)
      _ = try child.end()

      #expect(line.contains("\u{1b}[") == colour.isColoured)
    }

    @Test(
      "A terminal gets many of a kind as one line with their number, a pipe gets each",
      arguments: [true, false])
    func folding(isTerminal: Bool) throws {
      let connections = 200
      let server = try Player("server")
      let listener = try server.listen()
      let client = try Player("client")
      let child = try textTracer(
        ["--no-color", "-D", "\(listener.local.port)"], output: isTerminal ? .terminal : .pipe)

      for _ in 0..<connections { _ = try makeTimeWait(client, listener) }
      var rows: [String] = []
      var counted = 0
      _ = eventually {
        child.output.fill(within: 10)
        rows = child.output.lines.filter { $0.contains("TIME_WAIT") }
        counted = rows.map { $0.firstMatch(of: /×(\d+)/).flatMap { Int($0.1) } ?? 1 }.reduce(0, +)
        return counted >= connections
      }
      child.send(SIGINT)
      #expect(try child.end() == .status(0))

      #expect(counted == connections)
      #expect(rows.allSatisfy { $0.contains(" \(client.pid) ") })
      #expect(isTerminal ? rows.count < connections / 2 : rows.count == connections)
    }
  }
}

extension String {
  fileprivate func range(of word: String) -> Range<Index>? {
    firstRange(of: word)
  }
}
