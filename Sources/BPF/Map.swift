import CLibbpf

extension ObjectFile {
  /// The key of an element, and its value; of a per-CPU hash the values of all processors behind one another.
  public typealias Element = (_ key: RawSpan, _ value: RawSpan) -> Void

  /// Hands out every element of a hash. Elements added or deleted meanwhile may be missed or come twice.
  /// The spans end with the call.
  public func forEachElement(of map: String, _ body: Element) throws(BPFError) {
    try withSink(body) { context throws(BPFError) in
      try check(clb_map_each(handle, map, receiveElement, context), "read", map)
    }
  }

  @discardableResult
  private func withSink<Result, Failure>(
    _ body: Element, _ call: (UnsafeMutableRawPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try withoutActuallyEscaping(body) { body throws(Failure) in
      let sink = ElementSink(body)
      // Alive until the call, which is the only one to use it, has returned.
      return try withExtendedLifetime(sink) { sink throws(Failure) in
        try call(Unmanaged.passUnretained(sink).toOpaque())
      }
    }
  }
}

private final class ElementSink {
  let receive: ObjectFile.Element
  init(_ receive: @escaping ObjectFile.Element) { self.receive = receive }
}

private let receiveElement: clb_element_fn = { context, key, keySize, shares, sharesSize in
  guard let context, let key, let shares else { return }
  Unmanaged<ElementSink>.fromOpaque(context).takeUnretainedValue().receive(
    RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: key, count: keySize)),
    RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: shares, count: sharesSize)))
}
