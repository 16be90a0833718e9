import ArgumentParser

/// The help of each command, in one order: what it does, examples, options by group, exit status, see also. The options are
/// those that the library prints; manual pages are made of this text (scripts/manual).
enum Help {
  static let columns = 80

  static func text(of command: any Command.Type) -> String {
    let configuration = command.configuration
    let isRoot = command is Tcplinger.Type
    var text = wrapped(configuration.abstract, indent: 0) + "\n"
    if !configuration.discussion.isEmpty { text += wrapped(configuration.discussion, indent: 0) + "\n" }
    let name = isRoot ? "tcplinger [trace]" : "tcplinger \(command._commandName)"
    text += "USAGE\n  \(configuration.usage ?? "\(name) [OPTION...]")\n\n"
    text += section("EXAMPLES", command.manual.examples, labelWidth: 0)
    if isRoot {
      let commands = configuration.subcommands.map { ($0._commandName, $0.configuration.abstract) }
      text += section("COMMANDS", commands, labelWidth: 12)
      // The default command: its options are the root's.
      text += options(of: Trace.self)
    } else {
      text += options(of: command)
    }
    if !command.manual.keys.isEmpty { text += section("KEYS", command.manual.keys, labelWidth: 14) }
    text += section("EXIT STATUS", exitStatus(of: command), labelWidth: 8)
    text += "SEE ALSO\n" + wrapped(command.manual.seeAlso.joined(separator: ", "), indent: 2)
    return text
  }

  private static func exitStatus(of command: any Command.Type) -> [(String, String)] {
    let all =
      command.manual.exitStatus.map { ($0.label, $0.text) }
      + [
        ("0", "An orderly end, also by Ctrl-C or a reader that has gone."), ("1", "A failure while running."),
        ("2", "This machine, or your privileges, do not allow it."), ("64", "Bad arguments."),
      ].filter { common in !command.manual.exitStatus.contains { $0.label == common.0 } }
    return all.sorted { (Int($0.0.prefix { $0.isNumber }) ?? 999) < (Int($1.0.prefix { $0.isNumber }) ?? 999) }
  }

  /// The library's sections, without what the command refuses.
  private static func options(of command: any Command.Type) -> String {
    let help = Tcplinger.helpMessage(for: command, columns: columns)
    var own = ""
    var shared = ""
    for paragraph in help.split(separator: "\n\n") {
      var lines = paragraph.split(separator: "\n", omittingEmptySubsequences: false)
      guard let title = lines.first, title.hasSuffix(":"), title == title.uppercased(), title != "SUBCOMMANDS:"
      else { continue }
      lines.removeFirst()
      let kept = entries(lines).filter { entry in
        !command.refused.keys.contains { entry.first?.hasOption($0) ?? false }
      }
      if kept.isEmpty { continue }
      let text = "\(title.dropLast())\n" + kept.flatMap(\.self).map { "\($0)\n" }.joined() + "\n"
      if title == "OPTIONS:" || title == "ARGUMENTS:" { own += text } else { shared += text }
    }
    return own + shared
  }

  /// An option with the lines that go on with it.
  private static func entries(_ lines: [Substring]) -> [[Substring]] {
    var entries: [[Substring]] = []
    for line in lines where !line.isEmpty && !line.contains("(default as flag: ") {
      if line.hasPrefix("   ") && !entries.isEmpty && !line.drop(while: { $0 == " " }).hasPrefix("--") {
        entries[entries.count - 1].append(line)
      } else {
        entries.append([line])
      }
    }
    return entries
  }

  private static func section(
    _ title: String, _ rows: [(label: String, text: String)], labelWidth: Int
  ) -> String {
    var text = "\(title)\n"
    for (label, meaning) in rows {
      if labelWidth == 0 {
        text += "  \(label)\n" + wrapped(meaning, indent: 6)
      } else {
        let lines = wrapped(meaning, indent: labelWidth + 2)
        text += "  \(label)" + String(lines.dropFirst(label.count + 2))
      }
    }
    return text + "\n"
  }

  private static func wrapped(_ text: String, indent: Int) -> String {
    var lines = ""
    var line = ""
    for word in text.split(whereSeparator: \.isWhitespace) {
      if !line.isEmpty && indent + line.count + 1 + word.count > columns - 1 {
        lines += String(repeating: " ", count: indent) + line + "\n"
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    return lines + String(repeating: " ", count: indent) + line + "\n"
  }
}

extension Substring {
  /// Does this line of help begin with that option?
  fileprivate func hasOption(_ name: String) -> Bool {
    let label = split(separator: "   ", maxSplits: 1, omittingEmptySubsequences: true).first ?? self
    return label.split { $0 == " " || $0 == "," || $0 == "/" }.contains { $0 == "--\(name)" }
  }
}
