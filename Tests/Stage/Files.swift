import Glibc

/// The whole file as text; nil if it cannot be read (a process that is gone, mostly).
public func readFile(_ path: String) -> String? {
  readBytes(path).map { String(decoding: $0, as: UTF8.self) }
}

/// The complete lines that have every one of these words, of which there is one at least.
public func linesOfFile(_ path: String, with words: [String]) -> [String] {
  (readBytes(path) ?? []).withUnsafeBytes { bytes in
    bytes.lines(with: words.map { Array($0.utf8) }).map { String(decoding: $0, as: UTF8.self) }
  }
}

private func readBytes(_ path: String) -> [UInt8]? {
  let file = open(path, O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { return nil }
  defer { close(file) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 65536)
  while true {
    let length = read(file, &chunk, chunk.count)
    if length < 0 && errno == EINTR { continue }
    guard length >= 0 else { return nil }
    if length == 0 { return bytes }
    bytes.append(contentsOf: chunk[..<length])
  }
}

public func writeFile(_ path: String, _ text: String) throws {
  let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
  guard file >= 0 else { throw Failure("cannot create \(path): \(systemMessage())") }
  defer { close(file) }
  let written = Array(text.utf8).withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
  guard written == text.utf8.count else { throw Failure("cannot write \(path): \(systemMessage())") }
}

/// Entries of a directory without . and .., in no order.
public func namesIn(_ directory: String) -> [String] {
  guard let stream = opendir(directory) else { return [] }
  defer { closedir(stream) }
  var names: [String] = []
  while let entry = readdir(stream) {
    let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    if name != "." && name != ".." { names.append(name) }
  }
  return names
}

/// A directory of its own, removed with everything in it.
public final class TemporaryDirectory {
  public let path: String

  public init() throws {
    var template = Array("/tmp/tcplinger-test-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else {
      throw Failure("cannot make a directory in /tmp: \(systemMessage())")
    }
    path = String(cString: made)
  }

  /// The path of a new file in it.
  @discardableResult
  public func write(_ name: String, _ text: String) throws -> String {
    try writeFile("\(path)/\(name)", text)
    return "\(path)/\(name)"
  }

  deinit { Self.remove(path) }

  private static func remove(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    if status.st_mode & S_IFMT == S_IFDIR {
      for name in namesIn(path) { remove("\(path)/\(name)") }
      rmdir(path)
    } else {
      unlink(path)
    }
  }
}

public func systemMessage(_ number: Int32 = errno) -> String {
  String(cString: strerror(number))
}
