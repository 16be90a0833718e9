import Stage
import Testing

extension EndToEndTests {
  /// The options that every command has, by what they do.
  @Suite struct OptionTests {
    private let home: Player

    init() throws {
      home = try Player("home")
      try home.enterNewNetworkNamespace()
    }

    /// So many processes, each with one connection that it does not close.
    private func makeLeaks(_ names: String...) throws -> [Any] {
      try names.enumerated().map { index, name in
        let leaker = try home.fork()
        try leaker.rename(Array(name.utf8))
        let talks = try (0...index).map { _ in try Conversation(home, leaker) }
        for talk in talks {
          try talk.client.close()
          try talk.server.awaitState(.closeWait)
        }
        return (leaker, talks)
      }
    }

    private func leaks(_ options: String...) throws -> [String] {
      let run = try Run.tcplinger(["leaks", "--netns", "\(home.pid)", "--no-color"] + options)
      guard run.ending == .status(0) else {
        throw Failure("leaks ended with \(run.ending): \(run.errors.text)")
      }
      return run.output.lines
    }

    /// The names in a list of leaks, in order.
    private func names(_ lines: [String]) -> [String] {
      lines.compactMap { $0.split(separator: " ").dropFirst().first.map(String.init) }.filter {
        $0.hasPrefix("leak")
      }
    }

    @Test("--sort orders rows by a column, and --limit says how many it leaves out")
    func order() throws {
      let scene = try makeLeaks("leak-a", "leak-c", "leak-b")
      #expect(names(try leaks()) == ["leak-b", "leak-c", "leak-a"])
      #expect(names(try leaks("--sort", "comm")) == ["leak-a", "leak-b", "leak-c"])
      #expect(names(try leaks("--sort", "PID")) == ["leak-a", "leak-c", "leak-b"])
      let limited = try leaks("--limit", "1")
      #expect(names(limited) == ["leak-b"])
      #expect(limited.contains("and 2 more (--limit shows more)"))
      withExtendedLifetime(scene) {}
    }

    @Test("--quiet prints results only, and nothing where there is none")
    func quiet() throws {
      #expect(try leaks("--quiet").isEmpty)
      let scene = try makeLeaks("leak-a")
      let lines = try leaks("-q")
      #expect(lines.first?.contains("leak-a") == true)
      #expect(lines.allSatisfy { !$0.isEmpty && !$0.contains("PID") && !$0.contains("_WAIT") })
      let trace = try Run.tcplinger(["-q", "--netns", "\(home.pid)", "--duration", "100ms"])
      #expect(trace.output.bytes.isEmpty && trace.errors.bytes.isEmpty)
      withExtendedLifetime(scene) {}
    }

    @Test("--utc and --date change the time of a line, and move no column")
    func times() throws {
      let trace = try Child(
        Programs.tcplinger,
        ["--netns", "\(home.pid)", "--utc", "--date", "--count", "1", "--state", "Time-Wait"])
      let header = try #require(trace.nextLine(by: .inSeconds(patience)))
      _ = try makeTimeWait(home.fork(), home.listen())
      #expect(try trace.end() == .status(0))
      let line = try #require(trace.output.lines.dropFirst().first)
      #expect(line.wholeMatch(of: /20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  TIME_WAIT .*/) != nil, "\(line)")
      func column(of word: String, in text: String) -> Int? {
        text.ranges(of: word).first.map { text.distance(from: text.startIndex, to: $0.lowerBound) }
      }
      #expect(
        column(of: "TIME_WAIT", in: line) == column(of: "STATE", in: String(decoding: header, as: UTF8.self)))
    }

    @Test("--count and --interval end looks of leaks, census and top", arguments: ["leaks", "census", "top"])
    func looks(command: String) throws {
      let interval = command == "census" ? "1s" : "150ms"
      let run = try Run.tcplinger(
        [command, "--json", "--count", "3", "--interval", interval, "--netns", "\(home.pid)"])
      #expect(run.ending == .status(0))
      #expect(run.output.lines.count == 3)
    }

    @Test(
      "A command has colour on a terminal, and none in a pipe, with --no-color or NO_COLOR",
      arguments: [
        "trace --state close_wait --duration 300ms", "leaks", "leaks --each", "census", "doctor --duration 1s",
        "check",
      ])
    func colour(command: String) throws {
      let scene = try makeLeaks("leak-a")
      let folder = try TemporaryDirectory()
      let words =
        command.split(separator: " ").map(String.init)
        + (command == "check" ? [] : ["--netns", "\(home.pid)"])
      func onTerminal(_ options: String, _ variable: String = "env -u NO_COLOR") throws -> Bool {
        let line =
          "\(variable) TERM=xterm-256color \(try Programs.tcplinger) \(words.joined(separator: " ")) \(options)"
        let script = try Run(
          Programs.system("script", package: "bsdutils"), ["-qec", line, "\(folder.path)/typescript"])
        #expect(script.output.text.count > 40)
        return script.output.text.contains("\u{1b}[")
      }
      #expect(try onTerminal(""))
      #expect(try !onTerminal("--no-color"))
      #expect(try !onTerminal("", "NO_COLOR=1"))
      #expect(try !Run.tcplinger(words).output.text.contains("\u{1b}"))
      withExtendedLifetime(scene) {}
    }
  }
}
