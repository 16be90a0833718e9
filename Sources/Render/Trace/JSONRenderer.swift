import Events

/// Events as JSON, an object a line: docs/events.md. Written by hand, since a line is made for every origin
/// of a host in trouble and an encoder that reflects costs twenty times as much.
public struct JSONRenderer {
  private let clock: BootClock
  private let contexts = ContextFields()

  /// - Parameter clock: for the start of processes, which the kernel counts from boot.
  public init(clock: BootClock) { self.clock = clock }

  /// - Parameter look: of `leaks --each`: which look the event is of, from 1.
  public func render(_ event: Event, look: Int? = nil, into line: inout LineBuffer) {
    line.append("{\"event\":\"")
    switch event {
    case .start(let start): render(start, &line)
    case .origin(let origin): render(origin, &line)
    case .lost(let loss):
      line.append("lost\"")
      line.field("time", loss.time)
      line.field("count", loss.count)
      line.field("where", word: loss.place.rawValue)
    case .summary(let summary): render(summary, &line)
    }
    if let look {
      line.field("schema", JSONSchema.version)
      line.field("look", look)
    }
    line.append("}\n")
  }

  private func render(_ start: Start, _ line: inout LineBuffer) {
    line.append("start\"")
    line.field("schema", JSONSchema.version)
    line.field("time", start.time)
    line.field("version", start.version)
    line.field("kernel", start.kernel)
    line.key("hooks")
    line.array(start.hooks) { line, hook in line.append(json: hook) }
    line.key("refused")
    line.array(start.refusals) { line, refusal in
      line.append("{\"hook\":")
      line.append(json: refusal.hook)
      line.field("reason", refusal.reason)
      if let lost = refusal.lost { line.field("lost", lost) }
      line.append("}")
    }
  }

  private func render(_ origin: Origin, _ line: inout LineBuffer) {
    line.append(origin.kind.name)
    line.append("\"")
    line.field("time", origin.time)
    line.append(origin.connection.family == .ipv4 ? ",\"family\":\"ipv4\"" : ",\"family\":\"ipv6\"")
    if origin.connection.isMapped { line.append(",\"mapped\":true") }
    line.field("netns", origin.connection.netns)
    line.append(
      origin.role == .client
        ? ",\"role\":\"client\"" : origin.role == .server ? ",\"role\":\"server\"" : ",\"role\":\"unknown\"")
    line.key("local")
    line.append(json: origin.connection.local, origin.connection.family)
    line.key("peer")
    line.append(json: origin.connection.peer, origin.connection.family)
    line.key("process")
    if let process = origin.process {
      line.append("{")
      append(process, &line)
      if let thread = origin.thread { line.field("thread", thread) }
      line.append(",\"started\":\"")
      line.append(utc: clock.wallTime(ofBoot: process.startedNanoseconds), decimals: 2)
      line.append("\"}")
    } else {
      line.append("null")
    }
    line.key("opener")
    if let opener = origin.opener {
      line.append("{")
      append(opener.process, &line)
      if let thread = origin.openerThread { line.field("thread", thread) }
      line.append(",\"seen\":\"")
      line.append(opener.evidence.rawValue)
      line.append("\"}")
    } else {
      line.append("null")
    }
    if let process = origin.peerProcess {
      line.key("peer_process")
      line.append("{\"pid\":")
      line.append(process.pid)
      line.append(",\"comm\":")
      line.append(json: process.comm)
      contexts.append(process, to: &line)
      line.append("}")
    }
    line.append(",\"attribution\":\"")
    line.append(origin.attribution.rawValue)
    line.append("\"")
    line.key("lifetime_ms")
    if let lifetime = origin.lifetimeNanoseconds {
      line.append(millisecondsOf: lifetime)
    } else {
      line.append("null")
    }
    line.field("bytes_sent", origin.bytesSent)
    line.field("bytes_received", origin.bytesReceived)
    render(origin.kind, &line)
  }

  private func render(_ counts: Summary.Line, _ summary: Summary, _ line: inout LineBuffer) {
    line.field("time_wait", counts.timeWait)
    line.field("close_wait", counts.closeWait)
    line.field("fin_wait2", counts.finWait2)
    if summary.resets != nil { line.field("reset", counts.resets) }
  }

  private func append(_ process: Process, _ line: inout LineBuffer) {
    line.append("\"pid\":")
    line.append(process.pid)
    line.append(",\"tid\":")
    line.append(process.tid)
    line.append(",\"comm\":")
    line.append(json: process.comm)
    contexts.append(process, to: &line)
  }

