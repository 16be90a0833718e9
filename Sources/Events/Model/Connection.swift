/// The four values that name a connection within its network namespace, and that namespace.
public struct Connection: Hashable, Sendable {
  public var family: Family
  /// An IPv6 socket that speaks IPv4; the addresses are the IPv4 ones.
  public var isMapped: Bool
  /// Inode number of the network namespace, as in /proc/PID/ns/net.
  public var netns: UInt32
  public var local: Endpoint
  public var peer: Endpoint

  public init(family: Family, isMapped: Bool = false, netns: UInt32, local: Endpoint, peer: Endpoint) {
    self.family = family
    self.isMapped = isMapped
    self.netns = netns
    self.local = local
    self.peer = peer
  }
}

public enum Family: Sendable { case ipv4, ipv6 }

public struct Endpoint: Hashable, Sendable {
  public var address: Address
  public var port: UInt16

  public init(address: Address, port: UInt16) {
    self.address = address
    self.port = port
  }
}

/// An IP address in network byte order. IPv4 is kept as the last four of the sixteen bytes.
public struct Address: Hashable, Sendable {
  public var high: UInt64
  public var low: UInt64

  /// Takes 16 bytes in network order.
  public init(ipv6 bytes: some Sequence<UInt8>) {
    (high, low) = (0, 0)
    for (index, byte) in bytes.prefix(16).enumerated() {
      if index < 8 { high = high << 8 | UInt64(byte) } else { low = low << 8 | UInt64(byte) }
    }
  }

  public init(ipv4 a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
    high = 0
    low = UInt64(a) << 24 | UInt64(b) << 16 | UInt64(c) << 8 | UInt64(d)
  }
}

/// Which end this is: the one that called connect(), or the one that accepted.
public enum Role: Sendable { case client, server, unknown }
