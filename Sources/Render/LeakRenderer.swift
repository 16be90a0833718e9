import Events

/// Connections that are not closed, by process: `tcplinger leaks`.
public struct LeakRenderer {
  /// A group of a report with what was asked of the system about its process.
  public struct Row {
    public var group: LeakReport.Group
    public var descriptorsOpen: Int?
    public var descriptorLimit: Int?
    /// Connections a second; nil on the first look.
    public var growth: Double?

    public init(group: LeakReport.Group, descriptorsOpen: Int?, descriptorLimit: Int?, growth: Double?) {
      self.group = group
      self.descriptorsOpen = descriptorsOpen
      self.descriptorLimit = descriptorLimit
      self.growth = growth
    }

    var secondsLeft: Double? {
      guard let descriptorsOpen, let descriptorLimit, let growth else { return nil }
      return LeakTrend.secondsLeft(open: descriptorsOpen, limit: descriptorLimit, growthPerSecond: growth)
    }
  }

  private enum Column {
    static let comm = 8
    static let count = 25
    static let reason = 34
    static let oldest = 48
    static let growth = 57
    static let descriptors = 68
    static let peers = 88
  }

  private static let shownPeers = 3

  public init() {}

  /// The whole report: what this host has not closed, then what its peers have not.
  public func renderText(leaks: [Row], stuck: [Row], into line: inout LineBuffer) {
    if leaks.isEmpty && stuck.isEmpty {
      line.append("No connection is in CLOSE_WAIT, and none stuck in FIN_WAIT2.\n")
      return
    }
    if !leaks.isEmpty {
      line.append("CLOSE_WAIT: the peer has closed, the process has not\n")
      renderHeader(&line)
      for row in leaks { render(row, &line) }
    }
    if !stuck.isEmpty {
      line.append(leaks.isEmpty ? "" : "\n")
      line.append("FIN_WAIT2: the process has closed, the peer has not\n")
      renderHeader(&line)
      for row in stuck { render(row, &line) }
    }
  }

  private func renderHeader(_ line: inout LineBuffer) {
    line.append(columns: [
      (0, "PID"), (Column.comm, "COMM"), (Column.count, "COUNT"), (Column.reason, "REASON"),
      (Column.oldest, "OLDEST"), (Column.growth, "GROWTH"), (Column.descriptors, "DESCRIPTORS"),
      (Column.peers, "PEERS"),
    ])
  }

  private func render(_ row: Row, _ line: inout LineBuffer) {
    let group = row.group
    let start = line.bytes.count
    if let process = group.process { line.append(process.pid) } else { line.append("-") }
    line.pad(from: start, to: Column.comm)
    if let process = group.process { line.append(escaping: process.comm) } else { line.append("-") }
    line.pad(from: start, to: Column.count)
    line.append(grouped: group.count)
    line.pad(from: start, to: Column.reason)
    line.append(group.reason?.rawValue ?? "peer_open")
    line.pad(from: start, to: Column.oldest)
    if group.oldest.isEstimate { line.append("~") }
    line.append(span: group.oldest.nanoseconds)
    line.pad(from: start, to: Column.growth)
    renderGrowth(row.growth, &line)
    line.pad(from: start, to: Column.descriptors)
    renderDescriptors(row, &line)
    line.pad(from: start, to: Column.peers)
    renderPeers(group, &line)
    line.append("\n")
    renderNotes(row, &line)
  }

  private func renderGrowth(_ growth: Double?, _ line: inout LineBuffer) {
    guard let growth else {
      line.append("-")
      return
    }
    let tenths = Int((growth.magnitude * 10).rounded())
    line.append(tenths == 0 ? "" : growth < 0 ? "-" : "+")
    line.append(tenths / 10)
    if tenths % 10 > 0 && tenths < 100 {
      line.append(".")
      line.append(tenths % 10)
    }
    line.append("/s")
  }

