import Events

/// Rows of `top` as cells of text. What a process chose, its name, is escaped.
public struct TopRenderer {
  public struct Heading: Sendable {
    public var title: String
    /// Room for the values that are usual; a wider one is cut.
    public var width: Int
    public var isNumber: Bool
  }

  /// Titles are written in full where there is room for them.
  private let isWide: Bool
  /// Names of processes, or of their groups, for the other ends of connections.
  private let names: [ProcessKey: String]

  /// - Parameters:
  ///   - columns: the width of the screen.
  ///   - processes: whose names are shown where they are at the other end.
  public init(
    columns: Int, grouping: Grouping = .process, processes: [ProcessKey: Process] = [:]
  ) {
    isWide = columns >= Self.wideColumns
    headings = TopView.Column.allCases.map {
      $0.heading(isWide: columns >= Self.wideColumns, columns, grouping)
    }
    names = processes.mapValues { process in
      grouping.name(of: process.context).map(Self.escaped) ?? Self.escaped(process.comm)
    }
  }

  /// In the place of a table without rows.
  public static let idle = "Waiting for connections."

  private static let wideColumns = 128
  public let headings: [Heading]

  /// One text a heading.
  public func cells(_ row: TopReport.Row, isOpen: Bool = false) -> [String] {
    [
      row.group == nil ? row.id.map { "\($0.pid)" } ?? "-" : "\(row.processes)",
      title(row),
      rate(row.connectsPerSecond), row.acceptsPerSecond.map(rate) ?? "-", rate(row.timeWaitsPerSecond),
      count(row.timeWaits), count(UInt64(row.closeWaits)),
      row.oldest.map(age) ?? "-", count(UInt64(row.leaked)), role(row.roles), share(row.portShare),
      row.peers.first.map { peer in
        name(peer) + (row.peers.count > 1 && !isOpen ? " +\(row.peers.count - 1)" : "")
      } ?? "-",
    ]
  }

  /// A line below its process.
  public func cells(_ peer: TopReport.Peer) -> [String] {
    [
      "", "", rate(peer.connectsPerSecond), "", rate(peer.timeWaitsPerSecond), count(peer.timeWaits),
      count(UInt64(peer.closeWaits)), "", "",
      role([peer.name.role]),
      share(peer.portShare),
      name(peer),
    ]
  }

  /// Everything that a filter can find.
  public func searchable(_ row: TopReport.Row) -> String {
    let words = [row.id.map { "\($0.pid)" } ?? "-", title(row), about(row)] + row.peers.map(name)
    return words.filter { !$0.isEmpty }.joined(separator: " ")
  }

  /// A table line, each cell at its column; the last is not cut.
  public func render(_ cells: [String], into line: inout LineBuffer) {
    var text = ""
    for (index, cell) in cells.enumerated() {
      let heading = headings[index]
      let cut = index == headings.count - 1 ? cell : Width.fit(cell, heading.width)
      let space = String(repeating: " ", count: max(0, heading.width - Width.of(cut)))
      text += (index == 0 ? "" : " ") + (heading.isNumber ? space + cut : cut + space)
    }
    while text.hasSuffix(" ") { text.removeLast() }
    line.append(text + "\n")
  }

  /// The name of a process, or of a group.
  private func title(_ row: TopReport.Row) -> String {
    if let group = row.group { return group.isEmpty ? "-" : Self.escaped(group) }
    return row.comm.map(Self.escaped) ?? "-"
  }

  /// What a process is, in words; empty: nothing is known.
  public func about(_ row: TopReport.Row) -> String {
    guard row.group == nil else { return "" }
    return Self.text { $0.append(row.context) }
  }

  private static func escaped(_ comm: Comm) -> String { text { $0.append(escaping: comm) } }

  private static func escaped(_ name: String) -> String { text { $0.append(escaping: name) } }

  private static let shownEnds = 2

