import Glibc
import Stage
import Testing

extension EndToEndTests {
  /// `tcplinger top` on a terminal. The filter for a namespace keeps the rest of the host off the screen.
  @Suite struct TopScreenTests {
    /// Two clients that close first, one connection and three, and a server that does not close.
    private final class Scene {
      let home: Player
      let few: Player
      let many: Player
      let leaker: Player
      private let listener: Socket
      private var open: [Conversation] = []

      init() throws {
        home = try Player("home")
        try home.enterNewNetworkNamespace()
        listener = try home.listen()
        (few, many, leaker) = (try home.fork(), try home.fork(), try home.fork())
        try few.rename(Array("few".utf8))
        try many.rename(Array("many".utf8))
        try leaker.rename(Array("leaker".utf8))
      }

      func play() throws {
        _ = try makeTimeWait(few, listener)
        for _ in 0..<3 { _ = try makeTimeWait(many, listener) }
        let talk = try Conversation(home, leaker)
        try talk.client.close()
        try talk.server.awaitState(.closeWait)
        open.append(talk)
      }

      func top(columns: Int, lines: Int, _ options: String = "", before: String = "") throws -> Tmux {
        let words = "\(before) \(try Programs.tcplinger) top --netns \(home.pid) --delay 100ms \(options)"
        let tmux = try Tmux(columns: columns, lines: lines, "\(words); echo ended with $?; sleep 60")
        try tmux.screen { $0.contains { $0.hasPrefix("tcplinger ") } }
        return tmux
      }
    }

    private func order(_ lines: [String], _ players: Player...) -> [Int] {
      players.map { player in lines.firstIndex { $0.contains(" \(player.pid) ") } ?? -1 }
    }

    @Test("A row a process, sorted by TIME_WAIT, and by what the keys say")
    func rows() throws {
      let scene = try Scene()
      let tmux = try scene.top(columns: 120, lines: 24)
      try scene.play()
      let lines = try tmux.screen { order($0, scene.many, scene.few, scene.leaker) == [2, 3, 4] }
      #expect(lines[1].contains("PID COMM"))
      #expect(lines[2].split(separator: " ").prefix(2) == ["\(scene.many.pid)", "many"])
      try tmux.press("r")
      try tmux.screen { order($0, scene.leaker, scene.few, scene.many) == [2, 3, 4] }
      try tmux.press(">")
      try tmux.screen { order($0, scene.leaker) == [2] }
      try tmux.press("q")
      let ended = try tmux.screen { $0.contains("ended with 0") }
      #expect(!ended.contains { $0.contains("PID COMM") })
    }

    @Test("Typing filters, Enter keeps it, Esc drops it")
    func filter() throws {
      let scene = try Scene()
      let tmux = try scene.top(columns: 80, lines: 24)
      try scene.play()
      try tmux.screen { !order($0, scene.many, scene.few, scene.leaker).contains(-1) }
      try tmux.press("/", "LEAK")
      try tmux.screen { order($0, scene.many, scene.few, scene.leaker) == [-1, -1, 2] }
      try tmux.press("BSpace", "Enter")
      let lines = try tmux.screen { $0.contains { $0.hasPrefix("filter: LEA ") } }
      #expect(order(lines, scene.leaker) == [2])
      try tmux.press("Escape")
      try tmux.screen { !order($0, scene.many, scene.few, scene.leaker).contains(-1) }
    }

    @Test("Enter shows what the selected process is, and its peers")
    func peers() throws {
      let scene = try Scene()
      let tmux = try scene.top(columns: 80, lines: 24)
      try scene.play()
      try tmux.screen { order($0, scene.many, scene.few, scene.leaker) == [2, 3, 4] }
      try tmux.press("Down", "Enter")
      let lines = try tmux.screen { order($0, scene.many, scene.few, scene.leaker) == [2, 3, 6] }
      #expect(lines[4].contains("tcplinger-player"))
      #expect(lines[5].contains("127.0.0.1:"))
      try tmux.press("Enter")
      try tmux.screen { order($0, scene.many, scene.few, scene.leaker) == [2, 3, 4] }
    }

