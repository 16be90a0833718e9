import CLibbpf

/// Takes records from C. Whoever hands its address to C keeps it alive, and at that address, until C is done.
final class RecordSink {
  var receive: (RawSpan) -> Void

  init(_ receive: @escaping (RawSpan) -> Void = { _ in }) { self.receive = receive }

  static let receiveRecord: clb_record_fn = { context, record, size in
    guard let context, let record else { return 0 }
    Unmanaged<RecordSink>.fromOpaque(context).takeUnretainedValue()
      .receive(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: record, count: size)))
    return 0
  }
}
