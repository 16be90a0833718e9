import Events
import Language

/// The answer of `tcplinger check`.
public struct ReadinessRenderer {
  private let isColoured: Bool
  /// Only what is degraded or missing.
  private let isQuiet: Bool
  private let language: Language

  public init(isColoured: Bool = false, isQuiet: Bool = false, language: Language = .english) {
    self.language = language
    self.isColoured = isColoured
    self.isQuiet = isQuiet
  }

  public func renderText(_ readiness: Readiness, into line: inout LineBuffer) {
    // Hooks are in the table.
    let hooks = Set(readiness.programs.map(\.hook))
    let findings = readiness.findings.filter { finding in
      !hooks.contains(finding.name.description) && !(isQuiet && [.fact, .ok].contains(finding.grade))
    }
    let valueColumn = 11 + (findings.map { Width.of($0.name.shown(in: language)) }.max() ?? 0)
    for finding in findings {
      let colour = isColoured ? finding.grade.colour : nil
      let reset = colour == nil ? "" : "\u{1b}[0m"
      line.append(colour ?? "")
      // Escape codes have no width: align by the text without them.
      let start = line.count + reset.utf8.count
      line.append(finding.grade.word.shown(in: language) + reset)
      line.pad(from: start, to: 9)
      line.append(finding.name.shown(in: language))
      line.pad(from: start, to: valueColumn)
      line.append(finding.value.shown(in: language))
      line.append("\n")
      if let lost = finding.lost {
        line.append("           ")
        line.append(lost.shown(in: language))
        line.append("\n")
      }
    }
    if isQuiet { return }
    renderTable(readiness.programs, into: &line)
    let verdict: Text = readiness.canTrace ? "Tracing works here." : "Tracing is impossible here."
    line.append("\n\(verdict.shown(in: language))\n")
  }

  /// Each program, whether it loads here or why not, and what there is not without it.
  private func renderTable(_ programs: [Readiness.Program], into line: inout LineBuffer) {
    guard !programs.isEmpty else { return }
    func outcome(_ program: Readiness.Program) -> Text {
      program.refusal ?? (program.isUsed ? "loads, used" : "loads, not used")
    }
    let titles: [Text] = ["PROGRAM", "HOOK", "HERE", "WITHOUT IT"]
    let words = titles.map { $0.shown(in: language) }
    let rows =
      [(words[0], words[1], words[2], words[3])]
      + programs.map {
        ($0.name, $0.hook, outcome($0).shown(in: language), $0.lost.shown(in: language))
      }
    let hookColumn = 2 + (rows.map { Width.of($0.0) }.max() ?? 0)
    let outcomeColumn = hookColumn + 2 + (rows.map { Width.of($0.1) }.max() ?? 0)
    let lostColumn = outcomeColumn + 2 + (rows.map { Width.of($0.2) }.max() ?? 0)
    line.append("\n")
    for (name, hook, outcome, lost) in rows {
      let start = line.count
      for (text, end) in [(name, hookColumn), (hook, outcomeColumn), (outcome, lostColumn)] {
        line.append(text)
        line.pad(from: start, to: end)
      }
      line.append(lost)
      line.append("\n")
    }
  }

  public func renderJSON(_ readiness: Readiness, into line: inout LineBuffer) {
    line.append("{\"event\":\"check\"")
    line.field("schema", JSONSchema.version)
    line.key("can_trace")
    line.append(readiness.canTrace ? "true" : "false")
    line.key("findings")
    line.array(readiness.findings) { line, finding in
      line.append("{\"name\":")
      line.append(json: finding.name.description)
      line.field("grade", finding.grade.rawValue)
      line.field("value", finding.value.description)
      line.key("lost")
      if let lost = finding.lost { line.append(json: lost.description) } else { line.append("null") }
      line.append("}")
    }
    line.key("programs")
    line.array(readiness.programs) { line, program in
      line.append("{\"name\":")
      line.append(json: program.name)
      line.field("hook", program.hook)
      line.key("loads")
      line.append(program.refusal == nil ? "true" : "false")
      line.key("used")
      line.append(program.isUsed ? "true" : "false")
      line.key("reason")
      if let refusal = program.refusal { line.append(json: refusal.description) } else { line.append("null") }
      line.field("lost", program.lost.description)
      if let figures = program.figures {
        line.field("instructions", figures.instructions)
        line.field("verified_instructions", figures.verified)
        line.key("stack_bytes")
        line.array(figures.stack) { line, bytes in line.append("\(bytes)") }
      }
      line.append("}")
    }
    line.append("}\n")
  }
}

extension Readiness.Grade {
  fileprivate var word: Text {
    switch self {
    case .ok: "ok"
    case .limited: "limited"
    case .missing: "missing"
    case .fact: ""
    }
  }

  fileprivate var colour: String? {
    switch self {
    case .ok: "\u{1b}[32m"
    case .limited: "\u{1b}[33m"
    case .missing: "\u{1b}[31m"
    case .fact: nil
    }
  }
}
