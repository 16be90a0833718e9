import CLibbpf

/// The reading end of a ring buffer map. Made, waited on, consumed and dropped on one thread.
public struct RingBuffer: ~Copyable {
  private let handle: OpaquePointer
  private let sink: RecordSink

  private init(owning handle: OpaquePointer, sink: RecordSink) {
    self.handle = handle
    self.sink = sink
  }

  public static func open(_ map: String, of object: borrowing ObjectFile) throws(BPFError) -> RingBuffer {
    let sink = RecordSink()
    var handle: OpaquePointer?
    // Unretained: the RingBuffer owns both the sink and the C handle that calls it.
    let context = Unmanaged.passUnretained(sink).toOpaque()
    try check(
      clb_ring_new(object.handle, map, RecordSink.receiveRecord, context, &handle), "open", "ring buffer \(map)"
    )
    guard let handle else { throw BPFError("open", "ring buffer \(map)", code: 12) }
    return RingBuffer(owning: handle, sink: sink)
  }

  deinit { clb_ring_free(handle) }

  /// Returns when the kernel wakes the reader, as it does for one record in many, when the time is over, or at a signal.
  public func wait(milliseconds: Int32) throws(BPFError) {
    try check(clb_ring_wait(handle, milliseconds), "wait for", "ring buffer")
  }

  /// Hands out every record that is there now. The span ends with the call.
  public func consume(_ body: (RawSpan) -> Void) throws(BPFError) {
    let result = withoutActuallyEscaping(body) { body in
      sink.receive = body
      defer { sink.receive = { _ in } }
      return clb_ring_consume(handle)
    }
    try check(result, "read", "ring buffer")
  }
}
