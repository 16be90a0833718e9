import Glibc

/// Small files of /proc and /sys.
public enum File {
  /// More than any file that is read here has; what lies behind it is not read.
  private static let longest = 1 << 20

  /// A whole file, broken UTF-8 mended.
  public static func text(_ path: String) throws(SystemError) -> String { try text(path, upTo: longest) }

  private static func text(_ path: String, upTo limit: Int) throws(SystemError) -> String {
    String(decoding: try bytes(path, upTo: limit), as: UTF8.self)
  }

  /// A whole file as it is.
  public static func bytes(_ path: String) throws(SystemError) -> [UInt8] { try bytes(path, upTo: longest) }

  /// A file of somebody else's: nothing but a regular one is read, so that nobody waits for the other end of a pipe.
  static func regularBytes(_ path: String, upTo limit: Int) throws(SystemError) -> [UInt8] {
    let file = try FileDescriptor.owning(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), "open", path)
    var facts = stat()
    guard fstat(file.number, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
      throw SystemError("read", path, code: EINVAL)
    }
    return try bytes(file, path, upTo: limit)
  }

  /// What lies behind the limit is not read.
  static func bytes(_ path: String, upTo limit: Int) throws(SystemError) -> [UInt8] {
    let file = try FileDescriptor.reading(path)
    return try bytes(file, path, upTo: limit)
  }

  private static func bytes(
    _ file: borrowing FileDescriptor, _ path: String, upTo limit: Int
  ) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while bytes.count < limit {
      let count = read(file.number, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw SystemError("read", path) }
      guard count > 0 else { break }
      bytes += chunk[..<count]
    }
    return bytes
  }
}
