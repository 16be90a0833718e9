import Events

/// How many sockets there are: `tcplinger census`.
public struct CensusRenderer {
  private enum Column {
    static let state = 11
    static let key = 24
    static let comm = 32
    static let note = 49
    static let name = 36
    static let peer = 48
    static let netns = 72
  }

  private let report: CensusReport
  /// Names of network namespaces, by inode number.
  private let names: [UInt32: String]
  private let isColoured: Bool
  private let isQuiet: Bool
  private let isWhole: Bool

  /// - Parameters:
  ///   - isQuiet: rows only.
  ///   - isWhole: with all that is known of a process.
  public init(
    _ report: CensusReport, names: [UInt32: String] = [:], isColoured: Bool = false, isQuiet: Bool = false,
    isWhole: Bool = false
  ) {
    self.isWhole = isWhole
    self.report = report
    self.names = names
    self.isColoured = isColoured
    self.isQuiet = isQuiet
  }

  public func renderText(into line: inout LineBuffer) {
    if !isQuiet { line.heading(isColoured) { renderHeader(&$0) } }
    for row in report.rows {
      let start = line.count
      line.append(grouped: row.count.sockets)
      line.pad(from: start, to: Column.state)
      line.append(row.group.state.name)
      renderKey(row, from: start, &line)
      line.append("\n")
    }
    if report.leftOut.rows > 0 {
      let start = line.count
      line.append(grouped: report.leftOut.sockets)
      line.pad(from: start, to: Column.state)
      line.append("in ")
      line.append(grouped: report.leftOut.rows)
      line.append(" more rows (--limit shows more)\n")
    }
    if isQuiet { return }
    line.append(grouped: report.sockets)
    line.append(report.sockets == 1 ? " socket in " : " sockets in ")
    line.append(grouped: report.namespaces)
    line.append(report.namespaces == 1 ? " network namespace\n" : " network namespaces\n")
  }

  private func renderHeader(_ line: inout LineBuffer) {
    var columns: [(Int, StaticString)] = [(0, "COUNT"), (Column.state, "STATE")]
    switch report.grouping {
    case .state: break
    case .process: columns += [(Column.key, "PID"), (Column.comm, "COMM"), (Column.note, "PROCESS")]
    case .unit: columns += [(Column.key, "UNIT")]
    case .container: columns += [(Column.key, "CONTAINER")]
    case .pod: columns += [(Column.key, "POD")]
    case .user: columns += [(Column.key, "USER")]
    case .peer: columns += [(Column.key, "PEER")]
    case .tuple:
      columns += [(Column.key, "LOCAL"), (Column.peer, "PEER")]
      if report.namespaces > 1 { columns += [(Column.netns, "NETNS")] }
    case .netns: columns += [(Column.key, "NETNS"), (Column.name, "NAME")]
    }
    line.append(columns: columns)
  }

  private func renderKey(_ row: CensusReport.Row, from start: Int, _ line: inout LineBuffer) {
    let group = row.group
    guard report.grouping != .state else { return }
    line.pad(from: start, to: Column.key)
    switch report.grouping {
    case .state: break
    case .process:
      if let process = group.owner.process { line.append(process.pid) } else { line.append("-") }
      line.pad(from: start, to: Column.comm)
      if let process = group.owner.process { line.append(escaping: process.comm) } else { line.append("-") }
      line.pad(from: start, to: Column.note)
      line.append(note(group.owner, group.state))
      if isWhole, let context = group.owner.process?.context {
        line.append(": ")
        line.append(context, isWhole: true)
      }
      guard row.count.shared > 0 else { return }
      line.append(", ")
      line.append(grouped: row.count.shared)
      line.append(" held by other processes as well")
    case .unit, .container, .pod, .user:
      if let service = group.service { line.append(escaping: service) } else { line.append("-") }
    case .peer: line.append(group.peer, nil, group.family)
    case .tuple:
      line.append(group.local, group.localPort, group.family)
      line.pad(from: start, to: Column.peer - 3)
      line.append(group.role == .client ? "-> " : group.role == .server ? "<- " : "-- ")
      line.append(group.peer, group.peerPort, group.family)
      guard report.namespaces > 1 else { return }
      line.pad(from: start, to: Column.netns)
      renderNamespace(group.netns, &line)
    case .netns:
      line.append(group.netns ?? 0)
      line.pad(from: start, to: Column.name)
      if let name = group.netns.flatMap({ names[$0] }) { line.append(escaping: name) } else { line.append("-") }
    }
  }

