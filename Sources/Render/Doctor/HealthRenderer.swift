import Diagnosis
import Events

/// The answer of `tcplinger doctor`.
public struct HealthRenderer {
  private static let width = 110
  private static let margin = 4

  private let isColoured: Bool
  private let isQuiet: Bool
  private let limit: Int

  /// - Parameters:
  ///   - isQuiet: findings only.
  ///   - limit: findings, worst first.
  public init(isColoured: Bool = false, isQuiet: Bool = false, limit: Int? = nil) {
    self.isColoured = isColoured
    self.isQuiet = isQuiet
    self.limit = limit ?? .max
  }

  public func renderText(_ report: HealthReport, into line: inout LineBuffer) {
    if isQuiet { return renderFindings(report, &line) }
    let counts = Finding.Severity.allCases.map { severity in
      (severity, report.findings.count { $0.severity == severity })
    }.filter { $0.1 > 0 }
    if report.isHealthy {
      line.append("Nothing wrong was found")
      if !counts.isEmpty { line.append("; worth knowing: ") }
    } else {
      line.append("Found: ")
    }
    line.append(counts.map { $0.0.counted($0.1) }.joined(separator: ", "))
    line.append(". Watched for ")
    line.append(span: report.watchedNanoseconds)
    line.append(", Linux ")
    line.append(report.kernel)
    line.append(".\n")
    renderFindings(report, &line)
    line.append("\nThe figures\n")
    for sentence in report.account { wrap("- " + sentence, hanging: 2, &line) }
    if report.lost > 0 {
      wrap("- LOST: \(report.lost) events of the watch; figures by process are too low", hanging: 2, &line)
    }
    if !report.unknown.isEmpty {
      line.append("\nNot known\n")
      for fact in report.unknown { wrap("- " + fact, hanging: 2, &line) }
    }
    if report.findings.contains(where: { !$0.isCommon && $0.settings.contains { $0.command != nil } }) {
      line.append("\ntcplinger has changed nothing: run the commands above if you agree.\n")
    }
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
    if hidden > 0 { line.append("\nAnd \(hidden) more; --json has all of them.\n") }
    if isQuiet { return }
    let common = report.findings.filter(\.isCommon).flatMap { finding in finding.seen.prefix(1) }
    if !common.isEmpty {
      line.append("\n")
      wrap(
        "True of most hosts, and no trouble by itself: \(common.joined(separator: "; ")); --json says more.",
        hanging: 0, &line)
    }
  }

  /// - Parameter earlier: the findings printed before it.
  private func render(
    _ finding: Finding, after earlier: [Finding], _ report: HealthReport, _ line: inout LineBuffer
  ) {
    line.append("\(earlier.count + 1). ")
    if isColoured { line.append(finding.severity.colour) }
    line.append(finding.severity.rawValue.uppercased())
    if isColoured { line.append("\u{1b}[0m") }
    line.append("  \(finding.title)")
    switch finding.subject {
    case .tuple(let family, let local, let peer):
      line.append(": ")
      line.append(local, family)
      line.append(" -> ")
      line.append(peer, family)
    case .service(let family, let peer):
      line.append(": to ")
      line.append(peer, family)
    case .port(let port): line.append(": port \(port)")
    case .host, .process, .setting: break
    }
    if let netns = finding.netns, report.namespaces.count > 1 { line.append("  [network namespace \(netns)]") }
    line.append("\n")
    for (index, sentence) in finding.seen.enumerated() {
      wrap(sentence, label: index == 0 ? "seen" : "", &line)
    }
    for (index, actor) in finding.actors.enumerated() {
      label(index == 0 ? "by" : "", &line)
      if let process = actor.process {
        line.append(escaping: process.comm)
        line.append("[\(process.pid)]: ")
      } else {
        line.append("unknown process: ")
      }
      line.append(actor.part)
      line.append("\n")
    }
    // Do not repeat what an earlier finding of the same rule says.
    let index = earlier.firstIndex { $0.rule == finding.rule && $0.meaning == finding.meaning }
    let said = index.map { earlier[$0] }
    if said == nil { wrap(finding.meaning, label: "means", &line) }
    let remedies = finding.remedies.filter { !(said?.remedies.contains($0) ?? false) }
    for (index, remedy) in remedies.enumerated() {
      wrap("- " + remedy, label: index == 0 ? "do" : "", hanging: 2, &line)
    }
    let settings = finding.settings.filter { !(said?.settings.contains($0) ?? false) }
    for (title, helps) in [("helps", true), ("does not", false)] {
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
    wrap("\(finding.certainty.rawValue): \(finding.grounds)", label: "sure", &line)
    for (index, fact) in finding.unknown.enumerated() {
      wrap(fact, label: index == 0 ? "not known" : "", &line)
    }
    if said == nil { wrap(finding.sources.joined(separator: "; "), label: "source", &line) }
  }

  public func renderText(_ state: StateExplanation, into line: inout LineBuffer) {
    line.append("\(state.name)\n")
    for (title, text) in [
      ("is", state.summary), ("entered", state.entered), ("by", state.responsible), ("ends", state.ends),
    ] {
      wrap(text, label: title, &line)
    }
    for (title, entries) in [("helps", state.helps), ("does not", state.doesNotHelp)] {
      for (index, entry) in entries.enumerated() {
        wrap("- " + entry, label: index == 0 ? title : "", hanging: 2, &line)
      }
    }
    wrap(state.sources.joined(separator: "; "), label: "source", &line)
  }

  private static let labelWidth = 11

  private func label(_ text: String, _ line: inout LineBuffer) {
    let start = line.count
    line.append(String(repeating: " ", count: Self.margin - 1))
    line.append(" ")
    line.append(text)
    line.pad(from: start, to: Self.margin + Self.labelWidth)
  }

  private func wrap(_ text: String, label title: String, hanging: Int = 0, _ line: inout LineBuffer) {
    label(title, &line)
    wrap(text, from: Self.margin + Self.labelWidth, hanging: hanging, &line)
  }

  private func wrap(_ text: String, hanging: Int, _ line: inout LineBuffer) {
    wrap(text, from: 0, hanging: hanging, &line)
  }

  /// Words up to the width; the cursor stands at `column`.
  private func wrap(_ text: String, from column: Int, hanging: Int, _ line: inout LineBuffer) {
    let start = column + hanging
    var at = column
    for (index, word) in text.split(separator: " ").enumerated() {
      if index > 0 {
        if at + 1 + word.count > Self.width {
          line.append("\n" + String(repeating: " ", count: start))
          at = start
        } else {
          line.append(" ")
          at += 1
        }
      }
      // Most of it is this project's own, but the path of a namespace may be in it.
      line.append(escaping: String(word))
      at += word.count
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

  fileprivate func counted(_ count: Int) -> String {
    self == .critical ? "\(count) critical" : "\(count) \(rawValue)\(count == 1 ? "" : "s")"
  }
}
