import Glibc
import Stage
import Testing

extension EndToEndTests {
  /// What is made of the help: manual pages, and completions in the shells that use them.
  @Suite struct ManualTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    @Test("Every command has a manual page, and mandoc finds nothing wrong with it")
    func pages() throws {
      let script = try Run(
        Programs.system("python3", package: "python3", in: ["/usr/bin"]),
        [Programs.source("scripts/manual"), Programs.tcplinger, folder.path])
      #expect(script.ending == .status(0))
      let mandoc = try Programs.system("mandoc", package: "mandoc")
      let commands = ["", "-trace", "-top", "-leaks", "-census", "-doctor", "-run", "-check"]
      for command in commands {
        let page = "\(folder.path)/tcplinger\(command).8"
        let lint = try Run(mandoc, ["-Tlint", "-Wwarning", page])
        #expect(lint.ending == .status(0) && lint.output.bytes.isEmpty, "\(lint.output.text)")
        let text = try Run(mandoc, ["-Thtml", page]).output.text
        for option in ["--json", "--quiet"] { #expect(text.contains(option)) }
      }
    }

    private func completions(for shell: String) throws -> String {
      let run = try Run.tcplinger(["--generate-completion-script", shell])
      #expect(run.ending == .status(0))
      return try folder.write(shell == "zsh" ? "_tcplinger" : "tcplinger.\(shell)", run.output.text)
    }

    private static let lines = [
      ("tcplinger le", "leaks"), ("tcplinger trace --sta", "--state"),
      ("tcplinger trace --state ti", "time_wait"),
      ("tcplinger census --by pro", "process"),
    ]

    @Test("bash completes commands, options and values", arguments: lines)
    func bash(line: String, wanted: String) throws {
      let script = """
        source \(try completions(for: "bash"))
        COMP_WORDS=(\(line)); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_LINE='\(line)'; COMP_POINT=${#COMP_LINE}
        _tcplinger tcplinger "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\\n' "${COMPREPLY[@]}"
        """
      let run = try Run(Programs.system("bash", package: "bash"), ["--norc", "-c", script])
      #expect(run.output.lines.map { $0.split(separator: " ").first.map(String.init) } == [wanted])
    }

    @Test("fish completes commands, options and values", arguments: lines)
    func fish(line: String, wanted: String) throws {
      let script = "source \(try completions(for: "fish")); complete -C '\(line)'"
      let run = try Run(
        Programs.system("env", package: "coreutils"),
        [
          "HOME=\(folder.path)", "PATH=\(try folder.pathWithTool())",
          try Programs.system("fish", package: "fish"),
          "--no-config", "-c", script,
        ])
      #expect(run.output.lines.map { $0.split(separator: "\t").first.map(String.init) } == [wanted])
    }

    @Test("zsh completes commands, options and values", arguments: lines)
    func zsh(line: String, wanted: String) throws {
      _ = try completions(for: "zsh")
      let zsh = try Programs.system("zsh", package: "zsh")
      let start =
        "PS1='ready> '; autoload -Uz compinit; fpath=(\(folder.path) $fpath); compinit -u -D; setopt no_beep; clear"
      try folder.write(".zshrc", start + "\n")
      let terminal = try Tmux(
        columns: 100, lines: 24, "env ZDOTDIR=\(folder.path) PATH=\(try folder.pathWithTool()) \(zsh) -i")
      try terminal.screen { $0.first?.hasPrefix("ready>") == true }
      try terminal.press("-l", line)
      try terminal.press("Tab")
      let complete = line.split(separator: " ").dropLast().joined(separator: " ") + " " + wanted
      try terminal.screen { $0.first?.hasPrefix("ready> \(complete)") == true }
    }
  }
}

extension TemporaryDirectory {
  /// PATH, with the program under test in it.
  fileprivate func pathWithTool() throws -> String {
    symlink(try Programs.tcplinger, "\(path)/tcplinger")
    return ([path] + Programs.directories).joined(separator: ":")
  }
}
