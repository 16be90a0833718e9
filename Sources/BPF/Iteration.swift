import CLibbpf
import Glibc

extension ObjectFile {
  /// Runs an iterator to its end and hands out what it writes, a record at a time.
  ///
  /// - Parameters:
  ///   - program: an `iter/…` program.
  ///   - recordSize: the program writes only records of this many bytes.
  ///   - body: gets one record; the span ends with the call.
  public func iterate(
    _ program: String, recordSize: Int, _ body: (RawSpan) -> Void
  ) throws(BPFError) {
    var descriptor: Int32 = -1
    try check(clb_iterator_open(handle, program, &descriptor), "run", program)
    defer { close(descriptor) }
    // A read may end inside a record: move the rest to the front and read on behind it.
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: recordSize * 256, alignment: 8)
    defer { buffer.deallocate() }
    var filled = 0
    while true {
      let free = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
      let count = read(descriptor, free.baseAddress, free.count)
      if count < 0 && (errno == EINTR || errno == EAGAIN) { continue }
      guard count >= 0 else { throw BPFError("run", program, code: errno) }
      guard count > 0 else { return }
      filled += count
      var start = 0
      while start + recordSize <= filled {
        body(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: buffer[start..<start + recordSize])))
        start += recordSize
      }
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<filled]))
      filled -= start
    }
  }
}
