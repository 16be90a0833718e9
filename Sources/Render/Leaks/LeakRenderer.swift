import Events
import Language

/// Connections that are not closed, by process: `tcplinger leaks`.
public struct LeakRenderer {
  /// A group of a report, with the descriptors of its process.
  public struct Row {
    public var group: LeakReport.Group
    public var descriptorsOpen: Int?
    public var descriptorLimit: Int?
    /// Connections a second; nil on the first look.
    public var growth: Double?
    /// Open descriptors of the process a second, those that are no leak included.
    public var descriptorGrowth: Double?

    public init(
      group: LeakReport.Group, descriptorsOpen: Int? = nil, descriptorLimit: Int? = nil, growth: Double? = nil,
      descriptorGrowth: Double? = nil
    ) {
      self.group = group
      self.descriptorsOpen = descriptorsOpen
      self.descriptorLimit = descriptorLimit
      self.growth = growth
      self.descriptorGrowth = descriptorGrowth
    }

    /// Until the process has no descriptor left; nil where the connections of the group take none.
    var secondsLeft: Double? {
      guard group.takesDescriptors, let descriptorsOpen, let descriptorLimit, let descriptorGrowth else {
        return nil
      }
      return LeakTrend.secondsLeft(
        open: descriptorsOpen, limit: descriptorLimit, growthPerSecond: descriptorGrowth)
    }
  }

  /// Where each column begins.
  private struct Columns {
    var comm = 8
    var count = 25
    var reason = 34
    var oldest = 48
    var growth = 57
    var descriptors = 68
    /// nil: in a line of their own.
    var peers: Int? = 88

    static let narrow = Columns(count: 24, reason: 32, oldest: 46, growth: 54, descriptors: 63, peers: nil)
  }

  /// One peer fits in a terminal of this width.
  private static let leastWidth = 120
  static let shownPeers = 3
  private let columns: Columns
  private let isColoured: Bool
  /// Rows of each of the two lists; nil: all.
  private let limit: Int?
  private let isQuiet: Bool
  private let isWhole: Bool
  private let language: Language

  /// - Parameters:
  ///   - isWhole: whole command lines.
  ///   - width: columns of the terminal; nil: not a terminal, or --wide.
  ///   - isQuiet: rows only.
  public init(
    width: Int? = nil, isColoured: Bool = false, limit: Int? = nil, isQuiet: Bool = false,
    isWhole: Bool = false,
    language: Language = .english
  ) {
    self.isWhole = isWhole
    self.language = language
    columns = width.map { $0 < Self.leastWidth } ?? false ? .narrow : Columns()
    self.isColoured = isColoured
    self.limit = limit
    self.isQuiet = isQuiet
  }

  /// Parts one look from the next.
  public func renderTime(_ time: WallTime, _ format: TimeFormat, isFirst: Bool, into line: inout LineBuffer) {
    if !isFirst { line.append("\n") }
    let time = text { $0.append(time, format) }
    put("At \(time):", &line)
    line.append("\n")
  }

  /// The whole report: what this host has not closed, then what its peers have not.
  public func renderText(leaks: [Row], stuck: [Row], into line: inout LineBuffer) {
    if leaks.isEmpty && stuck.isEmpty {
      if !isQuiet { row("No connection is in CLOSE_WAIT, and none is stuck in FIN_WAIT2.", &line) }
      return
    }
    if !leaks.isEmpty {
      renderHeader("CLOSE_WAIT: the peer has closed, the process has not", &line)
      // Descriptors are counted by process, and a process has a row for each reason.
      var forecast: Set<Process.Identity?> = []
      for row in leaks.prefix(limit ?? .max) {
        render(row, &line)
        if row.secondsLeft != nil, forecast.insert(row.group.process?.identity).inserted {
          renderForecast(row, &line)
        }
        renderNotes(row.group, &line)
      }
      renderLeftOut(leaks.count, &line)
    }
    if !stuck.isEmpty {
      line.append(leaks.isEmpty || isQuiet ? "" : "\n")
      renderHeader(
        "FIN_WAIT2: the process has closed, or shut down its side, and the peer has not closed", &line)
      for row in stuck.prefix(limit ?? .max) {
        render(row, &line)
        renderStuckNotes(row.group, &line)
      }
      renderLeftOut(stuck.count, &line)
    }
  }

  /// Nothing if nothing was.
  public func renderLosses(_ lost: [Loss.Place: UInt64], into line: inout LineBuffer) {
    if !lost.isEmpty { line.append("\n\(Loss.summary(of: lost))\n") }
  }

  private func renderLeftOut(_ rows: Int, _ line: inout LineBuffer) {
    guard let limit, rows > limit else { return }
    row("and \(rows - limit) more (--limit shows more)", &line)
  }

  private func renderHeader(_ title: Text, _ line: inout LineBuffer) {
    guard !isQuiet else { return }
    row(title, &line)
    var titles: [(Int, StaticString)] = [
      (0, "PID"), (columns.comm, "COMM"), (columns.count, "COUNT"), (columns.reason, "REASON"),
      (columns.oldest, "OLDEST"), (columns.growth, "GROWTH"), (columns.descriptors, "DESCRIPTORS"),
    ]
    if let peers = columns.peers { titles.append((peers, "PEERS")) }
    line.heading(isColoured) { $0.append(columns: titles) }
  }

