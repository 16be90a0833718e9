/// Two players in network namespaces of their own, with a wire between them that a third process plays.
/// So packets arrive while a stranger runs, and can be held back.
public struct Wire {
  public let left: Player
  public let right: Player
  private let carrier: Player

  public static let leftAddress = "10.9.0.1"
  public static let rightAddress = "10.9.0.2"

  public init() throws {
    carrier = try Player("carrier")
    try carrier.enterNewNetworkNamespace()
    let leftEnd = try carrier.obey("tun \(Self.leftAddress) \(Self.rightAddress)").number("fd")
    left = try carrier.fork()
    try carrier.enterNewNetworkNamespace()
    let rightEnd = try carrier.obey("tun \(Self.rightAddress) \(Self.leftAddress)").number("fd")
    right = try carrier.fork()
    try left.rename(Array("left".utf8))
    try right.rename(Array("right".utf8))
    try carrier.obey("relay \(leftEnd) \(rightEnd)")
  }

  /// From now on packets wait on their side.
  public func hold() throws {
    try carrier.obey("hold")
  }

  public func flow() throws {
    try carrier.obey("flow")
  }
}
