/// Bytes of output in the making. One buffer serves every line, so that a line costs no allocation.
///
/// A line is some sixty pieces, most of a few bytes. An array asks for each of them whether it is shared, which takes
/// longer than to write the piece: so the memory is this buffer's own.
public struct LineBuffer: ~Copyable {
  // Owned by this buffer alone and freed with it. The first `count` of `capacity` bytes are written.
  private var start = UnsafeMutablePointer<UInt8>.allocate(capacity: 4096)
  private var capacity = 4096
  public private(set) var count = 0

  public init() {}

  deinit { start.deallocate() }

  /// A copy of what was written.
  public var bytes: [UInt8] { Array(UnsafeBufferPointer(start: start, count: count)) }

  /// The same from a place on.
  func bytes(from first: Int) -> [UInt8] {
    Array(UnsafeBufferPointer(start: start + first, count: count - first))
  }

  /// Takes back what was written from a place on.
  mutating func remove(from first: Int) { count = first }

  public mutating func removeAll() { count = 0 }

  /// Room for so many bytes more, and where they are to be written.
  private mutating func extend(by added: Int) -> UnsafeMutablePointer<UInt8> {
    if added > capacity - count { grow(to: max(capacity * 2, count + added)) }
    count += added
    return start + (count - added)
  }

  private mutating func grow(to larger: Int) {
    let old = start
    start = .allocate(capacity: larger)
    capacity = larger
    start.initialize(from: old, count: count)
    old.deallocate()
  }

  private mutating func append(_ text: UnsafeBufferPointer<UInt8>) {
    guard let source = text.baseAddress else { return }
    // As many bytes as `text` has, which cannot be of this buffer's memory.
    extend(by: text.count).initialize(from: source, count: text.count)
  }

  mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { append($0) }
  }

  /// Disfavoured, as a literal would be a String otherwise.
  @_disfavoredOverload
  public mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { append($0) }
  }

  mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBufferPointer { append($0) } }

  mutating func append(byte: UInt8) { extend(by: 1).pointee = byte }

  mutating func append(_ number: UInt64) {
    var digits = 1
    var rest = number / 10
    while rest > 0 {
      digits += 1
      rest /= 10
    }
    append(number, digits: digits)
  }

  mutating func append(_ number: some BinaryInteger) { append(UInt64(clamping: number)) }

  /// A number with zeros before it, or its last digits if it has more.
  mutating func append(_ number: UInt64, digits: Int) {
    let text = extend(by: digits)
    var rest = number
    for index in (0..<digits).reversed() {
      text[index] = UInt8(truncatingIfNeeded: 48 + rest % 10)
      rest /= 10
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
    let start = count
    for (column, word) in columns {
      if column > 0 { pad(from: start, to: column) }
      append(word)
    }
    append("\n")
  }

  /// A line that is a heading: bold, where colour is.
  mutating func heading(_ isColoured: Bool, _ body: (inout LineBuffer) -> Void) {
    if isColoured { append("\u{1b}[1m") }
    body(&self)
    if isColoured { append("\u{1b}[0m") }
  }

  /// Columns of what was written from a place on.
  func columns(from first: Int) -> Int {
    let written = UnsafeBufferPointer(start: start + first, count: count - first)
    if written.allSatisfy({ $0 < 0x80 }) { return written.count }
    return Width.of(String(decoding: written, as: UTF8.self))
  }

  /// Spaces up to this column, counted from `start`; one at least, so that a wide value pushes its own line only.
  mutating func pad(from start: Int, to column: Int) {
    let spaces = max(1, column - columns(from: start))
    extend(by: spaces).initialize(repeating: 32, count: spaces)
  }
}
