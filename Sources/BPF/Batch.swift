import CLibbpf
import CWire

extension ObjectFile {
  /// Has a program look at keys, a batch at a time, and hands out the records that it answers with.
  ///
  /// - Parameters:
  ///   - program: a `raw_tp` program that goes over `batch`.
  ///   - batchSize: how many keys it looks at in one run; `WIRE_BATCH` at the most.
  ///   - body: gets one record; the span ends with the call.
  public func run(
    _ program: String, over keys: [UInt64], batchSize: Int, _ body: (RawSpan) -> Void
  ) throws(BPFError) {
    try withoutActuallyEscaping(body) { body throws(BPFError) in
      let sink = RecordSink(body)
      try withExtendedLifetime(sink) { sink throws(BPFError) in
        for first in stride(from: 0, to: keys.count, by: batchSize) {
          let batch = keys[first..<min(first + batchSize, keys.count)]
          let result = batch.withUnsafeBufferPointer { batch in
            // Alive until the call, which is the only one to use it, has returned.
            clb_program_run(
              handle, program, batch.baseAddress, UInt32(batch.count), RecordSink.receiveRecord,
              Unmanaged.passUnretained(sink).toOpaque())
          }
          try check(result, "run", program)
        }
      }
    }
  }

  /// The same over all that is in a hash whose keys are addresses. What is added or deleted meanwhile may be left out or
  /// come twice.
  public func run(_ program: String, overHash map: String, _ body: (RawSpan) -> Void) throws(BPFError) {
    let batchSize = Int(WIRE_BATCH)
    var keys: [UInt64] = []
    var failure: BPFError?
    func look() {
      guard failure == nil else { return }
      do throws(BPFError) { try run(program, over: keys, batchSize: batchSize, body) } catch { failure = error }
      keys.removeAll(keepingCapacity: true)
    }
    try forEachElement(of: map) { key, _ in
      keys.append(key.unsafeLoadUnaligned(as: UInt64.self))
      if keys.count == batchSize { look() }
    }
    look()
    if let failure { throw failure }
  }
}
