import CStage
import Glibc

/// What a program writes, as a file in memory: the program never waits for whoever reads it, however much it
/// writes, and a question costs a search for bytes, not a look at every line.
final class Transcript {
  /// For the program to write to.
  let descriptor: Int32

  init() throws {
    descriptor = cstage_memory_file("transcript")
    guard descriptor >= 0 else {
      throw Failure("cannot make a file in memory: \(systemMessage(-descriptor))")
    }
  }

  deinit { close(descriptor) }

  /// The complete lines from this offset on that have every one of these words, of which there is one
  /// at least, and the first should be the rarest. Moves the offset behind the last complete line.
  func lines(from offset: inout Int, with words: [String]) throws -> [[UInt8]] {
    try withBytes { bytes in
      let end = bytes.lastLineEnd
      guard offset < end else { return [] }
      defer { offset = end }
      return UnsafeRawBufferPointer(rebasing: bytes[offset..<end]).lines(
        with: words.map { Array($0.utf8) })
    }
  }

  /// The last complete line.
  func lastLine() throws -> [UInt8]? {
    try withBytes { bytes in
      let end = bytes.lastLineEnd
      guard end > 0 else { return nil }
      let before = UnsafeRawBufferPointer(rebasing: bytes[..<(end - 1)])
      return Array(before[before.lastLineEnd...])
    }
  }

  private func withBytes<Result>(_ use: (UnsafeRawBufferPointer) -> Result) throws -> Result {
    var facts = stat()
    guard fstat(descriptor, &facts) == 0, facts.st_size > 0 else { return use(.init(start: nil, count: 0)) }
    // The file only grows: what is mapped stays.
    let size = Int(facts.st_size)
    guard let start = mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, 0), start != MAP_FAILED else {
      throw Failure("cannot map a file in memory: \(systemMessage())")
    }
    defer { munmap(start, size) }
    return use(.init(start: start, count: size))
  }
}

/// By functions of the C library: a loop over bytes is slow in a debug build.
extension UnsafeRawBufferPointer {
  /// The offset behind the last end of a line; 0 if there is none.
  fileprivate var lastLineEnd: Int {
    cstage_last_byte(baseAddress, count, UInt8(ascii: "\n")) + 1
  }

  /// Of complete lines.
  func lines(with words: [[UInt8]]) -> [[UInt8]] {
    var found: [[UInt8]] = []
    var start = 0
    while let hit = self[start...].offset(of: words[0]) {
      let lineStart = UnsafeRawBufferPointer(rebasing: self[..<hit]).lastLineEnd
      let end = self[hit...].offset(of: [UInt8(ascii: "\n")]) ?? count
      let line = self[lineStart..<end]
      if words.allSatisfy({ line.offset(of: $0) != nil }) { found.append(Array(line)) }
      start = end
    }
    return found
  }
}

extension Slice<UnsafeRawBufferPointer> {
  /// In the whole.
  fileprivate func offset(of word: [UInt8]) -> Int? {
    let bytes = UnsafeRawBufferPointer(rebasing: self)
    let offset = cstage_first(bytes.baseAddress, bytes.count, word, word.count)
    return offset < 0 ? nil : startIndex + offset
  }
}
