import Glibc

/// What is in a folder.
enum Folder {
  /// Names, without `.` and `..`; none if it cannot be read.
  static func names(_ path: String) -> [String] {
    var names: [String] = []
    forEach(path) { name, _, _ in names.append(name) }
    return names
  }

  /// Each with its inode number, and whether it is a folder.
  static func forEach(_ path: String, _ body: (_ name: String, _ inode: UInt64, _ isFolder: Bool) -> Void) {
    guard let directory = opendir(path) else { return }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard name != ".", name != ".." else { continue }
      body(name, UInt64(entry.pointee.d_ino), Int32(entry.pointee.d_type) == Int32(DT_DIR))
    }
  }
}
