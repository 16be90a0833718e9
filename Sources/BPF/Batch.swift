import CLibbpf
import CWire

extension ObjectFile {
  /// Has a program look at keys, a batch at a time, and hands out the records that it answers with.
  ///
  /// - Parameters:
  ///   - program: a `raw_tp` program that goes over `batch`.
  ///   - minAge: connections that have waited for fewer nanoseconds are left out.
  ///   - found: how the caller has found the connections, by other means (a state of TCP's); 0: the program is to look.
  ///   - body: gets one record; the span ends with the call.
  public func run(
    _ program: String, over keys: [UInt64], minAge: UInt64 = 0, found: UInt32 = 0, _ body: (RawSpan) -> Void
  ) throws(BPFError) {
    try withoutActuallyEscaping(body) { body throws(BPFError) in
      let sink = RecordSink(body)
      let question = clb_question(min_age_ns: minAge, found: found)
      try withExtendedLifetime(sink) { sink throws(BPFError) in
        for first in stride(from: 0, to: keys.count, by: Int(WIRE_BATCH)) {
          let batch = keys[first..<min(first + Int(WIRE_BATCH), keys.count)]
          let result = batch.withUnsafeBufferPointer { batch in
            // Alive until the call, which is the only one to use it, has returned.
            clb_program_run(
              handle, program, batch.baseAddress, UInt32(batch.count), question, RecordSink.receiveRecord,
              Unmanaged.passUnretained(sink).toOpaque())
          }
          try check(result, "run", program)
        }
      }
    }
  }

  /// The keys of a hash whose keys are numbers. Keys added or deleted meanwhile may be missed or come twice.
  public func keys(of map: String) throws(BPFError) -> [UInt64] {
    var keys: [UInt64] = []
    try forEachElement(of: map) { key, _ in keys.append(key.unsafeLoadUnaligned(as: UInt64.self)) }
    return keys
  }
}
