import Events

/// The answer of `tcplinger check`.
public struct ReadinessRenderer {
  public init() {}

  public func renderText(_ readiness: Readiness, into line: inout LineBuffer) {
    let valueColumn = 11 + (readiness.findings.map(\.name.utf8.count).max() ?? 0)
    for finding in readiness.findings {
      let start = line.count
      line.append(finding.grade == .fact ? "" : finding.grade.rawValue)
      line.pad(from: start, to: 9)
      line.append(finding.name)
      line.pad(from: start, to: valueColumn)
      line.append(finding.value)
      line.append("\n")
      if let lost = finding.lost {
        line.append("           ")
        line.append(lost)
        line.append("\n")
      }
    }
    line.append(readiness.canTrace ? "\nTracing works here.\n" : "\nTracing is impossible here.\n")
  }

  public func renderJSON(_ readiness: Readiness, into line: inout LineBuffer) {
    line.append("{\"can_trace\":")
    line.append(readiness.canTrace ? "true" : "false")
    line.key("findings")
    line.array(readiness.findings) { line, finding in
      line.append("{\"name\":")
      line.append(json: finding.name)
      line.field("grade", finding.grade.rawValue)
      line.field("value", finding.value)
      line.key("lost")
      if let lost = finding.lost { line.append(json: lost) } else { line.append("null") }
      line.append("}")
    }
    line.append("}\n")
  }
}
