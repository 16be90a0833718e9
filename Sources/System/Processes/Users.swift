/// The host's names of users. Names that only a directory service has are not known.
public struct Users: Sendable {
  private let names: [UInt32: String]

  public init() { self.init(passwd: (try? File.text("/etc/passwd")) ?? "") }

  /// - Parameter passwd: lines of `name:password:number:…`; of several with one number the first is meant.
  init(passwd: String) {
    var names: [UInt32: String] = [:]
    for line in passwd.split(separator: "\n") {
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      guard fields.count > 2, let id = UInt32(fields[2]), names[id] == nil else { continue }
      names[id] = String(fields[0])
    }
    self.names = names
  }

  public func name(of id: UInt32) -> String? {
    // systemd gives numbers to services for as long as they run. Source: systemd, dynamic-user.c.
    names[id] ?? (61_184...65_519 ~= id ? Self.dynamicName(of: id) : nil)
  }

  private static func dynamicName(of id: UInt32) -> String? {
    (try? File.text("/run/systemd/dynamic-uid/\(id)")).flatMap {
      $0.split(whereSeparator: \.isWhitespace).first.map(String.init)
    }
  }
}
