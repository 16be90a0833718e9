import Glibc

public enum Executable {
  /// The last part of the path of a process's program, whatever its maker chose; nil if it is gone or not to be read.
  public static func name(pid: UInt32) -> String? {
    var path = [CChar](repeating: 0, count: Int(PATH_MAX))
    let length = readlink("/proc/\(pid)/exe", &path, path.count)
    guard length > 0 else { return nil }
    let bytes = path[..<length].map { UInt8(bitPattern: $0) }
    return bytes.split(separator: UInt8(ascii: "/")).last.map { String(decoding: $0, as: UTF8.self) }
  }
}
