import ArgumentParser
import Events
import Language
import Render
import Testing

@testable import tcplinger

@Suite struct `The help` {
  static let commands: [any Command.Type] =
    [Tcplinger.self] + Tcplinger.configuration.subcommands.compactMap { $0 as? any Command.Type }

  private func titles(_ text: String) -> [String] {
    text.split(separator: "\n").map(String.init).filter {
      $0.first?.isUppercase == true && $0 == $0.uppercased()
    }
  }

  @Test func `is there for every command`() {
    #expect(Self.commands.count == 1 + Tcplinger.configuration.subcommands.count)
  }

  @Test(arguments: commands.indices) func `fits 80 columns`(index: Int) {
    for language in Language.allCases {
      for line in Help.text(of: Self.commands[index], language).split(separator: "\n") {
        #expect(Width.of(line) <= 80, "\(line)")
      }
    }
  }

  @Test(arguments: commands.indices) func `has the same order everywhere`(index: Int) {
    let order = [
      "USAGE", "EXAMPLES", "COMMANDS", "ARGUMENTS", "OPTIONS", "FILTERS", "TIME", "OUTPUT", "KERNEL PROGRAMS",
      "KEYS",
      "EXIT STATUS", "SEE ALSO",
    ]
    let titles = titles(Help.text(of: Self.commands[index]))
    #expect(titles == order.filter(titles.contains))
    for title in ["USAGE", "EXAMPLES", "OPTIONS", "OUTPUT", "EXIT STATUS", "SEE ALSO"] {
      #expect(titles.contains(title))
    }
  }

  @Test(arguments: commands.indices) func `has no option that the command refuses`(index: Int) {
    let command = Self.commands[index]
    let shown = Help.text(of: command).split { " \n,".contains($0) }.filter { $0.hasPrefix("--") }
    for name in command.refused.keys where name != "count" { #expect(!shown.contains("--\(name)"), "\(name)") }
  }

  @Test(arguments: commands.indices) func `is there in Chinese, every phrase of it`(index: Int) {
    let help = Help(of: Self.commands[index], .chinese)
    let missing = help.phrases.filter { Text(stringLiteral: $0).shown(in: .chinese) == $0 }
    #expect(missing.isEmpty, "without Chinese:\n\(missing.joined(separator: "\n"))")
    // Where lines are broken makes no difference to what is looked up.
    #expect(help.phrases == Help(of: Self.commands[index], .english).phrases)
  }

  @Test func `of the root has the options of trace, and every command`() {
    let root = Help.text(of: Tcplinger.self)
    let trace = Help.text(of: Trace.self)
    for option in trace.split(separator: "\n").filter({ $0.hasPrefix("  -") }) {
      #expect(root.contains(option))
    }
    for command in Self.commands.dropFirst() { #expect(root.contains("\n  \(command._commandName) ")) }
  }
}

@Suite struct `The names of states` {
  @Test(arguments: ["time_wait", "TIME-WAIT", "TimeWait", "timewait"])
  func `are read in any case, with a dash, a line or neither`(text: String) throws {
    #expect(try StateNames.kinds(text) == [.timeWait])
    #expect(try StateNames.states(text) == [.timeWait])
  }

  @Test func `may be a list`() throws {
    #expect(try StateNames.kinds("close_wait,RESET") == [.closeWait, .reset])
    #expect(try StateNames.states("syn-recv,fin_wait1") == [.synReceived, .finWait1])
  }

  @Test(arguments: ["", "time_wait,", "waiting", "time wait"]) func `are nothing else`(text: String) {
    #expect(throws: ValidationError.self) { try StateNames.kinds(text) }
    #expect(throws: ValidationError.self) { try StateNames.states(text) }
  }
}

@Suite struct `An option of all commands` {
  private func refusal(_ arguments: String...) -> String? {
    do {
      _ = try Tcplinger.parseAsRoot(arguments)
      return nil
    } catch {
      return Tcplinger.message(for: error)
    }
  }

  @Test(
    arguments: [
      "--json", "--no-color", "-v", "--verbose", "-q", "--quiet", "--duration 2s", "--interval 2s", "--count 3",
      "--sort pid", "--limit 3", "--wide", "--utc", "--date",
    ], ["trace", "top", "leaks", "census", "doctor", "run", "check"])
  func `works, or is refused by its name`(option: String, command: String) throws {
    let words = option.split(separator: " ").map(String.init)
    let line = [command] + words + (command == "run" ? ["--", "true"] : [])
    do {
      _ = try Tcplinger.parseAsRoot(line)
    } catch {
      let message = Tcplinger.message(for: error)
      #expect(message.hasPrefix("\(command) has no \(words[0]): "), "\(message)")
    }
  }

  @Test func `is refused with what to use instead`() {
    #expect(refusal("trace", "--interval", "2s")?.contains("use top") == true)
    #expect(refusal("run", "--duration", "2s", "--", "true")?.contains("timeout(1)") == true)
    #expect(refusal("doctor", "--pid", "7")?.contains("--netns") == true)
  }

  @Test(
    arguments: [
      (["--limit", "0"], "--limit 20"), (["leaks", "--sort", "size"], "count, oldest"),
      (["-n", "x"], "--count 20"),
      (["--interval", "10ms"], "100ms"), (["--state", "closed"], "time_wait"), (["--duration", "2w"], "2d"),
    ]) func `shows a right value where a wrong one was given`(arguments: [String], right: String) throws
  {
    do {
      _ = try Tcplinger.parseAsRoot(arguments)
      Issue.record("it was taken")
    } catch {
      #expect(Tcplinger.message(for: error).contains(right))
    }
  }
}