    @Test("g takes the processes of a unit, a container, a pod or a user together, and back")
    func grouping() throws {
      let scene = try Scene()
      let tmux = try scene.top(columns: 140, lines: 24)
      try scene.play()
      try tmux.screen { order($0, scene.many, scene.few, scene.leaker) == [2, 3, 4] }
      for title in ["UNIT", "CONTAINER", "POD"] {
        try tmux.press("g")
        try tmux.screen { $0.count > 2 && $0[1].contains("PROCS \(title)") && $0[2].contains("  3 -") }
      }
      try tmux.press("g")
      let lines = try tmux.screen { $0.count > 2 && $0[1].contains("PROCS USER") && $0[2].contains("  3 root") }
      #expect(!lines.dropFirst(3).contains { $0.contains("root") })
      try tmux.press("g")
      try tmux.screen { order($0, scene.many, scene.few, scene.leaker) == [2, 3, 4] }
    }

    @Test("Paused it stands still, and goes on")
    func pause() throws {
      let scene = try Scene()
      let tmux = try scene.top(columns: 80, lines: 24)
      try tmux.press("p")
      try tmux.screen { $0.first?.hasSuffix("PAUSED") == true }
      try scene.play()
      usleep(500_000)
      #expect(order(try tmux.screen(), scene.many) == [-1])
      try tmux.press("p")
      try tmux.screen { order($0, scene.many) == [2] && $0.first?.hasSuffix("PAUSED") == false }
    }

    @Test(
      "It follows the size of its terminal, down to almost nothing",
      arguments: [(200, 50), (80, 24), (20, 3), (1, 1)])
    func resize(columns: Int, lines: Int) throws {
      let scene = try Scene()
      let tmux = try scene.top(columns: 100, lines: 30)
      try scene.play()
      try tmux.screen { order($0, scene.many) == [2] }
      try tmux.resize(columns: columns, lines: lines)
      if columns >= 80 {
        let shown = try tmux.screen { $0.count == lines && $0.last?.hasPrefix("? help") == true }
        #expect(shown[1].contains(columns >= 200 ? "TIME_WAIT/S" : "TW/S"))
        #expect(shown.last?.hasSuffix("Nothing was lost.") == true)
      }
      try tmux.resize(columns: 100, lines: 30)
      try tmux.screen { $0.count == 30 && order($0, scene.many, scene.few, scene.leaker) == [2, 3, 4] }
    }

    @Test("Help is one key away, and any key leads back")
    func help() throws {
      let scene = try Scene()
      let tmux = try scene.top(columns: 80, lines: 24)
      try tmux.press("?")
      let lines = try tmux.screen { $0.contains { $0.contains("any key") } }
      #expect(lines.allSatisfy { $0.count <= 80 })
      try tmux.press("x")
      try tmux.screen { $0.contains { $0.contains("PID COMM") } }
    }

    @Test("A hostile name moves no cell, and is found as it is shown")
    func hostile() throws {
      let scene = try Scene()
      try scene.many.rename(Array("\u{1b}[2J\r\u{9b}x\u{202e}".utf8))
      let tmux = try scene.top(columns: 120, lines: 24)
      try scene.play()
      let lines = try tmux.screen { order($0, scene.many, scene.few) == [2, 3] }
      #expect(lines[1].hasSuffix(" BUSIEST PEER"))
      let column = lines[1].count - "BUSIEST PEER".count
      #expect(lines[2].dropFirst(column).hasPrefix("127.0.0.1:"))
      try tmux.press("/", "x1b[2J")
      try tmux.screen { order($0, scene.many, scene.few) == [2, -1] }
    }

