import Events

/// The account at the end, for a person.
public struct TextSummary {
  /// Processes beyond these are counted in one line.
  private let shownProcesses: Int
  private let isColoured: Bool

  public init(limit: Int = 20, isColoured: Bool = false) {
    shownProcesses = limit
    self.isColoured = isColoured
  }

  public func render(_ summary: Summary, into line: inout LineBuffer) {
    line.append("\nIn ")
    line.append(span: summary.durationNanoseconds)
    line.append(":\n")
    if !summary.processes.isEmpty { renderTable(summary, &line) }
    let counts: [(StaticString, Summary.Count?)] = [
      ("TIME_WAIT", summary.timeWait), ("CLOSE_WAIT", summary.closeWait), ("FIN_WAIT2", summary.finWait2),
      ("RESET", summary.resets),
    ]
    for case (let name, let count?) in counts {
      line.append(name)
      line.append(": ")
      line.append(count.seen)
      line.append(" seen, ")
      line.append(count.attributed)
      line.append(" attributed, ")
      line.append(count.unknown)
      line.append(" unknown\n")
    }
    if summary.lost == 0 { line.append("Nothing was lost.\n") }
    renderLosses(summary, into: &line)
  }

  /// Nothing if nothing was.
  public func renderLosses(_ summary: Summary, into line: inout LineBuffer) {
    if summary.unprinted > 0 {
      line.append("LOST: ")
      line.append(summary.unprinted)
      line.append(" lines, which came faster than they were read; the figures above have them.\n")
    }
    if summary.lost > summary.unprinted {
      line.append("LOST: ")
      line.append(summary.lost - summary.unprinted)
      line.append(" events could not be kept; the figures above are too low.\n")
    }
  }

  private func renderTable(_ summary: Summary, _ line: inout LineBuffer) {
    let titles: [(Int, StaticString)] = [
      (0, "PID"), (8, "COMM"), (25, "TIME_WAIT"), (36, "CLOSE_WAIT"), (48, "FIN_WAIT2"), (59, "RESET"),
    ]
    line.heading(isColoured) { $0.append(columns: summary.resets == nil ? titles.dropLast() : titles) }
    let grouped = Set(summary.services.map(\.name))
    for service in summary.services {
      let start = line.count
      line.append("-")
      line.pad(from: start, to: 8)
      line.append(escaping: service.name)
      line.append(" (\(service.processes) processes)")
      // A unit's name is longer than a process's.
      let isLong = line.columns(from: start) > 24
      if isLong { line.append("\n") }
      renderCounts(service.sum, summary, from: isLong ? line.count : start, &line)
    }
    let alone = summary.processes.filter { $0.process.context?.service.map { !grouped.contains($0) } ?? true }
    for process in alone.prefix(shownProcesses) {
      let start = line.count
      line.append(process.process.pid)
      line.pad(from: start, to: 8)
      line.append(escaping: process.process.comm)
      renderCounts(process, summary, from: start, &line)
    }
    if alone.count > shownProcesses {
      line.append("and ")
      line.append(alone.count - shownProcesses)
      line.append(" more processes\n")
    }
  }

  private func renderCounts(
    _ counts: Summary.Line, _ summary: Summary, from start: Int, _ line: inout LineBuffer
  ) {
    var cells = [(counts.timeWait, 25), (counts.closeWait, 36), (counts.finWait2, 48)]
    if summary.resets != nil { cells.append((counts.resets, 59)) }
    for (count, column) in cells {
      line.pad(from: start, to: column)
      line.append(count)
    }
    line.append("\n")
  }
}
