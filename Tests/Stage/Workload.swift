import FoundationEssentials

/// `tcplinger-workload short` in the network namespace of a player, by what it says about itself.
public struct Workload: Decodable, Sendable {
  public var connections: Int
  public var clientPid: Int32
  public var serverPid: Int32
  public var port: Int

  enum CodingKeys: String, CodingKey {
    case connections, port
    case clientPid = "client_pid"
    case serverPid = "server_pid"
  }

  /// Starts it: so many connections, which the closer closes first.
  public static func start(
    _ connections: Int, closer: String, _ options: [String] = [], in home: Player
  ) throws -> Child {
    try Child(
      in: home, Programs.workload, ["short", "--connections", "\(connections)", "--closer", closer] + options)
  }

  private struct Held: Decodable { var pid: Int32 }

  /// `tcplinger-workload hold`, once so many connections are open; this process has the client's ends.
  public static func hold(_ connections: Int, in home: Player) throws -> (child: Child, pid: Int32) {
    let child = try Child(
      in: home, Programs.workload, ["hold", "--connections", "\(connections)", "--seconds", "600"])
    guard let line = child.nextLine(by: .inSeconds(5 * patience)) else {
      throw Failure("the workload holds nothing; \(child.report())")
    }
    return (child, try JSONDecoder().decode(Held.self, from: Data(line)).pid)
  }

  /// What it said, when it has ended.
  public init(of child: Child) throws {
    guard try child.end(by: .inSeconds(5 * patience)) == .status(0), let line = child.output.lines.first else {
      throw Failure("the workload failed; \(child.report())")
    }
    self = try JSONDecoder().decode(Workload.self, from: Data(line.utf8))
  }

  /// Starts it and waits for its end.
  public static func run(
    _ connections: Int, closer: String, _ options: [String] = [], in home: Player
  ) throws -> Workload {
    try Workload(of: start(connections, closer: closer, options, in: home))
  }

  /// - Parameter role: `client` or `server`.
  public func pid(of role: String) -> Int32 { role == "client" ? clientPid : serverPid }
}
