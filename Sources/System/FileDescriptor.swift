import Glibc

/// An open file, closed when it is let go of. Bind it to a name: a temporary is closed before the call that its number is
/// given to.
public struct FileDescriptor: ~Copyable, Sendable {
  public let number: Int32

  public init(number: Int32) { self.number = number }

  /// Takes over a descriptor that a system call gave.
  ///
  /// - Throws: if the call failed, with its `errno`.
  public static func owning(
    _ number: Int32, _ operation: String, _ object: String
  ) throws(SystemError) -> FileDescriptor {
    guard number >= 0 else { throw SystemError(operation, object) }
    return FileDescriptor(number: number)
  }

  public static func reading(_ path: String) throws(SystemError) -> FileDescriptor {
    try owning(open(path, O_RDONLY | O_CLOEXEC), "open", path)
  }

  deinit { close(number) }

  /// Leaves it open, for as long as the process lives.
  public consuming func keepOpen() -> Int32 {
    let number = number
    discard self
    return number
  }
}
