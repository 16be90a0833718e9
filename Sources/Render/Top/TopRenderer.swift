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

  /// - Parameter columns: the width of the screen.
  public init(columns: Int) {
    isWide = columns >= Self.wideColumns
    headings = TopView.Column.allCases.map { $0.heading(isWide: columns >= Self.wideColumns, columns) }
  }

  /// In the place of a table without rows.
  public static let idle = "Waiting for connections."

  private static let wideColumns = 128
  public let headings: [Heading]

  /// One text a heading.
  public func cells(_ row: TopReport.Row, isOpen: Bool = false) -> [String] {
    [
      row.id.map { "\($0.pid)" } ?? "-",
      row.comm.map(name) ?? "-",
      rate(row.connectsPerSecond), row.acceptsPerSecond.map(rate) ?? "-", rate(row.timeWaitsPerSecond),
      count(row.timeWaits), count(UInt64(row.closeWaits)),
      row.oldest.map(age) ?? "-", count(UInt64(row.leaked)), role(row.roles), share(row.portShare),
      row.peers.first.map { peer in
        name(peer.name) + (row.peers.count > 1 && !isOpen ? " +\(row.peers.count - 1)" : "")
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
      name(peer.name),
    ]
  }

  /// Everything that a filter can find.
  public func searchable(_ row: TopReport.Row) -> String {
    ([row.id.map { "\($0.pid)" } ?? "-", row.comm.map(name) ?? "-"] + row.peers.map { name($0.name) })
      .joined(separator: " ")
  }

  /// A table line, each cell at its column; the last is not cut.
  public func render(_ cells: [String], into line: inout LineBuffer) {
    var text = ""
    for (index, cell) in cells.enumerated() {
      let heading = headings[index]
      let cut = index == headings.count - 1 ? cell : Self.fit(cell, heading.width)
      let space = String(repeating: " ", count: max(0, heading.width - cut.unicodeScalars.count))
      text += (index == 0 ? "" : " ") + (heading.isNumber ? space + cut : cut + space)
    }
    while text.hasSuffix(" ") { text.removeLast() }
    line.append(text + "\n")
  }

  /// The text, or as much as fits with a mark that something is missing.
  public static func fit(_ text: String, _ width: Int) -> String {
    text.unicodeScalars.count <= width
      ? text : String(String.UnicodeScalarView(text.unicodeScalars.prefix(max(0, width - 1)))) + "+"
  }

  private func name(_ comm: Comm) -> String { text { $0.append(escaping: comm) } }

  private func name(_ peer: TopReport.PeerName) -> String {
    text { line in
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
    text { line in
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

  private func text(_ body: (inout LineBuffer) -> Void) -> String {
    var line = LineBuffer()
    body(&line)
    return String(decoding: line.bytes, as: UTF8.self)
  }
}

extension TopView.Column {
  fileprivate func heading(isWide: Bool, _ columns: Int) -> TopRenderer.Heading {
    switch self {
    case .pid: .init(title: "PID", width: 7, isNumber: true)
    case .comm: .init(title: "COMM", width: isWide ? 15 : 11, isNumber: false)
    case .connects: .init(title: isWide ? "CONNECTS/S" : "CN/S", width: isWide ? 10 : 4, isNumber: true)
    case .accepts: .init(title: isWide ? "ACCEPTS/S" : "AC/S", width: isWide ? 9 : 4, isNumber: true)
    case .rate: .init(title: isWide ? "TIME_WAIT/S" : "TW/S", width: isWide ? 11 : 4, isNumber: true)
    case .timeWait: .init(title: isWide ? "TIME_WAIT" : "TW", width: isWide ? 9 : 4, isNumber: true)
    case .closeWait: .init(title: isWide ? "CLOSE_WAIT" : "CW", width: isWide ? 10 : 4, isNumber: true)
    case .oldest: .init(title: "OLDEST", width: 6, isNumber: true)
    case .leaked: .init(title: isWide ? "LEAKED" : "LEAK", width: isWide ? 6 : 4, isNumber: true)
    case .role: .init(title: "ROLE", width: isWide ? 6 : 4, isNumber: false)
    case .ports: .init(title: "PORTS", width: 5, isNumber: true)
    case .peer: .init(title: "BUSIEST PEER", width: max(12, columns - (isWide ? 105 : 68)), isNumber: false)
    }
  }
}