    @Test("Colours leave the background alone, and NO_COLOR has none", arguments: [true, false])
    func colours(coloured: Bool) throws {
      let scene = try Scene()
      let tmux = try scene.top(
        columns: 120, lines: 24, "--min-age 0", before: coloured ? "env -u NO_COLOR" : "NO_COLOR=1")
      try scene.play()
      try tmux.screen { order($0, scene.leaker) == [4] }
      let text = try tmux.colouredScreen()
      // Red for what leaks; of backgrounds only the default one.
      let codes = text.split(separator: "\u{1b}[").dropFirst()
        .flatMap { $0.prefix { $0 != "m" }.split(separator: ";") }.compactMap { Int($0) }
      #expect(codes.contains(31) == coloured, "\(text.debugDescription)")
      #expect(!codes.contains { 40...48 ~= $0 || 100...107 ~= $0 })
    }

    @Test("A terminal without a description is told in a line, before anything is drawn")
    func noTerminfo() throws {
      let tmux = try Tmux(
        columns: 120, lines: 10, "TERM=no-such-term \(try Programs.tcplinger) top; echo ended with $?; sleep 60"
      )
      let lines = try tmux.screen { $0.contains("ended with 2") }
      #expect(
        lines.first?.hasPrefix("tcplinger: cannot draw on the terminal: terminfo has no 'no-such-term'") == true
      )
    }

    @Test(
      "It draws where the host has no terminfo database",
      arguments: ["xterm-256color", "alacritty"])
    func emptyTerminfo(name: String) throws {
      let scene = try Scene()
      let hide = "for d in /usr/share/terminfo /lib/terminfo /etc/terminfo; do mount -t tmpfs none $d; done"
      let shell = "\(hide) 2>&-; export TERM=\(name); exec"
      let tmux = try Tmux(
        columns: 80, lines: 24,
        "unshare -m sh -c '\(shell) \(try Programs.tcplinger) top --netns \(scene.home.pid)'; echo ended with $?; sleep 60"
      )
      try tmux.screen { $0.dropFirst(2).first == "Waiting for connections." }
      try scene.play()
      let lines = try tmux.screen { order($0, scene.many, scene.few, scene.leaker) == [2, 3, 4] }
      #expect(lines[1].contains("PID COMM") && lines.allSatisfy { $0.count <= 80 })
      try tmux.press("Down", "r")
      try tmux.screen { order($0, scene.leaker, scene.few, scene.many) == [2, 3, 4] }
      try tmux.press("q")
      try tmux.screen { $0.contains("ended with 0") }
    }

    @Test("What is cut is marked, and what is below the screen is counted, on any size")
    func cut() throws {
      let scene = try Scene()
      let tmux = try scene.top(columns: 80, lines: 24)
      try scene.play()
      try tmux.screen { order($0, scene.many, scene.few, scene.leaker) == [2, 3, 4] }
      try tmux.resize(columns: 50, lines: 5)
      let lines = try tmux.screen { $0.last?.hasPrefix("? help  q quit  1 more below") == true }
      #expect(lines.allSatisfy { $0.count <= 50 })
      #expect(lines[0].hasSuffix("+") && lines[1].hasSuffix("+"))
      #expect(order(lines, scene.many, scene.few) == [2, 3])
      try tmux.press("Down", "Down")
      try tmux.screen { order($0, scene.few, scene.leaker) == [2, 3] }
      try tmux.resize(columns: 12, lines: 3)
      try tmux.screen { $0.count == 3 && $0.allSatisfy { $0.count <= 12 } }
      try tmux.resize(columns: 140, lines: 24)
      try tmux.screen {
        order($0, scene.many, scene.few, scene.leaker) == [2, 3, 4] && $0[1].contains("TIME_WAIT/S")
      }
    }

    @Test("Without a terminal it prints tables, --count of them")
    func batch() throws {
      let run = try Run.tcplinger(["top", "--delay", "100ms", "--count", "2"])
      #expect(run.ending == .status(0))
      #expect(run.output.lines.filter { $0.contains("PID COMM") }.count == 2)
      #expect(run.output.bytes.allSatisfy { $0 != 0x1b })
    }
  }
}
