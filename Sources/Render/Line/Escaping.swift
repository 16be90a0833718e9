import Events

/// The version of what JSON has, in the first object that a command prints. Fields are added without a new one.
enum JSONSchema {
  static let version: UInt64 = 1
}

extension LineBuffer {
  /// A name from the system for a terminal: what could steer it, or is no UTF-8, becomes `\xNN` or `\u{NNNN}`.
  mutating func append(escaping comm: Comm) {
    appendRuns(of: comm) { buffer, scalar in
      buffer.append(escaping: scalar)
    } broken: { buffer, byte in
      buffer.append(hexByte: byte)
    }
  }

  /// The same for a name that is text already.
  public mutating func append(escaping text: String) {
    for scalar in text.unicodeScalars { append(escaping: scalar) }
  }

  private mutating func append(escaping scalar: Unicode.Scalar) {
    if scalar == "\\" {
      append("\\\\")
    } else if isHarmless(scalar) {
      append(String(scalar))
    } else if scalar.value < 0x80 {
      append(hexByte: UInt8(scalar.value))
    } else {
      append("\\u{\(String(scalar.value, radix: 16))}")
    }
  }

  /// A name as a JSON string. Invalid UTF-8 becomes U+FFFD.
  mutating func append(json comm: Comm) {
    append(byte: UInt8(ascii: "\""))
    appendRuns(of: comm) { buffer, scalar in
      buffer.append(jsonScalar: scalar)
    } broken: { buffer, _ in
      buffer.append("\u{FFFD}")
    }
    append(byte: UInt8(ascii: "\""))
  }

  mutating func append(json text: String) {
    append(byte: UInt8(ascii: "\""))
    for scalar in text.unicodeScalars { append(jsonScalar: scalar) }
    append(byte: UInt8(ascii: "\""))
  }

  private mutating func append(jsonScalar scalar: Unicode.Scalar) {
    if scalar == "\"" || scalar == "\\" {
      append(byte: UInt8(ascii: "\\"))
      append(byte: UInt8(scalar.value))
    } else if isHarmless(scalar) || scalar.value > 0xffff {
      append(String(scalar))
    } else {
      append("\\u")
      append(hex: UInt8(scalar.value >> 8))
      append(hex: UInt8(scalar.value & 0xff))
    }
  }

  private mutating func append(hexByte byte: UInt8) {
    append("\\x")
    append(hex: byte)
  }

  private mutating func append(hex byte: UInt8) {
    for digit in [byte >> 4, byte & 15] { append(byte: digit < 10 ? 48 + digit : 87 + digit) }
  }

  /// Plain ASCII, the usual case, is copied; the rest is decoded a scalar at a time.
  private mutating func appendRuns(
    of comm: Comm, scalar: (inout LineBuffer, Unicode.Scalar) -> Void, broken: (inout LineBuffer, UInt8) -> Void
  ) {
    let count = comm.count
    var index = 0
    while true {
      while index < count, isPlain(comm[index]) {
        append(byte: comm[index])
        index += 1
      }
      guard index < count else { return }
      let byte = comm[index]
      let length = byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
      let sequence = (index..<min(index + length, count)).map { comm[$0] }
      if let text = String(validating: sequence, as: UTF8.self), let first = text.unicodeScalars.first {
        scalar(&self, first)
        index += sequence.count
      } else {
        broken(&self, byte)
        index += 1
      }
    }
  }
}

/// Printable ASCII that needs no escaping in JSON or on a terminal.
private func isPlain(_ byte: UInt8) -> Bool {
  0x20..<0x7f ~= byte && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
}

/// Shown as it is: no control, no format character (they can turn the direction of a line), nothing unassigned.
private func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.properties.generalCategory {
  case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
  default: true
  }
}
