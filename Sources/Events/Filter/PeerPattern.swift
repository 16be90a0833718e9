import Glibc

/// Some peers, written `10.0.0.5`, `10.0.0.0/8`, `10.0.0.5:8080`, `2001:db8::/32` or `[2001:db8::1]:443`.
public struct PeerPattern: Equatable, Sendable {
  private var family: Family
  private var address: Address
  /// Leading bits of the sixteen bytes that must be alike.
  private var prefixBits: Int
  /// nil: any.
  private var port: UInt16?

  public struct ParseError: Error, Equatable, Sendable, CustomStringConvertible {
    public var text: String
    public var description: String { "'\(text)' is no address of a peer" }
  }

  public init(parsing text: String) throws(ParseError) {
    guard let (host, port) = Self.split(text), let pattern = Self(host: host, port: port) else {
      throw ParseError(text: text)
    }
    self = pattern
  }

  /// The address or network, and the port behind it if there is one; nil if the two cannot be told apart.
  private static func split(_ text: String) -> (host: Substring, port: Substring?)? {
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      let host = text[text.index(after: text.startIndex)..<end]
      let rest = text[text.index(after: end)...]
      if rest.isEmpty { return (host, nil) }
      return rest.hasPrefix(":") ? (host, rest.dropFirst()) : nil
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    // More than one colon is an IPv6 address, which has a port only behind brackets.
    return parts.count == 2 ? (parts[0], parts[1]) : (text[...], nil)
  }

  private init?(host: Substring, port: Substring?) {
    if let port {
      guard let number = Self.number(port, upTo: 65535), number > 0 else { return nil }
      self.port = UInt16(number)
    }
    let halves = host.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let (family, address) = Self.address(String(halves[0])) else { return nil }
    (self.family, self.address) = (family, address)
    let width = family == .ipv4 ? 32 : 128
    prefixBits = 128
    if halves.count == 2 {
      guard let bits = Self.number(halves[1], upTo: width) else { return nil }
      prefixBits = 128 - width + bits
    }
  }

  private static func number(_ text: Substring, upTo limit: Int) -> Int? {
    // Int() alone would take "+80".
    guard text.utf8.allSatisfy({ 48...57 ~= $0 }), let number = Int(text), number <= limit else { return nil }
    return number
  }

  private static func address(_ text: String) -> (Family, Address)? {
    var bytes = [UInt8](repeating: 0, count: 16)
    if inet_pton(AF_INET, text, &bytes) == 1 {
      return (.ipv4, Address(ipv4: bytes[0], bytes[1], bytes[2], bytes[3]))
    }
    guard inet_pton(AF_INET6, text, &bytes) == 1 else { return nil }
    // A mapped address is shown as the IPv4 one that it stands for, and meant as that.
    if bytes.prefix(12) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] {
      return (.ipv4, Address(ipv4: bytes[12], bytes[13], bytes[14], bytes[15]))
    }
    return (.ipv6, Address(ipv6: bytes))
  }

  public func matches(_ connection: Connection) -> Bool {
    matches(connection.family, connection.peer.address, connection.peer.port)
  }

  /// Of a server's connections the peers' ports are not counted by: then a pattern with a port matches none.
  public func matches(_ flow: CountedFlow) -> Bool {
    matches(flow.family, flow.peerAddress, flow.role == .server ? nil : flow.port)
  }

  public var hasPort: Bool { port != nil }

  private func matches(_ family: Family, _ address: Address, _ port: UInt16?) -> Bool {
    family == self.family && (self.port == nil || self.port == port)
      && self.address.isAlike(address, bits: prefixBits)
  }
}

extension Address {
  fileprivate func isAlike(_ other: Address, bits: Int) -> Bool {
    // A shift by the whole width gives 0, so that no bit is compared.
    (high ^ other.high) >> UInt64(64 - min(bits, 64)) == 0
      && (low ^ other.low) >> UInt64(64 - max(bits - 64, 0)) == 0
  }
}