  private func render(_ row: Row, _ line: inout LineBuffer) {
    let group = row.group
    let start = line.count
    if let process = group.process { line.append(process.pid) } else { line.append("-") }
    line.pad(from: start, to: columns.comm)
    if let process = group.process { line.append(escaping: process.comm) } else { line.append("-") }
    line.pad(from: start, to: columns.count)
    line.append(grouped: group.count)
    line.pad(from: start, to: columns.reason)
    line.append(group.reason?.rawValue ?? "peer_open")
    line.pad(from: start, to: columns.oldest)
    if group.oldest.isEstimate { line.append("~") }
    line.append(span: group.oldest.nanoseconds)
    line.pad(from: start, to: columns.growth)
    if let growth = row.growth { line.append(rate: growth) } else { line.append("-") }
    line.pad(from: start, to: columns.descriptors)
    renderDescriptors(row, &line)
    if let peers = columns.peers {
      line.pad(from: start, to: peers)
    } else {
      line.append("\n" + Self.margin)
    }
    renderPeers(group, &line)
    line.append("\n")
    guard let context = group.process?.context else { return }
    let noteStart = line.count
    line.append(Self.margin)
    if line.append(context, isWhole: isWhole, in: language) {
      line.append("\n")
    } else {
      line.remove(from: noteStart)
    }
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

  private func renderForecast(_ row: Row, _ line: inout LineBuffer) {
    guard let seconds = row.secondsLeft, let growth = row.descriptorGrowth else { return }
    let rate = text { $0.append(rate: growth) }
    let span = text { $0.append(span: UInt64(seconds * 1e9)) }
    note("descriptors \(rate), they run out in \(span)", &line)
  }

  /// What does not fit into a column, below the row that it belongs to.
  private func renderNotes(_ group: LeakReport.Group, _ line: inout LineBuffer) {
    switch group.part {
    case .relayed:
      for (far, count) in group.waitsFor(Self.shownPeers) {
        note(
          "no leak: a relay, which has passed the end on and waits for \(named(far)) (\(digits(count)))", &line)
      }
    case .awaited: note("no leak yet: the peer has only shut down its side, and waits for what comes", &line)
    case .leak: break
    }
    renderFarEnds(group, &line)
    if group.unheld > 0 {
      note(
        "\(digits(group.unheld)) that no process has open: in flight in a unix socket, or registered with io_uring",
        &line)
    }
    for process in group.openedBy { note("opened by \(named(process))", &line) }
    if group.listenedBy.count > 1 {
      note("who could accept: \(group.listenedBy.map(named).joined(separator: ", "))", &line)
    }
    if group.reason == .dataUnread { note("\(digits(Int(group.unreadBytes))) bytes unread", &line) }
    if group.unsentBytes > 0 {
      note(
        "\(digits(Int(group.unsentBytes))) bytes written and not taken by the peer: it may be blocked in send()",
        &line)
    }
    if let queue = group.acceptQueue {
      let age = text { line in
        if group.oldest.isEstimate { line.append("~") }
        line.append(span: group.oldest.nanoseconds)
      }
      note(
        "accept queue \(digits(Int(queue.length))) of \(digits(Int(queue.limit))), one waits for \(age)", &line)
    }
    if group.shared > 0 {
      note(
        "\(digits(group.shared)) held by other processes too: each must close (--each names them)", &line)
    }
  }

  private func renderStuckNotes(_ group: LeakReport.Group, _ line: inout LineBuffer) {
    renderFarEnds(group, &line)
    if group.part == .relayed {
      note("a relay: it has passed on the end of another connection", &line)
    } else if group.halfClosed > 0 {
      note("\(digits(group.halfClosed)) half closed by shutdown(): the process reads on", &line)
    }
  }

  /// The processes at the other end, where they are on this host.
  private func renderFarEnds(_ group: LeakReport.Group, _ line: inout LineBuffer) {
    for (far, count) in group.farEnds(.max).filter({ $0.far.process != nil }).prefix(Self.shownPeers) {
      note("the other end: \(named(far)) (\(digits(count)))", &line)
    }
  }

  // MARK: Pieces

  private static let margin = "        "

  /// A line below a row.
  private func note(_ text: Text, _ line: inout LineBuffer) {
    line.append(Self.margin)
    row(text, &line)
  }

  private func row(_ text: Text, _ line: inout LineBuffer) {
    put(text, &line)
    line.append("\n")
  }

  private func put(_ text: Text, _ line: inout LineBuffer) { line.append(text.shown(in: language)) }

  private func digits(_ number: Int) -> String { Digits.grouped(number) }

  private func named(_ process: Process) -> String { text { $0.append(named: process) } }

  private func named(_ far: LeakReport.Far) -> String { text { $0.append(far) } }

  private func text(_ body: (inout LineBuffer) -> Void) -> String {
    var line = LineBuffer()
    body(&line)
    return String(decoding: line.bytes, as: UTF8.self)
  }
}

extension LineBuffer {
  /// A number with a comma between each three digits.
  mutating func append(grouped number: Int) { append(Digits.grouped(number)) }

  /// So many a second more or fewer.
  fileprivate mutating func append(rate: Double) {
    let digits = Digits.rate(rate)
    append("\(digits == "0" ? "" : rate < 0 ? "-" : "+")\(digits)/s")
  }

  /// `nginx[4123]`.
  mutating func append(named process: Process) {
    append(escaping: process.comm)
    append("[")
    append(process.pid)
    append("]")
  }

  fileprivate mutating func append(_ far: LeakReport.Far) {
    append(LeakReport.Peer(family: far.family, address: far.address, port: far.port))
    if let process = far.process {
      append(" ")
      append(named: process)
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
