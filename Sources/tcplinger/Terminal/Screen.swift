import CCurses
import Glibc

/// The terminal while it is taken over: a grid of characters. One at a time; used on one thread.
final class Screen {
  enum Look {
    case plain, bold, dim, alarm, warning
  }

  enum Key: Equatable {
    case character(Character)
    case up, down, left, right, pageUp, pageDown, backspace, enter, escape, resize, other
  }

  private var isOpen = true

  private init() {}

  /// - Throws: where the terminal has no description; said in a line, before anything is drawn.
  static func open(colour: Bool) throws -> Screen {
    guard ccurses_open(colour) else {
      let name = getenv("TERM").map { String(cString: $0) } ?? ""
      throw Failure(
        status: Failure.machine,
        line: name.isEmpty
          ? "cannot draw on the terminal: TERM is not set; use --batch"
          : "cannot draw on the terminal: terminfo has no '\(name.debugDescription.dropFirst().dropLast())' "
            + "that can move the cursor; use --batch, or set TERM or TERMINFO")
    }
    return Screen()
  }

  /// The terminal as it was. What is written after it is seen.
  func close() {
    guard isOpen else { return }
    isOpen = false
    ccurses_close()
  }

  deinit { close() }

  var size: (lines: Int, columns: Int) {
    var lines: Int32 = 0
    var columns: Int32 = 0
    ccurses_size(&lines, &columns)
    return (Int(lines), Int(columns))
  }

  /// Draws anew what `body` puts; the rest is empty.
  func draw(_ body: () -> Void) {
    ccurses_erase()
    body()
    ccurses_show()
  }

  /// Text from a place on, cut at the width. It must be free of control characters.
  func put(_ text: String, line: Int, column: Int, width: Int, _ look: Look = .plain, reversed: Bool = false) {
    guard line >= 0, column >= 0, width > 0 else { return }
    ccurses_put(
      Int32(line), Int32(column), Int32(width), text,
      look.number | (reversed ? Int32(CCURSES_REVERSE.rawValue) : 0))
  }

  /// The next key that was pressed; nil if none waits.
  func key() -> Key? {
    let key = ccurses_key()
    switch ccurses_key_name(key) {
    case CCURSES_NONE: return nil
    case CCURSES_UP: return .up
    case CCURSES_DOWN: return .down
    case CCURSES_LEFT: return .left
    case CCURSES_RIGHT: return .right
    case CCURSES_PAGE_UP: return .pageUp
    case CCURSES_PAGE_DOWN: return .pageDown
    case CCURSES_BACKSPACE: return .backspace
    case CCURSES_RESIZE: return .resize
    default: break
    }
    switch key {
    case 13, 10: return .enter
    case 27: return .escape
    default:
      guard key >= 32, let scalar = Unicode.Scalar(UInt32(key)) else { return .other }
      return .character(Character(scalar))
    }
  }
}

/// A key's number as one of the names.
private func ccurses_key_name(_ key: Int32) -> ccurses_key {
  ccurses_key(rawValue: type(of: CCURSES_UP.rawValue).init(key))
}

extension Screen.Look {
  fileprivate var number: Int32 {
    let look: ccurses_look =
      switch self {
      case .plain: CCURSES_PLAIN
      case .bold: CCURSES_BOLD
      case .dim: CCURSES_DIM
      case .alarm: CCURSES_ALARM
      case .warning: CCURSES_WARNING
      }
    return Int32(look.rawValue)
  }
}
