import Events

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

  /// - Parameters:
  ///   - width: columns of the terminal; nil: not a terminal, or --wide.
  ///   - isQuiet: rows only.
  public init(width: Int? = nil, isColoured: Bool = false, limit: Int? = nil, isQuiet: Bool = false) {
    columns = width.map { $0 < Self.leastWidth } ?? false ? .narrow : Columns()
    self.isColoured = isColoured
    self.limit = limit
    self.isQuiet = isQuiet
  }

  /// Parts one look from the next.
  public func renderTime(_ time: WallTime, _ format: TimeFormat, isFirst: Bool, into line: inout LineBuffer) {
    line.append(isFirst ? "At " : "\nAt ")
    line.append(time, format)
    line.append(":\n")
  }

  /// The whole report: what this host has not closed, then what its peers have not.
  public func renderText(leaks: [Row], stuck: [Row], into line: inout LineBuffer) {
    if leaks.isEmpty && stuck.isEmpty {
      if !isQuiet { line.append("No connection is in CLOSE_WAIT, and none is stuck in FIN_WAIT2.\n") }
      return
    }
    if !leaks.isEmpty {
      renderHeader("CLOSE_WAIT: the peer has closed, the process has not\n", &line)
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
        "FIN_WAIT2: the process has closed, or shut down its side, and the peer has not closed\n", &line)
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
    line.append("and \(rows - limit) more (--limit shows more)\n")
  }

  private func renderHeader(_ title: StaticString, _ line: inout LineBuffer) {
    guard !isQuiet else { return }
    line.append(title)
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
      line.append("\n")
      note(&line)
    }
    renderPeers(group, &line)
    line.append("\n")
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
    note(&line)
    line.append("descriptors ")
    line.append(rate: growth)
    line.append(", they run out in ")
    line.append(span: UInt64(seconds * 1e9))
    line.append("\n")
  }

  /// What does not fit into a column, below the row that it belongs to.
  private func renderNotes(_ group: LeakReport.Group, _ line: inout LineBuffer) {
    switch group.part {
    case .relayed:
      for (far, count) in group.waitsFor(Self.shownPeers) {
        note(&line)
        line.append("no leak: a relay, which has passed the end on and waits for ")
        line.append(far)
        line.append(" (")
        line.append(grouped: count)
        line.append(")\n")
      }
    case .awaited:
      note(&line)
      line.append("no leak yet: the peer has only shut down its side, and waits for what comes\n")
    case .leak: break
    }
    renderFarEnds(group, &line)
    if group.unheld > 0 {
      note(&line)
      line.append(grouped: group.unheld)
      line.append(" that no process has open: in flight in a unix socket, or registered with io_uring\n")
    }
    for process in group.openedBy {
      note(&line)
      line.append("opened by ")
      line.append(named: process)
      line.append("\n")
    }
    if group.listenedBy.count > 1 {
      note(&line)
      line.append("who could accept: ")
      for (index, process) in group.listenedBy.enumerated() {
        if index > 0 { line.append(", ") }
        line.append(named: process)
      }
      line.append("\n")
    }
    if group.reason == .dataUnread {
      note(&line)
      line.append(grouped: Int(group.unreadBytes))
      line.append(" bytes unread\n")
    }
    if group.unsentBytes > 0 {
      note(&line)
      line.append(grouped: Int(group.unsentBytes))
      line.append(" bytes written and not taken by the peer: it may be blocked in send()\n")
    }
    if let queue = group.acceptQueue {
      note(&line)
      line.append("accept queue ")
      line.append(grouped: Int(queue.length))
      line.append(" of ")
      line.append(grouped: Int(queue.limit))
      line.append(", one waits for ")
      if group.oldest.isEstimate { line.append("~") }
      line.append(span: group.oldest.nanoseconds)
      line.append("\n")
    }
    if group.shared > 0 {
      note(&line)
      line.append(grouped: group.shared)
      line.append(" held by other processes too: each must close (--each names them)\n")
    }
  }

  private func renderStuckNotes(_ group: LeakReport.Group, _ line: inout LineBuffer) {
    renderFarEnds(group, &line)
    if group.part == .relayed {
      note(&line)
      line.append("a relay: it has passed on the end of another connection\n")
    } else if group.halfClosed > 0 {
      note(&line)
      line.append(grouped: group.halfClosed)
      line.append(" half closed by shutdown(): the process reads on\n")
    }
  }

  /// The processes at the other end, where they are on this host.
  private func renderFarEnds(_ group: LeakReport.Group, _ line: inout LineBuffer) {
    for (far, count) in group.farEnds(.max).filter({ $0.far.process != nil }).prefix(Self.shownPeers) {
      note(&line)
      line.append("the other end: ")
      line.append(far)
      line.append(" (")
      line.append(grouped: count)
      line.append(")\n")
    }
  }

  private func note(_ line: inout LineBuffer) { line.append("        ") }
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
