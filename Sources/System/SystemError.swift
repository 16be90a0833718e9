import Glibc

/// A system call that failed.
public struct SystemError: Error, Equatable, Sendable {
  public let operation: String
  public let object: String
  public let code: Int32

  public init(_ operation: String, _ object: String, code: Int32 = errno) {
    self.operation = operation
    self.object = object
    self.code = code
  }
}

extension SystemError: CustomStringConvertible {
  public var description: String { "cannot \(operation) \(object): \(String(cString: strerror(code)))" }
}

extension SystemError {
  public var isPermission: Bool { code == EPERM || code == EACCES }
}
