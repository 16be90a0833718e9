import CSystem

/// A JSON document of somebody else's, read by jansson. What is not there, or of another type, is nil.
struct JSONFile: ~Copyable {
  private let root: OpaquePointer

  private init(root: OpaquePointer) { self.root = root }

  /// nil: it cannot be read, or is no JSON.
  static func reading(_ path: String) -> JSONFile? {
    guard let bytes = try? File.regularBytes(path, upTo: longest) else { return nil }
    return parsing(bytes)
  }

  static func parsing(_ bytes: [UInt8]) -> JSONFile? {
    bytes.withUnsafeBytes { buffer in
      csystem_json_parse(buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
    }.map { JSONFile(root: $0) }
  }

  /// The list of all containers of a large host is the longest.
  private static let longest = 16 << 20

  deinit { csystem_json_free(root) }

  /// The text that stands at the end of these keys.
  borrowing func text(_ keys: String...) -> String? { Self.text(at: keys, in: root) }

  /// Of a list of objects: what `find` makes of the first for which it makes something, given a way to read its texts.
  borrowing func first<Found>(_ find: ((_ keys: [String]) -> String?) -> Found?) -> Found? {
    var index = 0
    while let element = csystem_json_element(root, index) {
      if let found = find({ Self.text(at: $0, in: element) }) { return found }
      index += 1
    }
    return nil
  }

  private static func text(at keys: [String], in root: OpaquePointer) -> String? {
    var value: OpaquePointer? = root
    for key in keys { value = value.flatMap { at in member(of: at, key) } }
    guard let value else { return nil }
    var length = 0
    guard let start = csystem_json_text(value, &length) else { return nil }
    // The document owns the bytes, and is kept by the caller meanwhile.
    return String(decoding: UnsafeRawBufferPointer(start: start, count: length), as: UTF8.self)
  }

  /// A number is an element of a list.
  private static func member(of value: OpaquePointer, _ key: String) -> OpaquePointer? {
    csystem_json_member(value, key) ?? Int(key).flatMap { csystem_json_element(value, $0) }
  }
}
