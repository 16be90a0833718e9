import FoundationEssentials

/// The object that `census --json` prints for a count.
public struct CensusList: Decodable, Sendable {
  public struct Row: Decodable, Sendable {
    public struct End: Decodable, Equatable, Sendable {
      public var address: String
      public var port: Int?

      public init(address: String, port: Int? = nil) {
        self.address = address
        self.port = port
      }
    }

    public var count: Int
    public var state: String
    public var pid: Int32?
    public var comm: String?
    public var owner: String?
    public var shared: Int?
    public var netns: Int?
    public var name: String?
    public var role: String?
    public var local: End?
    public var peer: End?
  }

  public struct LeftOut: Decodable, Equatable, Sendable {
    public var rows: Int
    public var sockets: Int

    public init(rows: Int, sockets: Int) {
      self.rows = rows
      self.sockets = sockets
    }
  }

  public var by: String
  public var sockets: Int
  public var rows: [Row]
  public var leftOut: LeftOut
  public var namespaces: Int
  public var lost: Int?

  enum CodingKeys: String, CodingKey {
    case by, sockets, rows, namespaces, lost
    case leftOut = "left_out"
  }

  public init(_ line: some Sequence<UInt8>) throws {
    self = try JSONDecoder().decode(CensusList.self, from: Data(line))
  }

  /// One count of a player's network namespace.
  public static func take(of player: Player, _ options: String...) throws -> CensusList {
    try take(of: player, options)
  }

  public static func take(of player: Player, _ options: [String]) throws -> CensusList {
    let run = try Run.tcplinger(["census", "--json", "--netns", "\(player.pid)"] + options)
    guard run.ending == .status(0), let line = run.output.lines.first else {
      throw Failure("census ended with \(run.ending): \(run.errors.text)")
    }
    return try CensusList(line.utf8)
  }

  /// Sockets by state; by that alone.
  public var states: [String: Int] {
    rows.reduce(into: [:]) { $0[$1.state, default: 0] += $1.count }
  }

  public func count(_ state: String, _ isMeant: (Row) -> Bool) -> Int {
    rows.reduce(0) { $0 + ($1.state == state && isMeant($1) ? $1.count : 0) }
  }
}

/// What ss counts in a player's network namespace, in the words of the census.
public func socketsSeenBySS(in player: Player) throws -> [String: Int] {
  let names = [
    "ESTAB": "ESTABLISHED", "SYN-SENT": "SYN_SENT", "SYN-RECV": "SYN_RECV", "FIN-WAIT-1": "FIN_WAIT1",
    "FIN-WAIT-2": "FIN_WAIT2", "TIME-WAIT": "TIME_WAIT", "CLOSE-WAIT": "CLOSE_WAIT", "LAST-ACK": "LAST_ACK",
    "LISTEN": "LISTEN", "CLOSING": "CLOSING",
  ]
  let run = try Run(
    Programs.system("nsenter", package: "util-linux"),
    ["--net=/proc/\(player.pid)/ns/net", Programs.system("ss", package: "iproute2"), "-Htan"])
  guard run.ending == .status(0) else { throw Failure("ss ended with \(run.ending): \(run.errors.text)") }
  var counts: [String: Int] = [:]
  for line in run.output.lines {
    guard let word = line.split(separator: " ").first else { continue }
    counts[names[String(word)] ?? String(word), default: 0] += 1
  }
  return counts
}