  private func renderDescriptors(_ row: Row, _ line: inout LineBuffer) {
    guard let open = row.descriptorsOpen else {
      line.append("-")
      return
    }
    line.append(grouped: open)
    line.append("/")
    if let limit = row.descriptorLimit { line.append(grouped: limit) } else { line.append("unlimited") }
  }

  private func renderPeers(_ group: LeakReport.Group, _ line: inout LineBuffer) {
    for (index, (peer, count)) in group.busiestPeers(Self.shownPeers).enumerated() {
      if index > 0 { line.append(", ") }
      line.append(peer)
      line.append(" (")
      line.append(grouped: count)
      line.append(")")
    }
  }

  /// What does not fit into a column, below the row that it belongs to.
  private func renderNotes(_ row: Row, _ line: inout LineBuffer) {
    let group = row.group
    if let seconds = row.secondsLeft, group.reason != nil, group.reason != .notAccepted {
      note(&line)
      line.append("descriptors run out in ")
      line.append(span: UInt64(seconds * 1e9))
      line.append(" at this rate\n")
    }
    if group.reason == .dataUnread {
      note(&line)
      line.append(grouped: Int(group.unreadBytes))
      line.append(" bytes unread\n")
    }
    if let queue = group.acceptQueue {
      note(&line)
      line.append("accept queue ")
      line.append(grouped: Int(queue.length))
      line.append(" of ")
      line.append(grouped: Int(queue.limit))
      line.append(", nobody accepted for ")
      if group.oldest.isEstimate { line.append("~") }
      line.append(span: group.oldest.nanoseconds)
      line.append("\n")
    }
    if group.shared > 0 {
      note(&line)
      line.append(grouped: group.shared)
      line.append(" held by other processes as well: a close by one ends nothing (--each names them)\n")
    }
  }

  private func note(_ line: inout LineBuffer) { line.append("        ") }

  /// One object for one look.
  public func renderJSON(time: WallTime, leaks: [Row], stuck: [Row], into line: inout LineBuffer) {
    line.append("{\"event\":\"leaks\"")
    line.field("time", time)
    line.key("close_wait")
    line.array(leaks) { line, row in renderJSON(row, &line) }
    line.key("fin_wait2")
    line.array(stuck) { line, row in renderJSON(row, &line) }
    line.append("}\n")
  }

  private func renderJSON(_ row: Row, _ line: inout LineBuffer) {
    let group = row.group
    line.append("{\"pid\":")
    if let process = group.process { line.append(process.pid) } else { line.append("null") }
    line.key("comm")
    if let process = group.process { line.append(json: process.comm) } else { line.append("null") }
    line.field("count", group.count)
    if let reason = group.reason { line.field("reason", reason.rawValue) }
    line.field("oldest_ms", group.oldest)
    line.key("growth_per_s")
    line.append(row.growth.map { "\(($0 * 1000).rounded() / 1000)" } ?? "null")
    line.field("descriptors_open", row.descriptorsOpen.map { UInt64($0) })
    line.field("descriptor_limit", row.descriptorLimit.map { UInt64($0) })
    line.key("exhausted_in_s")
    line.append(row.secondsLeft.map { "\($0.rounded())" } ?? "null")
    line.field("shared", group.shared)
    line.field("unread_bytes", group.unreadBytes)
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
      line.append("{\"address\":\"")
      line.append(entry.peer.address, entry.peer.family)
      line.append("\",\"port\":")
      if let port = entry.peer.port { line.append(port) } else { line.append("null") }
      line.field("count", entry.count)
      line.append("}")
    }
    line.append("}")
  }
}

extension LineBuffer {
  /// A number with a comma between each three digits.
  mutating func append(grouped number: Int) {
    if number >= 1000 {
      append(grouped: number / 1000)
      append(",")
      append(number % 1000, digits: 3)
    } else {
      append(number)
    }
  }

  fileprivate mutating func append(_ peer: LeakReport.Peer) {
    if let port = peer.port {
      append(Endpoint(address: peer.address, port: port), peer.family)
    } else {
      append(peer.address, peer.family)
    }
  }
}
