/// A set of TCP ports, written `80,443,8000-8999`.
public struct PortSet: Equatable, Sendable, CustomStringConvertible {
  /// A bit a port, the lowest bit of the first byte for port 0: the shape that the kernel programs read.
  public private(set) var bitmap = [UInt8](repeating: 0, count: 8192)

  /// Why a text is no set of ports.
  public enum ParseError: Error, Equatable, Sendable, CustomStringConvertible {
    case notAPort(String)
    case backwards(String)

    public var description: String {
      switch self {
      case .notAPort(let text): "'\(text)' is not a port from 1 to 65535"
      case .backwards(let text): "'\(text)' runs backwards"
      }
    }
  }

  public init(_ ports: some Sequence<UInt16>) {
    for port in ports { insert(port) }
  }

  public init(parsing text: String) throws(ParseError) {
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let bounds = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
      let low = try Self.port(bounds[0])
      let high = bounds.count == 2 ? try Self.port(bounds[1]) : low
      guard low <= high else { throw .backwards(String(part)) }
      for port in low...high { insert(port) }
    }
  }

  public func contains(_ port: UInt16) -> Bool { bitmap[Int(port >> 3)] & (1 << UInt8(port & 7)) != 0 }

  /// As it is written: `80,443,8000-8999`.
  public var description: String {
    var parts: [String] = []
    var port = 1
    while port <= 65_535 {
      guard contains(UInt16(port)) else {
        port += 1
        continue
      }
      let first = port
      while port < 65_535, contains(UInt16(port + 1)) { port += 1 }
      parts.append(first == port ? "\(first)" : "\(first)-\(port)")
      port += 1
    }
    return parts.joined(separator: ",")
  }

  private mutating func insert(_ port: UInt16) { bitmap[Int(port >> 3)] |= 1 << UInt8(port & 7) }

  private static func port(_ text: Substring) throws(ParseError) -> UInt16 {
    // UInt16() alone would take "+80".
    guard text.utf8.allSatisfy({ 48...57 ~= $0 }), let port = UInt16(text), port > 0 else {
      throw .notAPort(String(text))
    }
    return port
  }
}
