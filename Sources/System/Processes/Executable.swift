import Glibc

public enum Executable {
  /// The path of a process's program in its own mount namespace, whatever its maker chose; nil if it is gone or not to be
  /// read.
  public static func path(pid: UInt32) -> String? {
    var path = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let length = path.withUnsafeMutableBytes { bytes in
      bytes.baseAddress.map { readlink("/proc/\(pid)/exe", $0, bytes.count) } ?? 0
    }
    guard length > 0 else { return nil }
    let text = String(decoding: path[..<length], as: UTF8.self)
    let mark = " (deleted)"
    return text.hasSuffix(mark) ? String(text.dropLast(mark.count)) : text
  }

  /// Was it linked by Go? Its note with the build's number stands near the beginning of the file.
  ///
  /// Source: cmd/link, `.note.go.buildid`: type 4, name "Go".
  public static func isGo(pid: UInt32) -> Bool {
    guard let file = try? FileDescriptor.reading("/proc/\(pid)/exe") else { return false }
    var bytes = [UInt8](repeating: 0, count: 8192)
    let count = read(file.number, &bytes, bytes.count)
    let note: [UInt8] = [4, 0, 0, 0, 0x47, 0x6f, 0, 0]
    guard count > note.count, bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { return false }
    return (0...(count - note.count)).contains { bytes[$0..<$0 + note.count].elementsEqual(note) }
  }
}
