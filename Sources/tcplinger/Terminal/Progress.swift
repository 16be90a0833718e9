import Glibc
import Synchronization

/// One line on standard error that says what is waited for. It is cleared before anything else is printed, and shown only if
/// standard error is a terminal.
enum Progress {
  private static let shownColumns = Atomic(0)

  /// --quiet was given.
  static var isSilenced: Bool {
    get { silenced.load(ordering: .relaxed) }
    set { silenced.store(newValue, ordering: .relaxed) }
  }

  private static let silenced = Atomic(false)

  static var isWanted: Bool { !isSilenced && isTerminal }

  private static let isTerminal = isatty(STDERR_FILENO) == 1

  static func show(_ text: String, secondsLeft: UInt64?) {
    // A job in the background leaves the terminal to others.
    guard isWanted, tcgetpgrp(STDERR_FILENO) == getpgrp() else { return }
    let whole = secondsLeft.map { "\(text): \($0) s left" } ?? text
    // Within one line of the terminal, or it could not be taken back.
    let line = whole.prefix(max(0, (StandardStreams.columns(of: STDERR_FILENO) ?? 80) - 1))
    clear()
    StandardError.write(Array("\r\(line)".utf8))
    shownColumns.store(line.count, ordering: .relaxed)
  }

  /// Before any other output.
  static func clear() {
    let columns = shownColumns.exchange(0, ordering: .relaxed)
    guard columns > 0 else { return }
    StandardError.write(Array("\r\(String(repeating: " ", count: columns))\r".utf8))
  }
}
