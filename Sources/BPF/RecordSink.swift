import CLibbpf

/// Takes records from C. The caller that passes its address to C must keep it alive until the C function returns.
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
