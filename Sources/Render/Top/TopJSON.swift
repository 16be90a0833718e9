import Events

/// `tcplinger top --json`: one object for one look, with every process and every peer.
public struct TopJSON {
  public init() {}

  public func render(
    _ rows: [TopReport.Row], by grouping: Grouping = .process, of processes: [ProcessKey: Process] = [:],
    time: WallTime,
    seconds: Double, lost: UInt64, into line: inout LineBuffer
  ) {
    line.append("{\"event\":\"top\"")
    line.field("schema", JSONSchema.version)
    line.field("time", time)
    line.key("interval_s")
    line.append(json: seconds)
    line.field("by", grouping.rawValue)
    line.key("processes")
    line.array(rows) { line, row in render(row, processes, &line) }
    line.field("lost", lost)
    line.append("}\n")
  }

  private func render(
    _ row: TopReport.Row, _ known: [ProcessKey: Process], _ line: inout LineBuffer
  ) {
    line.append("{")
    line.fields(pid: row.id?.pid, comm: row.comm, row.context)
    if row.group != nil { line.field("members", row.processes) }
    line.rate("connects_per_s", row.connectsPerSecond)
    line.rate("accepts_per_s", row.acceptsPerSecond)
    line.rate("time_wait_per_s", row.timeWaitsPerSecond)
    line.field("time_wait", row.timeWaits)
    line.field("close_wait", row.closeWaits)
    if let oldest = row.oldest {
      line.field("oldest_ms", oldest)
    } else {
      line.field("oldest_ms", UInt64?.none)
    }
    line.field("leaked", row.leaked)
    line.rate("port_share", row.portShare)
    line.key("peers")
    line.array(row.peers) { line, peer in render(peer, known, &line) }
    line.append("}")
  }

  /// Of more processes at the other end only so many are named.
  private static let shownEnds = 8

  private func render(
    _ peer: TopReport.Peer, _ known: [ProcessKey: Process], _ line: inout LineBuffer
  ) {
    let name = peer.name
    line.append("{\"role\":\"")
    line.append(name.role == .client ? "client\"" : name.role == .server ? "server\"" : "unknown\"")
    line.append(",\"address\":\"")
    line.append(name.address, name.family)
    line.append("\"")
    line.field("port", name.port.map { UInt64($0) })
    line.rate("connects_per_s", peer.connectsPerSecond)
    line.rate("time_wait_per_s", peer.timeWaitsPerSecond)
    line.field("time_wait", peer.timeWaits)
    line.field("close_wait", peer.closeWaits)
    line.rate("port_share", peer.portShare)
    line.key("peer_processes")
    let ends = peer.ends.sorted { $0.pid < $1.pid }.prefix(Self.shownEnds)
    line.array(Array(ends)) { line, end in
      line.append("{")
      line.fields(known[end])
      line.append("}")
    }
    line.append("}")
  }
}

extension LineBuffer {
  /// To a thousandth; null if it is not known.
  fileprivate mutating func rate(_ name: StaticString, _ value: Double?) {
    key(name)
    append(json: value)
  }
}
