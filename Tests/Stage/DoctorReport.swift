import FoundationEssentials
import Glibc

/// The object that `doctor --json` prints.
public struct DoctorReport: Decodable, Sendable {
  public struct Finding: Decodable, Sendable {
    public struct Actor: Decodable, Equatable, Sendable {
      public var pid: Int32?
      public var comm: String?
      public var part: String?
    }

    public struct Service: Decodable, Equatable, Sendable {
      public struct End: Decodable, Equatable, Sendable {
        public var address: String
        public var port: Int?
      }

      public var local: End?
      public var peer: End?
      public var count: Int
    }

    public struct Setting: Decodable, Sendable {
      public var name: String
      public var helps: Bool
      public var command: String?
    }

    public var rule: String
    public var severity: String
    public var netns: Int?
    public var port: Int?
    public var seen: [String]
    public var figures: [String: Double?]
    public var services: [Service]
    public var actors: [Actor]
    public var certainty: String
    public var remedies: [String]
    public var settings: [Setting]
    public var unknown: [String]

    public func figure(_ name: String) -> Double? { figures[name] ?? nil }
    public func setting(_ name: String) -> Setting? { settings.first { $0.name == name } }
  }

  public var healthy: Bool
  public var netns: [Int]
  public var findings: [Finding]
  public var figures: [String: Double?]
  public var unknown: [String]
  public var lost: Int

  public func figure(_ name: String) -> Double? { figures[name] ?? nil }
  public func finding(_ rule: String) -> Finding? { findings.first { $0.rule == rule } }
}

/// The program under test, watching.
public final class Doctor {
  public let child: Child
  private let began: Moment

  /// Returns when the watch has begun.
  public init(_ options: String...) throws {
    let child = try Child(Programs.tcplinger, ["doctor", "--json", "--verbose", "--duration", "5m"] + options)
    self.child = child
    // It says which hooks it uses when the watch begins.
    let hasBegun = eventually {
      child.errors.fill(within: 50)
      return child.errors.text.contains("hooks:")
    }
    guard hasBegun else {
      throw Failure("doctor does not begin to watch; \(child.report())")
    }
    began = .now
  }

  /// Ctrl-C: what was found until now, but for a second, the shortest watch that has rates.
  public func stop(expecting status: Int32 = 0) throws -> DoctorReport {
    _ = eventually { Moment.now.milliseconds(since: began) > 1100 }
    child.send(SIGINT)
    let ending = try child.end()
    guard ending == .status(status), let line = child.output.lines.first else {
      throw Failure("doctor ended with \(ending); \(child.report())")
    }
    return try JSONDecoder().decode(DoctorReport.self, from: Data(line.utf8))
  }
}

extension Child {
  /// A program in the network namespace of a player.
  public convenience init(in player: Player, _ program: String, _ arguments: [String]) throws {
    try self.init(
      Programs.system("nsenter", package: "util-linux"),
      ["--net=/proc/\(player.pid)/ns/net", program] + arguments)
  }
}