  private func renderNamespace(_ netns: UInt32?, _ line: inout LineBuffer) {
    if let name = netns.flatMap({ names[$0] }) { line.append(escaping: name) } else { line.append(netns ?? 0) }
  }

  private func note(_ owner: SocketCensus.Owner, _ state: TCPState) -> StaticString {
    switch owner {
    case .holder: "has it open"
    case .listener: "has not accepted it"
    case .closer: "closed first"
    case .closed: "its process has closed it"
    case .beforeWatch:
      report.lost ?? 0 > 0 ? "began before the watch, or was lost" : "began before the watch"
    case .unknown: state == .timeWait ? "closed before the watch" : "no process has it open"
    }
  }

  /// One object for one look.
  public func renderJSON(time: WallTime, into line: inout LineBuffer) {
    line.append("{\"event\":\"census\"")
    line.field("schema", JSONSchema.version)
    line.field("time", time)
    line.field("by", report.grouping.rawValue)
    line.key("watched_s")
    if let watched = report.watchedNanoseconds {
      line.append(millisecondsOf: watched / 1000)
    } else {
      line.append("null")
    }
    line.field("sockets", report.sockets)
    line.key("rows")
    line.array(report.rows) { line, row in renderJSON(row, &line) }
    line.key("left_out")
    line.append("{\"rows\":")
    line.append(report.leftOut.rows)
    line.field("sockets", report.leftOut.sockets)
    line.append("}")
    line.field("namespaces", report.namespaces)
    line.field("unread_namespaces", report.unreadNamespaces)
    line.field("uncounted", report.uncounted)
    line.field("unowned", report.unowned)
    line.field("lost", report.lost)
    line.append("}\n")
  }

  private func renderJSON(_ row: CensusReport.Row, _ line: inout LineBuffer) {
    let group = row.group
    line.append("{\"count\":")
    line.append(row.count.sockets)
    line.field("state", group.state.name)
    switch report.grouping {
    case .state: break
    case .process:
      line.append(",")
      line.fields(group.owner.process)
      line.field("owner", group.owner.name)
      line.field("shared", row.count.shared)
    case .unit, .container, .pod, .user: line.field("name", group.service)
    case .peer: line.jsonEndpoint("peer", group.peer, nil, group.family)
    case .tuple:
      line.field("netns", group.netns ?? 0)
      line.field("role", group.role == .client ? "client" : group.role == .server ? "server" : "unknown")
      line.jsonEndpoint("local", group.local, group.localPort, group.family)
      line.jsonEndpoint("peer", group.peer, group.peerPort, group.family)
    case .netns:
      line.field("netns", group.netns ?? 0)
      line.key("name")
      if let name = group.netns.flatMap({ names[$0] }) { line.append(json: name) } else { line.append("null") }
    }
    line.append("}")
  }
}

extension SocketCensus.Owner {
  fileprivate var name: String {
    switch self {
    case .holder: "holder"
    case .listener: "listener"
    case .closer: "closer"
    case .closed: "closed"
    case .beforeWatch: "before_watch"
    case .unknown: "unknown"
    }
  }
}

extension LineBuffer {
  /// An address, with a port if it is the same for all.
  fileprivate mutating func append(_ address: Address?, _ port: UInt16?, _ family: Family?) {
    guard let address, let family else { return append("-") }
    if let port { append(Endpoint(address: address, port: port), family) } else { append(address, family) }
  }

  fileprivate mutating func jsonEndpoint(
    _ name: StaticString, _ address: Address?, _ port: UInt16?, _ family: Family?
  ) {
    key(name)
    append("{\"address\":\"")
    append(address, nil, family)
    append("\",\"port\":")
    if let port { append(port) } else { append("null") }
    append("}")
  }
}