  private func render(_ state: Origin.Kind, _ line: inout LineBuffer) {
    switch state {
    case .timeWait(let cause, let enteredFrom):
      line.field("cause", word: cause.rawValue)
      line.field("entered_from", word: enteredFrom?.name)
    case .finWait2(let cause, let age):
      line.field("cause", word: cause.rawValue)
      line.field("age_ms", age)
    case .closeWait(let closeWait):
      line.field("age_ms", closeWait.age)
      line.field("reason", word: closeWait.reason.rawValue)
      line.field("unread_bytes", UInt64(closeWait.unreadBytes))
      line.field("unsent_bytes", UInt64(closeWait.unsentBytes))
      line.key("holders")
      line.array(closeWait.holders) { line, holder in
        line.append("{")
        append(holder.process, &line)
        line.append(",\"fd\":")
        line.append(holder.descriptor)
        if holder.isInherited { line.append(",\"inherited\":true") }
        line.append("}")
      }
      if let queue = closeWait.acceptQueue {
        line.append(",\"accept_queue\":{\"length\":")
        line.append(queue.length)
        line.field("limit", queue.limit)
        line.append("}")
      }
      if !closeWait.listeners.isEmpty {
        line.key("listeners")
        line.array(closeWait.listeners) { line, holder in
          line.append("{")
          append(holder.process, &line)
          line.append(",\"fd\":")
          line.append(holder.descriptor)
          line.append("}")
        }
      }
    case .reset(let cause): line.field("cause", word: cause.rawValue)
    case .closeWaitEnd(let cause, let held):
      line.field("held_ms", held)
      line.field("cause", word: cause.rawValue)
    }
  }

  private func render(_ summary: Summary, _ line: inout LineBuffer) {
    line.append("summary\"")
    line.field("time", summary.time)
    line.key("duration_s")
    line.append(millisecondsOf: summary.durationNanoseconds / 1000)
    let counts: [(StaticString, Summary.Count?)] = [
      ("time_wait", summary.timeWait), ("close_wait", summary.closeWait), ("fin_wait2", summary.finWait2),
      ("reset", summary.resets),
    ]
    for case (let name, let count?) in counts {
      line.key(name)
      line.append("{\"seen\":")
      line.append(count.seen)
      line.field("attributed", UInt64(count.attributed))
      line.append("}")
    }
    line.field("lost", summary.lost)
    if let verdict = summary.verdict {
      line.field("command_status", summary.commandStatus.map { UInt64($0) })
      line.key("leaked")
      switch verdict {
      case .leaked: line.append("true")
      case .clean: line.append("false")
      case .unknown: line.append("null")
      }
    }
    line.key("processes")
    line.array(summary.processes) { line, row in
      line.append("{")
      line.fields(row.process)
      render(row, summary, &line)
      line.append("}")
    }
    line.key("services")
    line.array(summary.services) { line, service in
      line.append("{\"name\":")
      line.append(json: service.name)
      line.field("processes", service.processes)
      render(service.sum, summary, &line)
      line.append("}")
    }
    line.field("unkept_contexts", summary.unkeptContexts)
  }
}

extension LineBuffer {
  mutating func key(_ name: StaticString) {
    append(",\"")
    append(name)
    append("\":")
  }

  mutating func field(_ name: StaticString, _ value: String?) {
    key(name)
    if let value { append(json: value) } else { append("null") }
  }

  /// A word of the contract, in which there is nothing to escape.
  mutating func field(_ name: StaticString, word: String?) {
    key(name)
    guard let word else { return append("null") }
    append("\"")
    append(word)
    append("\"")
  }

  mutating func field(_ name: StaticString, _ value: some BinaryInteger) {
    key(name)
    append(UInt64(value))
  }

  mutating func field(_ name: StaticString, _ value: UInt64?) {
    key(name)
    if let value { append(value) } else { append("null") }
  }

  mutating func field(_ name: StaticString, _ comm: Comm) {
    key(name)
    append(json: comm)
  }

  mutating func field(_ name: StaticString, _ time: WallTime) {
    key(name)
    append("\"")
    append(utc: time, decimals: 9)
    append("\"")
  }

  mutating func field(_ name: StaticString, _ age: Age) {
    key(name)
    append(millisecondsOf: age.nanoseconds)
    if age.isEstimate { append(",\"age_is_estimate\":true") }
  }

  mutating func array<Element>(
    _ elements: [Element], _ render: (inout LineBuffer, Element) -> Void
  ) {
    append("[")
    for (index, element) in elements.enumerated() {
      if index > 0 { append(",") }
      render(&self, element)
    }
    append("]")
  }

  fileprivate mutating func append(json endpoint: Endpoint, _ family: Family) {
    append("{\"address\":\"")
    append(endpoint.address, family)
    append("\",\"port\":")
    append(endpoint.port)
    append("}")
  }
}

extension Origin.Kind {
  var name: StaticString {
    switch self {
    case .timeWait: "time_wait"
    case .finWait2: "fin_wait2"
    case .closeWait: "close_wait"
    case .closeWaitEnd: "close_wait_end"
    case .reset: "reset"
    }
  }
}
