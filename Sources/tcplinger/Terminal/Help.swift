import ArgumentParser
import Language
import Render

/// The help of each command, in one order: what it does, examples, options by group, exit status, see also. The options are
/// those that the library prints; manual pages are made of this text (scripts/manual).
struct Help {
  static let columns = 80

  private let command: any Command.Type
  private let language: Language
  /// Every phrase that was asked for, in English: a test looks whether the catalogue has them.
  private(set) var phrases: [String] = []
  private(set) var text = ""

  static func text(of command: any Command.Type, _ language: Language = .english) -> String {
    Help(of: command, language).text
  }

  init(of command: any Command.Type, _ language: Language) {
    (self.command, self.language) = (command, language)
    let configuration = command.configuration
    let isRoot = command is Tcplinger.Type
    paragraph(configuration.abstract)
    if !configuration.discussion.isEmpty { paragraph(configuration.discussion) }
    let name = isRoot ? "tcplinger [trace]" : "tcplinger \(command._commandName)"
    text += "\(said("USAGE"))\n  \(configuration.usage ?? "\(name) [OPTION...]")\n\n"
    section("EXAMPLES", command.manual.examples, labelWidth: 0)
    if isRoot {
      section(
        "COMMANDS", configuration.subcommands.map { ($0._commandName, $0.configuration.abstract) },
        labelWidth: 12)
      // The default command: its options are the root's.
      options(of: Trace.self)
    } else {
      options(of: command)
    }
    if !command.manual.keys.isEmpty { section("KEYS", command.manual.keys, labelWidth: 14) }
    section("EXIT STATUS", exitStatus, labelWidth: 8)
    text += said("SEE ALSO") + "\n" + Self.wrapped(command.manual.seeAlso.joined(separator: ", "), indent: 2)
  }

  /// A phrase in the language of the help.
  private mutating func said(_ phrase: String) -> String {
    phrases.append(phrase)
    return Text(stringLiteral: phrase).shown(in: language)
  }

  private mutating func paragraph(_ phrase: String) {
    text += Self.wrapped(said(Self.inOneLine(phrase)), indent: 0) + "\n"
  }

  private static func inOneLine(_ text: String) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  private var exitStatus: [(label: String, text: String)] {
    let own = command.manual.exitStatus
    let common = [
      ("0", "An orderly end, also by Ctrl-C or a reader that has gone."), ("1", "A failure while running."),
      ("2", "This machine, or your privileges, do not allow it."), ("64", "Bad arguments."),
    ].filter { common in !own.contains { $0.label == common.0 } }
    func number(_ label: String) -> Int { Int(label.prefix { $0.isNumber }) ?? 999 }
    return (own.map { ($0.label, $0.text) } + common).sorted { number($0.0) < number($1.0) }
  }

  /// The library's sections, without what the command refuses.
  private mutating func options(of command: any Command.Type) {
    let help = Tcplinger.helpMessage(for: command, columns: Self.columns)
    var own: [(title: String, entries: [Entry])] = []
    var shared = own
    for paragraph in help.split(separator: "\n\n") {
      var lines = paragraph.split(separator: "\n", omittingEmptySubsequences: false)
      guard let title = lines.first, title.hasSuffix(":"), title == title.uppercased(), title != "SUBCOMMANDS:"
      else { continue }
      lines.removeFirst()
      let kept = Entry.all(lines).filter { entry in !command.refused.keys.contains { entry.hasOption($0) } }
      if kept.isEmpty { continue }
      let section = (String(title.dropLast()), kept)
      if title == "OPTIONS:" || title == "ARGUMENTS:" { own.append(section) } else { shared.append(section) }
    }
    for (title, entries) in own + shared {
      text += said(title) + "\n"
      for entry in entries { add(entry) }
      text += "\n"
    }
  }

  private static let optionWidth = 26

  private mutating func add(_ entry: Entry) {
    var meaning = said(entry.meaning)
    if let values = entry.values {
      meaning += " (\(said("values")): \(values))"
    }
    let lines = Wrapping.lines(
      meaning, columns: Self.columns - 1, first: Self.optionWidth, rest: Self.optionWidth)
    let label = "  " + entry.label
    let isLong = label.count >= Self.optionWidth
    text += isLong ? label + "\n" : label + String(repeating: " ", count: Self.optionWidth - label.count)
    let indent = String(repeating: " ", count: Self.optionWidth)
    text += (isLong ? indent : "") + lines.joined(separator: "\n" + indent) + "\n"
  }

  private mutating func section(
    _ title: String, _ rows: [(label: String, text: String)], labelWidth: Int
  ) {
    text += said(title) + "\n"
    for (label, meaning) in rows {
      if labelWidth == 0 {
        text += "  \(label)\n" + Self.wrapped(said(meaning), indent: 6)
      } else {
        let lines = Self.wrapped(said(Self.inOneLine(meaning)), indent: labelWidth + 2)
        text += "  \(label)" + String(lines.dropFirst(label.count + 2))
      }
    }
    text += "\n"
  }

  private static func wrapped(_ text: String, indent: Int) -> String {
    let space = String(repeating: " ", count: indent)
    return Wrapping.lines(text, columns: columns - 1, first: indent, rest: indent).map { "\(space)\($0)\n" }
      .joined()
  }
}

/// An option as the library prints it, taken apart.
private struct Entry {
  var label: String
  var meaning: String
  /// What it may be, where the library lists that.
  var values: String?

  private init(_ lines: [Substring]) {
    let first = lines[0].drop { $0 == " " }
    // The label ends where two spaces do not belong to it, or at the end of its line.
    let range = first.firstRange(of: "  ") ?? (first.count > 23 ? first.firstRange(of: "> ") : nil)
    label =
      range.map { String(first[..<$0.lowerBound]) + (first[$0].hasPrefix(">") ? ">" : "") } ?? String(first)
    var words = range.map { String(first[$0.upperBound...]) } ?? ""
    for line in lines.dropFirst() { words += " " + line }
    words = words.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    meaning = words
    guard words.hasSuffix(")"), let start = words.ranges(of: " (values: ").last else { return }
    meaning = String(words[..<start.lowerBound])
    values = String(words[start.upperBound...].dropLast())
  }

  static func all(_ lines: [Substring]) -> [Entry] {
    var entries: [[Substring]] = []
    for line in lines where !line.isEmpty && !line.contains("(default as flag: ") {
      if line.hasPrefix("   ") && !entries.isEmpty && !line.drop(while: { $0 == " " }).hasPrefix("--") {
        entries[entries.count - 1].append(line)
      } else {
        entries.append([line])
      }
    }
    return entries.map { Entry($0) }
  }

  /// Does it begin with that option?
  func hasOption(_ name: String) -> Bool {
    label.split { $0 == " " || $0 == "," || $0 == "/" }.contains { $0 == "--\(name)" }
  }
}
