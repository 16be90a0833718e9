/// What `top --batch` prints.
public struct TopTable: Sendable {
  public struct Row: Sendable {
    public var pid: Int32?
    public var comm: String
    public var connectsPerSecond: Double
    /// nil: not known.
    public var acceptsPerSecond: Double?
    public var perSecond: Double
    public var timeWaits: Int
    public var closeWaits: Int
    public var oldest: String
    public var leaked: Int
    public var role: String
    public var ports: String
    public var peer: String
  }

  /// Rows of processes whose names have no space, in their order.
  public var rows: [Row]
  /// The line below.
  public var losses: String

  /// Every table that is whole, oldest first.
  public static func all(in lines: [String]) -> [TopTable] {
    lines.split(separator: "").filter { $0.count >= 3 }.map { part in
      TopTable(rows: part.dropFirst(2).dropLast().compactMap(Row.init), losses: part.last ?? "")
    }
  }

  public func row(of pid: Int32) -> Row? { rows.first { $0.pid == pid } }
}

extension TopTable.Row {
  /// The least that `oldest` stands for: its digits after the last are cut off.
  public var milliseconds: Double? {
    let text = oldest.drop { $0 == "~" }
    let number = Double(text.prefix { $0.isNumber || $0 == "." })
    switch text.drop(while: { $0.isNumber || $0 == "." }) {
    case "us": return number.map { $0 / 1000 }
    case "ms": return number
    case "s": return number.map { $0 * 1000 }
    default: return nil
    }
  }

  init?(_ line: String) {
    let cells = line.split(separator: " ").map(String.init)
    guard cells.count >= 12, let connects = Double(cells[2]), let perSecond = Double(cells[4]),
      let timeWaits = Int(cells[5]), let closeWaits = Int(cells[6]), let leaked = Int(cells[8])
    else { return nil }
    self.init(
      pid: Int32(cells[0]), comm: cells[1], connectsPerSecond: connects, acceptsPerSecond: Double(cells[3]),
      perSecond: perSecond, timeWaits: timeWaits, closeWaits: closeWaits, oldest: cells[7], leaked: leaked,
      role: cells[9], ports: cells[10], peer: cells[11])
  }
}

extension Child {
  /// `top --batch`, when its first table has come: what happens from then on is counted.
  public static func top(_ options: [String]) throws -> Child {
    let top = try Child(Programs.tcplinger, ["top", "--batch", "--delay", "100ms"] + options)
    guard top.nextLine(by: .inSeconds(patience)) != nil else { throw Failure("no table; \(top.report())") }
    return top
  }

  /// The first table for which it is so; each is looked at once.
  public func table(where isWanted: (TopTable) -> Bool) throws -> TopTable {
    var found: TopTable?
    var seen = 0
    _ = eventually {
      output.fill(within: 50)
      let tables = TopTable.all(in: output.lines.dropLast())
      found = tables.dropFirst(seen).first(where: isWanted)
      seen = tables.count
      return found != nil
    }
    guard let found else {
      throw Failure("no such table; the last lines: \(output.lines.suffix(8)); \(report())")
    }
    return found
  }
}
