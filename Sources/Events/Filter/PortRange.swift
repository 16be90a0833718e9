/// The local ports that connect() chooses from, in one network namespace.
public struct PortRange: Equatable, Sendable {
  public let ports: ClosedRange<UInt16>
  /// Left out. nil: not known.
  public let reserved: PortSet?

  /// - Parameter bounds: the two numbers of net.ipv4.ip_local_port_range, say 32768 and 60999.
  public init?(_ bounds: [Int], reserved: PortSet?) {
    guard bounds.count == 2, let low = UInt16(exactly: bounds[0]), let high = UInt16(exactly: bounds[1]),
      low <= high
    else { return nil }
    ports = low...high
    self.reserved = reserved
  }

  /// What net.ipv4.ip_local_reserved_ports says: `40000,50000-50010`, or nothing.
  public static func reserved(_ text: String) -> PortSet? {
    let list = text.filter { !$0.isWhitespace }
    return list.isEmpty ? PortSet([]) : try? PortSet(parsing: list)
  }

  public func contains(_ port: UInt16) -> Bool { ports.contains(port) && !(reserved?.contains(port) ?? false) }

  /// How many there are to choose from.
  public var size: Int { ports.count { contains($0) } }
}
