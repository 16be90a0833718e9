import Diagnosis
import Events
import Language

/// The answer of `tcplinger doctor`.
public struct HealthRenderer {
  private static let width = 110
  private static let margin = 4

  private let isColoured: Bool
  private let isQuiet: Bool
  private let limit: Int
  let language: Language

  /// - Parameters:
  ///   - isQuiet: findings only.
  ///   - limit: findings, worst first.
  ///   - language: of the text; JSON is in English.
  public init(
    isColoured: Bool = false, isQuiet: Bool = false, limit: Int? = nil, language: Language = .english
  ) {
    self.language = language
    self.isColoured = isColoured
    self.isQuiet = isQuiet
    self.limit = limit ?? .max
  }

  public func renderText(_ report: HealthReport, into line: inout LineBuffer) {
    if isQuiet { return renderFindings(report, &line) }
    let counts = Finding.Severity.allCases.map { severity in
      (severity, report.findings.count { $0.severity == severity })
    }.filter { $0.1 > 0 }
    let list = counts.map { $0.0.counted($0.1) }.joined(separator: ", ")
    let verdict: Text =
      !report.isHealthy
      ? "Found: \(list)"
      : counts.isEmpty ? "Nothing wrong was found" : "Nothing wrong was found; worth knowing: \(list)"
    var span = LineBuffer()
    span.append(span: report.watchedNanoseconds)
    let watched = String(decoding: span.bytes, as: UTF8.self)
    put("\(verdict). Watched for \(watched), Linux \(report.kernel).", &line)
    line.append("\n")
    renderFindings(report, &line)
    heading("The figures", &line)
    for sentence in report.account { wrap("- \(sentence)", hanging: 2, &line) }
    if report.lost > 0 {
      wrap("- LOST: \(report.lost) events of the watch; figures by process are too low", hanging: 2, &line)
    }
    if !report.unknown.isEmpty {
      heading("Not known", &line)
      for fact in report.unknown { wrap("- \(fact)", hanging: 2, &line) }
    }
    if report.findings.contains(where: { !$0.isCommon && $0.settings.contains { $0.command != nil } }) {
      heading("tcplinger has changed nothing: run the commands above if you agree.", &line)
    }
  }

  private func put(_ text: Text, _ line: inout LineBuffer) { line.append(text.shown(in: language)) }

  /// A line by itself, with an empty one before it.
  private func heading(_ text: Text, _ line: inout LineBuffer) {
    line.append("\n")
    put(text, &line)
    line.append("\n")
  }

  /// Of one kind as many as a person reads; the worst are among them.
  private static let shown = 5

  private func renderFindings(_ report: HealthReport, _ line: inout LineBuffer) {
    var told: [String: Int] = [:]
    var shown: [Finding] = []
    var hidden = 0
    for finding in report.findings where !finding.isCommon {
      told[finding.rule, default: 0] += 1
      guard told[finding.rule] ?? 0 <= Self.shown, shown.count < limit else {
        hidden += 1
        continue
      }
      if !isQuiet || !shown.isEmpty { line.append("\n") }
      render(finding, after: shown, report, &line)
      shown.append(finding)
    }
    if hidden > 0 { heading("And \(hidden) more; --json has all of them.", &line) }
    if isQuiet { return }
    let common = report.findings.filter(\.isCommon).flatMap { finding in finding.seen.prefix(1) }
    if !common.isEmpty {
      line.append("\n")
      wrap(
        "True of most hosts, and no trouble by itself: \(Array(common).joined(separator: "; ")); --json says more.",
        hanging: 0, &line)
    }
  }

