import ArgumentParser
import Events
import System
import Tracing

/// A length of time: `500ms`, `1.5s`, `5m`, `1h`, `2d`, or a bare number of seconds.
struct DurationArgument: ExpressibleByArgument, Equatable, Sendable, CustomStringConvertible {
  var nanoseconds: UInt64

  init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  init?(argument: String) {
    let units: [(String, UInt64)] = [
      ("ms", 1_000_000), ("s", Self.second), ("m", 60 * Self.second), ("h", 3600 * Self.second),
      ("d", 86_400 * Self.second), ("", Self.second),
    ]
    guard let (unit, factor) = units.first(where: { argument.hasSuffix($0.0) }) else { return nil }
    let parts = argument.dropLast(unit.count).split(separator: ".", omittingEmptySubsequences: false)
    // To a millionth: more digits are a slip of the keyboard.
    guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { 48...57 ~= $0 } }),
      let whole = UInt64(parts[0]), whole <= Self.longest, parts.count == 1 || parts[1].count <= 6,
      let millionths = parts.count == 1
        ? 0 : UInt64(parts[1] + String(repeating: "0", count: 6 - parts[1].count))
    else { return nil }
    let (nanoseconds, overflow) = whole.multipliedReportingOverflow(by: factor)
    guard !overflow, nanoseconds <= Self.longest else { return nil }
    self.nanoseconds = nanoseconds + millionths * (factor / 1_000_000)
  }

  private static let second: UInt64 = 1_000_000_000

  /// A hundred years: more is a slip of the keyboard, and would overflow a clock.
  private static let longest: UInt64 = 100 * 365 * 86_400_000_000_000

  /// The help shows this one for an option that may stand alone, the other for any option.
  var description: String { defaultValueDescription }

  var defaultValueDescription: String {
    nanoseconds % 1_000_000_000 == 0 ? "\(nanoseconds / 1_000_000_000)s" : "\(nanoseconds / 1_000_000)ms"
  }
}

extension DurationArgument {
  /// The parser takes a value that it cannot read, of an option that may go without one, for none.
  static func check(_ option: String) throws {
    for word in CommandLine.arguments.prefix(while: { $0 != "--" }) where word.hasPrefix("\(option)=") {
      _ = try parse(String(word.dropFirst(option.count + 1)))
    }
  }

  static func parse(_ text: String) throws -> DurationArgument {
    guard let duration = DurationArgument(argument: text) else {
      throw ValidationError("'\(text)' is not a length of time; write 500ms, 1.5s, 30s, 5m, 2h or 2d")
    }
    return duration
  }

  /// Is it long enough between two looks?
  func checkInterval() throws {
    guard nanoseconds >= 100_000_000 else {
      throw ValidationError("the interval must be at least 100ms, such as 500ms or 2s")
    }
  }
}

extension PortSet {
  static func parse(_ text: String) throws -> PortSet {
    do {
      return try PortSet(parsing: text)
    } catch {
      throw ValidationError("\(error); write ports like 80,443,8000-8999")
    }
  }
}

extension PeerPattern {
  static func parse(_ text: String) throws -> PeerPattern {
    do {
      return try PeerPattern(parsing: text)
    } catch {
      throw ValidationError("\(error); write 10.0.0.5, 10.0.0.0/8, 10.0.0.5:8080 or [2001:db8::1]:443")
    }
  }
}

/// One network namespace, named by a file, by a process in it, or by its inode number.
struct NamespaceArgument: Equatable, Sendable {
  var inode: UInt32

  /// Inode numbers of namespaces begin here, those of the initial ones just below the rest.
  /// Source: include/linux/proc_ns.h, PROC_DYNAMIC_FIRST.
  private static let firstInode: UInt32 = 0xf000_0000 - 16

  static func parse(_ text: String) throws -> NamespaceArgument {
    if let number = UInt32(text), number >= firstInode {
      try? NetworkNamespace.all().first { $0.inode == number }?.hold()
      return NamespaceArgument(inode: number)
    }
    let path = UInt32(text) == nil ? text : "/proc/\(text)/ns/net"
    do {
      let namespace = try NetworkNamespace(path: path)
      try namespace.hold()
      return NamespaceArgument(inode: namespace.inode)
    } catch {
      throw ValidationError("\(error); give a file such as /run/netns/NAME, a pid, or an inode number")
    }
  }
}

/// States by name: a list such as `time_wait,close_wait`, in any case and with `_`, `-` or neither.
enum StateNames {
  static let kinds = OriginFilter.Kind.allCases.map(\.rawValue)
  static let states = TCPState.allCases.map { $0.name.lowercased() }

  static func kinds(_ text: String) throws -> [OriginFilter.Kind] {
    try list(text, of: OriginFilter.Kind.allCases, kinds)
  }

  static func states(_ text: String) throws -> [TCPState] { try list(text, of: TCPState.allCases, states) }

  private static func list<State>(_ text: String, of states: [State], _ names: [String]) throws -> [State] {
    try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
      guard let index = names.firstIndex(where: { plain($0) == plain(String(word)) }) else {
        throw ValidationError("'\(word)' is not one of \(names.joined(separator: ", "))")
      }
      return states[index]
    }
  }

  private static func plain(_ name: String) -> String {
    name.lowercased().filter { $0 != "_" && $0 != "-" }
  }
}

extension HookChoice: ExpressibleByArgument {}

/// Which end of the connection is this host's.
enum RoleArgument: String, ExpressibleByArgument, CaseIterable {
  case client, server

  var role: Role { self == .client ? .client : .server }
}
