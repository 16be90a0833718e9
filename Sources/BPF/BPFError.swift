import Glibc

/// A call into the kernel or libbpf that failed.
public struct BPFError: Error, Equatable, Sendable {
  /// The operation, as an infinitive: "load", "attach".
  public let operation: String
  /// What it was tried on: "BPF programs", "handle_state".
  public let object: String
  /// The positive errno.
  public let code: Int32

  init(_ operation: String, _ object: String, code: Int32) {
    self.operation = operation
    self.object = object
    self.code = code
  }
}

extension BPFError: CustomStringConvertible {
  public var description: String { "cannot \(operation) \(object): \(reason)" }
}

/// Turns a result of the shim, 0 or more for success and -errno for failure, into a value or an error.
@discardableResult
func check(_ result: Int32, _ operation: String, _ object: String) throws(BPFError) -> Int32 {
  guard result >= 0 else { throw BPFError(operation, object, code: -result) }
  return result
}

extension BPFError {
  /// The system's words alone. The kernel answers ENOTSUPP, which the C library has no words for.
  public var reason: String { code == 524 ? "Not supported by this kernel" : String(cString: strerror(code)) }

  /// EPERM or EACCES; the verifier's refusals are EACCES as well.
  public var isPermission: Bool { code == EPERM || code == EACCES }
}