  /// - Parameter earlier: the findings printed before it.
  private func render(
    _ finding: Finding, after earlier: [Finding], _ report: HealthReport, _ line: inout LineBuffer
  ) {
    line.append("\(earlier.count + 1). ")
    if isColoured { line.append(finding.severity.colour) }
    put(finding.severity.word, &line)
    if isColoured { line.append("\u{1b}[0m") }
    line.append("  ")
    put(finding.title, &line)
    switch finding.subject {
    case .tuple(let family, let local, let peer):
      line.append(": ")
      line.append(local, family)
      line.append(" -> ")
      line.append(peer, family)
    case .service(let family, let peer):
      var text = LineBuffer()
      text.append(peer, family)
      put(": to \(String(decoding: text.bytes, as: UTF8.self))", &line)
    case .port(let port): put(": port \(port)", &line)
    case .host, .process, .setting: break
    }
    if let netns = finding.netns, report.namespaces.count > 1 {
      put("  [network namespace \(netns)]", &line)
    }
    line.append("\n")
    for (index, sentence) in finding.seen.enumerated() {
      wrap(sentence, label: index == 0 ? "seen" : "", &line)
    }
    for (index, actor) in finding.actors.enumerated() {
      label(index == 0 ? "by" : "", &line)
      if let service = actor.service {
        line.append(escaping: service)
        put(" (\(actor.processes) processes): ", &line)
      } else if let process = actor.process {
        line.append(escaping: process.comm)
        line.append("[\(process.pid)]: ")
      } else {
        put("unknown process: ", &line)
      }
      put(actor.part, &line)
      line.append("\n")
      guard let context = actor.process?.context else { continue }
      let start = line.count
      label("", &line)
      if line.append(context, in: language) { line.append("\n") } else { line.remove(from: start) }
    }
    // Do not repeat what an earlier finding of the same rule says.
    let index = earlier.firstIndex { $0.rule == finding.rule && $0.meaning == finding.meaning }
    let said = index.map { earlier[$0] }
    if said == nil { wrap(finding.meaning, label: "means", &line) }
    let remedies = finding.remedies.filter { !(said?.remedies.contains($0) ?? false) }
    for (index, remedy) in remedies.enumerated() {
      wrap("- \(remedy)", label: index == 0 ? "do" : "", hanging: 2, &line)
    }
    let settings = finding.settings.filter { !(said?.settings.contains($0) ?? false) }
    let titles: [(title: Text, helps: Bool)] = [("helps", true), ("does not", false)]
    for (title, helps) in titles {
      for (index, setting) in settings.filter({ $0.helps == helps }).enumerated() {
        wrap("- \(setting.name): \(setting.why)", label: index == 0 ? title : "", hanging: 2, &line)
        if let command = setting.command {
          label("", &line)
          line.append("    ")
          line.append(escaping: command)
          line.append("\n")
        }
      }
    }
    if let index { wrap("as in \(index + 1)", label: "the rest", &line) }
    wrap("\(finding.certainty.word): \(finding.grounds)", label: "sure", &line)
    for (index, fact) in finding.unknown.enumerated() {
      wrap(fact, label: index == 0 ? "not known" : "", &line)
    }
    if said == nil { wrap(Text(verbatim: finding.sources.joined(separator: "; ")), label: "source", &line) }
  }

  public func renderText(_ state: StateExplanation, into line: inout LineBuffer) {
    line.append("\(state.name)\n")
    let facts: [(title: Text, text: Text)] = [
      ("is", state.summary), ("entered", state.entered), ("by", state.responsible), ("ends", state.ends),
    ]
    for (title, text) in facts { wrap(text, label: title, &line) }
    let lists: [(title: Text, entries: [Text])] = [("helps", state.helps), ("does not", state.doesNotHelp)]
    for (title, entries) in lists {
      for (index, entry) in entries.enumerated() {
        wrap("- \(entry)", label: index == 0 ? title : "", hanging: 2, &line)
      }
    }
    wrap(Text(verbatim: state.sources.joined(separator: "; ")), label: "source", &line)
  }

  private static let labelWidth = 11

  private func label(_ text: Text, _ line: inout LineBuffer) {
    let start = line.count
    line.append(String(repeating: " ", count: Self.margin - 1))
    line.append(" ")
    put(text, &line)
    line.pad(from: start, to: Self.margin + Self.labelWidth)
  }

  private func wrap(_ text: Text, label title: Text, hanging: Int = 0, _ line: inout LineBuffer) {
    label(title, &line)
    wrap(text, from: Self.margin + Self.labelWidth, hanging: hanging, &line)
  }

  private func wrap(_ text: Text, hanging: Int, _ line: inout LineBuffer) {
    wrap(text, from: 0, hanging: hanging, &line)
  }

  /// Words up to the width; the cursor stands at `column`.
  private func wrap(_ text: Text, from column: Int, hanging: Int, _ line: inout LineBuffer) {
    let start = column + hanging
    let lines = Wrapping.lines(text.shown(in: language), columns: Self.width, first: column, rest: start)
    for (index, words) in lines.enumerated() {
      if index > 0 { line.append("\n" + String(repeating: " ", count: start)) }
      // Most of it is this project's own, but the path of a namespace may be in it.
      line.append(escaping: words)
    }
    line.append("\n")
  }
}

extension Finding.Severity {
  fileprivate var colour: StaticString {
    switch self {
    case .critical: "\u{1b}[1;31m"
    case .warning: "\u{1b}[1;33m"
    case .note: "\u{1b}[1m"
    }
  }

  fileprivate var word: Text {
    switch self {
    case .critical: "CRITICAL"
    case .warning: "WARNING"
    case .note: "NOTE"
    }
  }

  fileprivate func counted(_ count: Int) -> Text {
    switch self {
    case .critical: "\(count) critical"
    case .warning: count == 1 ? "\(count) warning" : "\(count) warnings"
    case .note: count == 1 ? "\(count) note" : "\(count) notes"
    }
  }
}

extension Finding.Certainty {
  fileprivate var word: Text {
    switch self {
    case .certain: "certain"
    case .likely: "likely"
    case .possible: "possible"
    }
  }
}