  /// With who is there, if that is on this host.
  private func name(_ peer: TopReport.Peer) -> String {
    let ends = Set(peer.ends.compactMap { names[$0] }).sorted()
    guard !ends.isEmpty else { return name(peer.name) }
    let more = ends.count > Self.shownEnds ? ",+\(ends.count - Self.shownEnds)" : ""
    return "\(name(peer.name)) \(ends.prefix(Self.shownEnds).joined(separator: ","))\(more)"
  }

  private func name(_ peer: TopReport.PeerName) -> String {
    Self.text { line in
      if let port = peer.port {
        line.append(Endpoint(address: peer.address, port: port), peer.family)
      } else {
        line.append(peer.address, peer.family)
      }
    }
  }

  /// Words, or the arrows of `trace` where there is no room for words.
  private func role(_ roles: Set<Role>) -> String {
    switch (roles.contains(.client), roles.contains(.server)) {
    case (true, true): isWide ? "both" : "<>"
    case (true, false): isWide ? "client" : "->"
    case (false, true): isWide ? "server" : "<-"
    case (false, false): "-"
    }
  }

  private func age(_ age: Age) -> String {
    Self.text { line in
      if age.isEstimate { line.append("~") }
      line.append(span: age.nanoseconds)
    }
  }

  /// In thousands where there is no room for more digits.
  private func count(_ number: UInt64) -> String {
    isWide || number < 10_000 ? "\(number)" : "\(number / 1000)k"
  }

  private func rate(_ perSecond: Double) -> String {
    perSecond < 10 ? Digits.rate(perSecond) : count(UInt64(perSecond.rounded()))
  }

  /// The count is an upper bound, so it is cut at 100 %.
  private func share(_ share: Double?) -> String {
    share.map { "\(min(100, Int(($0 * 100).rounded())))%" } ?? "-"
  }

  private static func text(_ body: (inout LineBuffer) -> Void) -> String {
    var line = LineBuffer()
    body(&line)
    return String(decoding: line.bytes, as: UTF8.self)
  }
}

extension TopView.Column {
  fileprivate func heading(isWide: Bool, _ columns: Int, _ grouping: Grouping) -> TopRenderer.Heading {
    let isGrouped = grouping != .process
    // Units have longer names than processes.
    let nameWidth = (isWide ? 15 : 11) + (isGrouped && columns >= 100 ? 13 : 0)
    switch self {
    case .pid: return .init(title: isGrouped ? "PROCS" : "PID", width: 7, isNumber: true)
    case .comm:
      return .init(
        title: isGrouped ? grouping.rawValue.uppercased() : "COMM", width: nameWidth, isNumber: false)
    case .connects: return .init(title: isWide ? "CONNECTS/S" : "CN/S", width: isWide ? 10 : 4, isNumber: true)
    case .accepts: return .init(title: isWide ? "ACCEPTS/S" : "AC/S", width: isWide ? 9 : 4, isNumber: true)
    case .rate: return .init(title: isWide ? "TIME_WAIT/S" : "TW/S", width: isWide ? 11 : 4, isNumber: true)
    case .timeWait: return .init(title: isWide ? "TIME_WAIT" : "TW", width: isWide ? 9 : 4, isNumber: true)
    case .closeWait: return .init(title: isWide ? "CLOSE_WAIT" : "CW", width: isWide ? 10 : 4, isNumber: true)
    case .oldest: return .init(title: "OLDEST", width: 6, isNumber: true)
    case .leaked: return .init(title: isWide ? "LEAKED" : "LEAK", width: isWide ? 6 : 4, isNumber: true)
    case .role: return .init(title: "ROLE", width: isWide ? 6 : 4, isNumber: false)
    case .ports: return .init(title: "PORTS", width: 5, isNumber: true)
    case .peer:
      let others = (isWide ? 90 : 57) + nameWidth
      return .init(title: "BUSIEST PEER", width: max(12, columns - others), isNumber: false)
    }
  }
}
