/// Breaks text into lines: between words, and around characters of two columns, which are written without spaces.
public enum Wrapping {
  /// - Parameters:
  ///   - first: columns of the first line that are taken already.
  ///   - rest: the same of the other lines.
  /// - Returns: without indents.
  public static func lines(_ text: String, columns: Int, first: Int = 0, rest: Int = 0) -> [String] {
    var lines: [String] = []
    var line = ""
    var at = first
    var pendingSpace = false
    for piece in pieces(text) {
      if piece == " " {
        pendingSpace = !line.isEmpty
        continue
      }
      let width = Width.of(piece)
      if at + (pendingSpace ? 1 : 0) + width > columns, !line.isEmpty {
        lines.append(line)
        (line, at, pendingSpace) = ("", rest, false)
      }
      if pendingSpace {
        line += " "
        at += 1
        pendingSpace = false
      }
      line += piece
      at += width
    }
    return lines + [line]
  }

  /// They end a clause, and stay with what is before them.
  private static let marks: Set<Unicode.Scalar> = [
    "\u{ff0c}", "\u{3002}", "\u{ff1b}", "\u{ff1a}", "\u{3001}", "\u{ff09}", "\u{ff1f}", "\u{ff01}", "\u{300d}",
    "\u{201d}",
  ]

  /// Words, spaces, and wide characters one by one.
  private static func pieces(_ text: String) -> [String] {
    var pieces: [String] = []
    var word = String.UnicodeScalarView()
    func end() {
      if !word.isEmpty { pieces.append(String(word)) }
      word = String.UnicodeScalarView()
    }
    for scalar in text.unicodeScalars {
      if scalar.properties.isWhitespace {
        end()
        if pieces.last != " " { pieces.append(" ") }
      } else if marks.contains(scalar), !word.isEmpty {
        word.append(scalar)
        end()
      } else if marks.contains(scalar), let last = pieces.last, last != " " {
        pieces[pieces.count - 1] = last + String(scalar)
      } else if Width.of(scalar) == 2 {
        end()
        pieces.append(String(scalar))
      } else {
        word.append(scalar)
      }
    }
    end()
    return pieces
  }
}
