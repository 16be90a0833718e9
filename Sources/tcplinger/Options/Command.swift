import ArgumentParser

/// A command of tcplinger, with what its help and its manual page say beside the options.
protocol Command: ParsableCommand {
  static var manual: Manual { get }
  /// Options of all commands that this one cannot honour, each with why and what to use. Its help leaves them out.
  static var refused: [String: String] { get }
  /// Names of the options of all commands that were given.
  var given: [String] { get }
}

struct Manual {
  /// A command, and what it is for.
  var examples: [(label: String, text: String)]
  /// Keys of a command that is used on a screen.
  var keys: [(label: String, text: String)] = []
  /// Beside 0, 1, 2 and 64, which every command has.
  var exitStatus: [(label: String, text: String)] = []
  var seeAlso: [String]
}

extension Command {
  static var refused: [String: String] { [:] }

  func refuseOptions() throws {
    guard let name = given.first(where: { Self.refused[$0] != nil }), let reason = Self.refused[name] else {
      return
    }
    throw ValidationError("\(Self._commandName) has no --\(name): \(reason)")
  }
}
