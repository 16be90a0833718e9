import ArgumentParser
import Events

/// A column of a table, as its heading has it: in any case, with `_`, `-` or without.
struct SortColumn: ExpressibleByArgument, Equatable, Sendable {
  var name: String

  init(argument: String) { name = String(argument.lowercased().map { $0 == "-" ? "_" : $0 }) }

  /// Of any table. Which of them a command's table has it says itself.
  private static let all = [
    "pid", "comm", "count", "state", "oldest", "growth", "reason", "descriptors", "connects", "accepts", "rate",
    "time_wait", "close_wait", "fin_wait2", "leaked", "role", "ports", "peer",
  ]

  static var defaultCompletionKind: CompletionKind { .list(all) }

  /// The column of a table that has these.
  ///
  /// - Throws: where it has not.
  func `in`<Column>(_ columns: [(name: String, column: Column)]) throws -> Column {
    guard let found = columns.first(where: { $0.name == name }) else {
      throw ValidationError(
        "'\(name)' is not a column to sort by; write one of \(columns.map(\.name).joined(separator: ", "))")
    }
    return found.column
  }
}
