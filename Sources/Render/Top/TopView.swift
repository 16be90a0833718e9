import Events

/// The user's view of the table: order, filter, unfolded and selected rows.
public struct TopView: Sendable {
  public enum Column: Int, Sendable, CaseIterable {
    case pid, comm, connects, accepts, rate, timeWait, closeWait, oldest, leaked, role, ports, peer
  }

  /// A line of the table.
  public enum Line: Sendable {
    case process(TopReport.Row, isOpen: Bool)
    /// What the process of an open row is.
    case about(TopReport.Row)
    case peer(TopReport.Peer, of: TopReport.Row.Key)
  }

  public var column = Column.timeWait
  public var isAscending = false
  /// Only rows that have this somewhere in their pid, name or peers; letters large or small.
  public var filter = ""
  /// What a row is of.
  public var grouping = Grouping.process
  /// Held while the table is paused.
  public var isPaused = false
  /// Which line is selected, of the last `lines`.
  public private(set) var selection = 0
  private var selected: TopReport.Row.Key?
  private var open: Set<TopReport.Row.Key> = []

  public init() {}

  /// Sorts by the column that is so many to the right, and begins with the largest, or the first letter.
  public mutating func moveColumn(by steps: Int) {
    let count = Column.allCases.count
    choose(Column.allCases[((column.rawValue + steps) % count + count) % count])
  }

  /// With the largest first, or the first letter.
  public mutating func sort(by chosen: Column) {
    column = chosen
    isAscending = chosen == .comm || chosen == .peer || chosen == .pid
  }

  /// The column that is sorted by already is turned round.
  public mutating func choose(_ chosen: Column) {
    if chosen == column { isAscending.toggle() } else { sort(by: chosen) }
  }

  public mutating func moveSelection(by steps: Int, in lines: [Line]) {
    guard !lines.isEmpty else { return }
    selection = min(max(0, selection + steps), lines.count - 1)
    selected = lines[selection].key
  }

  /// Unfolds the selected process to its peers, or folds it again.
  public mutating func toggle(in lines: [Line]) {
    guard lines.indices.contains(selection) else { return }
    let key = lines[selection].key
    if open.remove(key) == nil { open.insert(key) }
    selected = key
  }

  /// The lines to show, and the selection moved to where its process is now.
  ///
  /// - Parameter text: everything of a row that can be searched.
  public mutating func lines(of rows: [TopReport.Row], text: (TopReport.Row) -> String) -> [Line] {
    let wanted = filter.lowercased()
    let rows = rows.grouped(by: grouping)
    let shown = wanted.isEmpty ? rows : rows.filter { text($0).lowercased().contains(wanted) }
    var lines: [Line] = []
    for row in shown.sorted(by: isBefore) {
      let isOpen = open.contains(row.key)
      lines.append(.process(row, isOpen: isOpen))
      if isOpen, row.group == nil, row.context != nil { lines.append(.about(row)) }
      if isOpen { lines += row.peers.map { .peer($0, of: row.key) } }
    }
    follow(lines)
    return lines
  }

  /// Until the user chooses a line the first one stays selected.
  private mutating func follow(_ lines: [Line]) {
    let last = max(0, lines.count - 1)
    guard let selected else { return selection = 0 }
    if lines.indices.contains(selection), lines[selection].key == selected { return }
    selection = lines.firstIndex { $0.key == selected } ?? min(selection, last)
  }

  private func isBefore(_ left: TopReport.Row, _ right: TopReport.Row) -> Bool {
    switch order(left, right) {
    case 0:  // Among equals the older process first, so that lines do not dance.
      return (left.id?.pid ?? 0, left.group ?? "") < (right.id?.pid ?? 0, right.group ?? "")
    case let order: return isAscending ? order < 0 : order > 0
    }
  }

  /// Less than 0: the left one has less.
  private func order(_ left: TopReport.Row, _ right: TopReport.Row) -> Int {
    switch column {
    case .pid: compare(left.id?.pid ?? UInt32(left.processes), right.id?.pid ?? UInt32(right.processes))
    case .comm: compare(left.title, right.title)
    case .connects: compare(left.connectsPerSecond, right.connectsPerSecond)
    case .accepts: compare(left.acceptsPerSecond ?? -1, right.acceptsPerSecond ?? -1)
    case .rate: compare(left.timeWaitsPerSecond, right.timeWaitsPerSecond)
    case .timeWait: compare(left.timeWaits, right.timeWaits)
    case .closeWait: compare(left.closeWaits, right.closeWaits)
    case .oldest: compare(left.oldest?.nanoseconds ?? 0, right.oldest?.nanoseconds ?? 0)
    case .leaked: compare(left.leaked, right.leaked)
    case .role: compare(left.roles.order, right.roles.order)
    case .ports: compare(left.portShare ?? -1, right.portShare ?? -1)
    case .peer: compare(left.peers.first?.sortKey ?? [], right.peers.first?.sortKey ?? [])
    }
  }

  private func compare<Value: Comparable>(_ left: Value, _ right: Value) -> Int {
    left < right ? -1 : left > right ? 1 : 0
  }

  private func compare<Value: Comparable>(_ left: [Value], _ right: [Value]) -> Int {
    left == right ? 0 : left.lexicographicallyPrecedes(right) ? -1 : 1
  }
}

extension TopView {
  /// Takes rows together by the next kind of group.
  public mutating func nextGrouping() {
    let all = Grouping.allCases
    let index = all.firstIndex(of: grouping) ?? 0
    grouping = all[(index + 1) % all.count]
    (selected, selection) = (nil, 0)
  }
}

extension TopView.Line {
  /// The row that the line belongs to.
  public var key: TopReport.Row.Key {
    switch self {
    case .process(let row, _), .about(let row): row.key
    case .peer(_, let key): key
    }
  }
}

extension TopReport.Row {
  fileprivate var title: [UInt8] { group.map { Array($0.utf8) } ?? comm?.bytes ?? [] }
}

extension Set<Role> {
  /// Clients first, then servers, then both, then unknown.
  fileprivate var order: Int { contains(.client) ? contains(.server) ? 1 : 3 : contains(.server) ? 2 : 0 }
}

extension TopReport.Peer {
  fileprivate var sortKey: [UInt64] { [name.address.high, name.address.low, UInt64(name.port ?? 0)] }
}
