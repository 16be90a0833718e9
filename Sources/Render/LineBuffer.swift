/// Bytes of output in the making. One buffer serves every line, so that a line costs no allocation.
public struct LineBuffer {
  public private(set) var bytes: [UInt8] = []

  public init() { bytes.reserveCapacity(4096) }

  public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }

  public mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { bytes.append(contentsOf: $0) }
  }

  mutating func append(byte: UInt8) { bytes.append(byte) }

  mutating func append(_ number: UInt64) {
    var digits: (UInt64, UInt64, UInt32) = (0, 0, 0)
    withUnsafeMutableBytes(of: &digits) { scratch in
      var rest = number
      var start = scratch.count
      repeat {
        start -= 1
        scratch[start] = UInt8(48 + rest % 10)
        rest /= 10
      } while rest > 0
      bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: scratch[start...]))
    }
  }

  mutating func append(_ number: some BinaryInteger) { append(UInt64(clamping: number)) }

  /// A number with zeros before it, or its last digits if it has more.
  mutating func append(_ number: some BinaryInteger, digits: Int) {
    var divisor: UInt64 = 1
    for _ in 1..<digits { divisor *= 10 }
    let number = UInt64(clamping: number)
    while divisor > 0 {
      bytes.append(UInt8(48 + number / divisor % 10))
      divisor /= 10
    }
  }

  /// Nanoseconds as milliseconds with three decimals.
  mutating func append(millisecondsOf nanoseconds: UInt64) {
    append(nanoseconds / 1_000_000)
    append(byte: UInt8(ascii: "."))
    append(nanoseconds / 1000 % 1000, digits: 3)
  }

  /// A line of words, each at its column.
  mutating func append(columns: [(Int, StaticString)]) {
    let start = bytes.count
    for (column, word) in columns {
      if column > 0 { pad(from: start, to: column) }
      append(word)
    }
    append("\n")
  }

  /// Spaces up to this column, counted from `start`; one at least, so that a wide value pushes its own line only.
  mutating func pad(from start: Int, to column: Int) {
    var width = bytes[start...].count { $0 & 0xc0 != 0x80 }
    repeat {
      bytes.append(32)
      width += 1
    } while width < column
  }
}
