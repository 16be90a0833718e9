import Events

extension LeakRenderer {
  /// One object for one look.
  public func renderJSON(
    time: WallTime, leaks: [Row], stuck: [Row], lost: UInt64, into line: inout LineBuffer
  ) {
    line.append("{\"event\":\"leaks\"")
    line.field("schema", JSONSchema.version)
    line.field("time", time)
    line.key("close_wait")
    line.array(leaks) { line, row in renderJSON(row, &line) }
    line.key("fin_wait2")
    line.array(stuck) { line, row in renderJSON(row, &line) }
    line.field("lost", lost)
    line.append("}\n")
  }

  private func renderJSON(_ row: Row, _ line: inout LineBuffer) {
    let group = row.group
    line.append("{")
    line.fields(group.process)
    line.field("count", group.count)
    if let reason = group.reason { line.field("reason", reason.rawValue) }
    line.field("oldest_ms", group.oldest)
    line.key("growth_per_s")
    line.append(json: row.growth)
    line.field("descriptors_open", row.descriptorsOpen.map { UInt64($0) })
    line.field("descriptor_limit", row.descriptorLimit.map { UInt64($0) })
    line.key("descriptors_growth_per_s")
    line.append(json: row.descriptorGrowth)
    line.key("exhausted_in_s")
    line.append(row.secondsLeft.map { "\($0.rounded())" } ?? "null")
    line.field("part", word: group.part.word)
    line.field("shared", group.shared)
    line.field("unheld", group.unheld)
    line.field("unread_bytes", group.unreadBytes)
    line.field("unsent_bytes", group.unsentBytes)
    line.key("accept_queue")
    if let queue = group.acceptQueue {
      line.append("{\"length\":")
      line.append(queue.length)
      line.field("limit", queue.limit)
      line.append("}")
    } else {
      line.append("null")
    }
    line.key("peers")
    line.array(group.busiestPeers(Self.shownPeers)) { line, entry in
      line.append("{")
      line.append(json: entry.peer)
      line.field("count", entry.count)
      line.append("}")
    }
    for (key, processes) in [
      ("opened_by" as StaticString, group.openedBy), ("also_held_by", group.heldBy),
      ("listeners", group.listenedBy),
    ] {
      line.key(key)
      line.array(processes) { line, process in
        line.append("{")
        line.fields(process)
        line.append("}")
      }
    }
    for (key, ends) in [
      ("peer_processes" as StaticString, group.farEnds(.max).filter { $0.far.process != nil }),
      ("waits_for", group.waitsFor(.max)),
    ] {
      line.key(key)
      line.array(ends) { line, entry in
        line.append("{")
        line.fields(entry.far.process)
        line.append(",")
        line.append(
          json: LeakReport.Peer(family: entry.far.family, address: entry.far.address, port: entry.far.port))
        line.field("count", entry.count)
        line.append("}")
      }
    }
    line.append("}")
  }
}

extension HalfClosures.Part {
  var word: String {
    switch self {
    case .leak: "leak"
    case .relayed: "relayed"
    case .awaited: "awaited"
    }
  }
}

extension LineBuffer {
  /// With three decimals; null if it is not known.
  mutating func append(json rate: Double?) {
    append(rate.map { "\(($0 * 1000).rounded() / 1000)" } ?? "null")
  }

  fileprivate mutating func append(json peer: LeakReport.Peer) {
    append("\"address\":\"")
    append(peer.address, peer.family)
    append("\",\"port\":")
    if let port = peer.port { append(port) } else { append("null") }
  }
}
