import Glibc

public struct Endpoint: Equatable, Hashable, Decodable, Sendable {
  public var address: String
  public var port: Int

  public init(address: String, port: Int) {
    self.address = address
    self.port = port
  }

  /// What the tracer shows: IPv4 stays IPv4 in an IPv6 socket.
  public var plain: Endpoint {
    let prefix = "::ffff:"
    guard address.hasPrefix(prefix) else { return self }
    return Endpoint(address: String(address.dropFirst(prefix.count)), port: port)
  }
}

/// TCP states as the kernel numbers them.
public enum State: Int, Sendable {
  case established = 1
  case finWait1 = 4
  case finWait2 = 5
  case timeWait = 6
  case closeWait = 8
  case lastAck = 9
  case closing = 11
}

public enum Direction: String, Sendable {
  case read = "rd"
  case write = "wr"
  case both = "rdwr"
}

/// A player's descriptor of a socket. Each action returns who acted.
public struct Socket {
  public let player: Player
  public let fd: Int
  public let local: Endpoint
  /// Its port is 0 for a listener.
  public let peer: Endpoint
  public let netns: Int

  init(_ player: Player, _ answer: Answer) throws {
    self.player = player
    netns = player.networkNamespace
    fd = try answer.number("fd")
    local = Endpoint(
      address: try answer.text("local_address"), port: try answer.number("local_port"))
    peer = Endpoint(
      address: answer.values["peer_address"] ?? "",
      port: answer.values["peer_port"].flatMap { Int($0) } ?? 0)
  }

  private init(_ player: Player, fd: Int, local: Endpoint, peer: Endpoint, netns: Int) {
    self.player = player
    self.netns = netns
    self.fd = fd
    self.local = local
    self.peer = peer
  }

  /// The same socket as another process (or descriptor) has it.
  public func held(by other: Player, as fd: Int? = nil) -> Socket {
    Socket(other, fd: fd ?? self.fd, local: local, peer: peer, netns: netns)
  }

  /// The other end of this connection while it waits in the accept queue of a player: it has no descriptor.
  public func endInQueue(of player: Player) -> Socket {
    Socket(player, fd: -1, local: peer, peer: local, netns: netns)
  }

  public func accept() throws -> Socket {
    try Socket(player, player.obey("accept \(fd)"))
  }

  /// What waits in the accept queue now; nil if nothing does.
  public func acceptWaiting() -> Socket? {
    try? Socket(player, player.obey("accept \(fd) nowait"))
  }

  @discardableResult
  public func close(inThread: Bool = false) throws -> Actor {
    try player.obey("\(inThread ? "thread " : "")close \(fd)").actor
  }

  @discardableResult
  public func shutdown(_ direction: Direction) throws -> Actor {
    try player.obey("shutdown \(fd) \(direction.rawValue)").actor
  }

  /// The number of bytes read: fewer than wanted at the end of file only.
  @discardableResult
  public func read(_ count: Int) throws -> Int {
    try player.obey("read \(fd) \(count)").number("bytes")
  }

  public func write(_ count: Int) throws {
    try player.obey("write \(fd) \(count)")
  }

  /// Reads the end of file, which must come next.
  public func readEnd() throws {
    guard try read(1) == 0 else { throw Failure("there is data where the end was expected") }
  }

  public func duplicate() throws -> Socket {
    held(by: player, as: try player.obey("dup \(fd)").number("fd"))
  }

  /// SO_LINGER 0: close() sends a reset.
  public func resetOnClose() throws {
    try player.obey("linger \(fd) 0")
  }

  public func setLinger2(_ seconds: Int) throws {
    try player.obey("linger2 \(fd) \(seconds)")
  }

  /// Until the kernel shows this state for the open socket.
  public func awaitState(_ state: State) throws {
    try player.obey("await-state \(fd) \(state.rawValue)")
  }

  /// Until so many bytes have come and are unread.
  public func awaitBytes(_ count: Int) throws {
    try player.obey("await-bytes \(fd) \(count)")
  }

  public func awaitRetransmission() throws {
    try player.obey("await-retransmission \(fd)")
  }

  /// The state in the kernel's table: also of what has no descriptor any more, TIME_WAIT among it.
  public var tabledState: State? {
    tableRow.flatMap { Int($0[3], radix: 16) }.flatMap(State.init)
  }

  /// How often the kernel has sent again what it waits to be acknowledged, after close() as well.
  public var tabledRetransmissions: Int {
    tableRow.flatMap { Int($0[6], radix: 16) } ?? 0
  }

  /// The words of the socket's line in /proc/net/tcp or tcp6, which may have thousands: only what may be the one is
  /// taken apart.
  private var tableRow: [Substring]? {
    let ports = (Self.hexadecimal(local.port), Self.hexadecimal(peer.port))
    for table in ["tcp", "tcp6"] {
      for line in linesOfFile("/proc/\(player.pid)/net/\(table)", with: [ports.0 + " ", ports.1 + " "]) {
        let words = line.split(separator: " ")
        if words.count > 6, words[1].hasSuffix(ports.0), words[2].hasSuffix(ports.1) { return words }
      }
    }
    return nil
  }

  /// Until the kernel's table shows this state, or nothing. The player must live: the table is that of
  /// its network namespace.
  public func awaitTabledState(_ state: State?) throws {
    guard eventually({ tabledState == state }) else {
      let (wanted, shown) = (state.map { "\($0)" }, tabledState.map { "\($0)" })
      throw Failure("the kernel shows \(shown ?? "nothing"), not \(wanted ?? "nothing"), for \(local)")
    }
  }

  private static func hexadecimal(_ port: Int) -> String {
    let digits = String(port, radix: 16, uppercase: true)
    return ":" + String(repeating: "0", count: 4 - digits.count) + digits
  }
}

/// An established connection of two players.
public struct Conversation {
  public let listener: Socket
  public let client: Socket
  public let server: Socket
  public let opened: (after: Moment, before: Moment)

  public static let requestBytes = 10
  public static let responseBytes = 25

  /// Connected and accepted, and bytes exchanged: so the server has read, which names it everywhere.
  public init(
    _ clientPlayer: Player, _ serverPlayer: Player, at address: String = "127.0.0.1",
    listeningAt listeningAddress: String? = nil
  ) throws {
    let listener = try serverPlayer.listen(at: listeningAddress ?? address)
    try self.init(clientPlayer, listener, address)
    try exchange()
  }

  /// On a listener that is there already.
  public init(_ clientPlayer: Player, _ listener: Socket, _ address: String = "127.0.0.1") throws {
    let start = Moment.now
    self.listener = listener
    client = try clientPlayer.connect(to: Endpoint(address: address, port: listener.local.port))
    opened = (start, .now)
    server = try listener.accept()
  }

  public func exchange() throws {
    try client.write(Self.requestBytes)
    try server.read(Self.requestBytes)
    try server.write(Self.responseBytes)
    try client.read(Self.responseBytes)
  }
}
