import Diagnosis
import Events
import Language

extension HealthRenderer {
  public func renderJSON(_ report: HealthReport, into line: inout LineBuffer) {
    line.append("{\"event\":\"doctor\"")
    line.field("schema", JSONSchema.version)
    line.field("time", report.time)
    line.field("kernel", report.kernel)
    line.key("watched_s")
    line.append(millisecondsOf: report.watchedNanoseconds / 1000)
    line.key("healthy")
    line.append(report.isHealthy ? "true" : "false")
    line.key("netns")
    line.array(report.namespaces) { line, netns in line.append(netns) }
    line.key("findings")
    line.array(report.findings) { line, finding in renderJSON(finding, &line) }
    line.key("figures")
    render(report.figures, &line)
    line.texts("unknown", report.unknown)
    line.field("lost", report.lost)
    line.append("}\n")
  }

  private func renderJSON(_ finding: Finding, _ line: inout LineBuffer) {
    line.append("{\"rule\":")
    line.append(json: finding.rule)
    line.field("severity", finding.severity.rawValue)
    line.field("title", finding.title.description)
    line.key("netns")
    if let netns = finding.netns { line.append(netns) } else { line.append("null") }
    renderJSON(finding.subject, &line)
    line.texts("seen", finding.seen)
    line.key("figures")
    render(finding.figures, &line)
    line.key("services")
    line.array(finding.services) { line, service in
      line.append(service.isServer ? "{\"local\":{\"address\":\"" : "{\"peer\":{\"address\":\"")
      line.append(service.address, service.family)
      line.append("\",\"port\":")
      if let port = service.port { line.append(port) } else { line.append("null") }
      line.append("}")
      line.field("count", service.count)
      line.append("}")
    }
    line.key("actors")
    line.array(finding.actors) { line, actor in
      line.append("{")
      line.fields(actor.process)
      if let service = actor.service {
        line.field("service", service)
        line.field("processes", actor.processes)
      }
      line.field("part", actor.part.description)
      line.append("}")
    }
    line.field("meaning", finding.meaning.description)
    line.texts("remedies", finding.remedies)
    line.key("settings")
    line.array(finding.settings) { line, setting in
      line.append("{\"name\":")
      line.append(json: setting.name)
      line.key("helps")
      line.append(setting.helps ? "true" : "false")
      line.field("why", setting.why.description)
      line.key("command")
      if let command = setting.command { line.append(json: command) } else { line.append("null") }
      line.append("}")
    }
    line.field("certainty", finding.certainty.rawValue)
    line.field("grounds", finding.grounds.description)
    line.texts("unknown", finding.unknown)
    line.texts("sources", finding.sources)
    line.append("}")
  }

  /// What the finding is about: `local`, `peer`, `port` or `setting`, where they apply.
  private func renderJSON(_ subject: Finding.Subject, _ line: inout LineBuffer) {
    switch subject {
    case .tuple(let family, let local, let peer):
      line.append(",\"local\":{\"address\":\"")
      line.append(local, family)
      line.append("\"}")
      renderPeer(peer, family, &line)
    case .service(let family, let peer): renderPeer(peer, family, &line)
    case .port(let port): line.field("port", port)
    case .setting(let name): line.field("setting", name)
    case .host, .process: break
    }
  }

  private func renderPeer(_ peer: Endpoint, _ family: Family, _ line: inout LineBuffer) {
    line.append(",\"peer\":{\"address\":\"")
    line.append(peer.address, family)
    line.append("\"")
    line.field("port", peer.port)
    line.append("}")
  }

  /// An object; what is not known is null.
  private func render(_ figures: [Finding.Figure], _ line: inout LineBuffer) {
    line.append("{")
    for (index, figure) in figures.enumerated() {
      if index > 0 { line.append(",") }
      line.append(json: figure.name)
      line.append(":")
      if let value = figure.value, value.isFinite {
        // A whole number as one; others to a thousandth.
        let isWhole = value == value.rounded() && value.magnitude < 1e15
        line.append(isWhole ? "\(Int64(value))" : "\((value * 1000).rounded() / 1000)")
      } else {
        line.append("null")
      }
    }
    line.append("}")
  }

  public func renderJSON(_ state: StateExplanation, into line: inout LineBuffer) {
    line.append("{\"event\":\"explain\"")
    line.field("schema", JSONSchema.version)
    line.field("state", state.name)
    line.field("summary", state.summary.description)
    line.field("entered", state.entered.description)
    line.field("responsible", state.responsible.description)
    line.field("ends", state.ends.description)
    line.texts("helps", state.helps)
    line.texts("does_not_help", state.doesNotHelp)
    line.texts("sources", state.sources)
    line.append("}\n")
  }
}

extension LineBuffer {
  fileprivate mutating func texts(_ name: StaticString, _ texts: [some CustomStringConvertible]) {
    key(name)
    array(texts) { line, text in line.append(json: text.description) }
  }
}
