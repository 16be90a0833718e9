import Glibc

/// Reads what comes out of a descriptor, without waiting longer than told. Owns the descriptor.
public final class LineReader {
  private var descriptor: Int32
  private var taken = 0
  /// Everything that has come, taken or not.
  public private(set) var bytes: [UInt8] = []
  public private(set) var isAtEnd: Bool

  init(_ descriptor: Int32) {
    self.descriptor = descriptor
    isAtEnd = descriptor < 0
  }

  deinit { stop() }

  /// Reads no more: the writer finds its pipe closed.
  public func stop() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
    isAtEnd = true
  }

  /// For poll(), which passes over a negative one.
  var waitedFor: Int32 { isAtEnd ? -1 : descriptor }

  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// By bytes: to a String the line end of a terminal, CR LF, is one character.
  public var lines: [String] {
    bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .dropLast(bytes.last.map { $0 == UInt8(ascii: "\n") } ?? true ? 1 : 0)
      .map { String(decoding: $0, as: UTF8.self) }
  }

  public func takeLine() -> ArraySlice<UInt8>? {
    guard let end = bytes[taken...].firstIndex(of: UInt8(ascii: "\n")) else { return nil }
    defer { taken = end + 1 }
    return bytes[taken..<end]
  }

  /// Everything up to the end of the stream. Stops short where another process still holds it open.
  func drain() {
    while fill(within: 0) {}
  }

  /// False if nothing came.
  @discardableResult
  public func fill(within milliseconds: Int32) -> Bool {
    guard !isAtEnd else { return false }
    var waited = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&waited, 1, milliseconds) > 0 else { return false }
    var chunk = [UInt8](repeating: 0, count: 65536)
    let length = read(descriptor, &chunk, chunk.count)
    guard length > 0 else {
      isAtEnd = length == 0 || errno != EINTR
      return false
    }
    bytes.append(contentsOf: chunk[..<length])
    return true
  }
}
