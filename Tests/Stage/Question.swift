import Glibc

/// What a test asks the tracer for: events of its own. What is nil may be anything.
public struct Question: CustomStringConvertible {
  var kind: String?
  var netns: Int
  var local: Int?
  var peer: Int?

  /// Ports of the ends, in the network namespace of the test itself if no other one is given.
  public init(_ kind: String? = nil, local: Int? = nil, peer: Int? = nil, netns: Int? = nil) {
    self.kind = kind
    self.local = local
    self.peer = peer
    self.netns = netns ?? Self.ownNetns
  }

  /// About this end of a connection.
  public init(_ kind: String? = nil, of socket: Socket) {
    self.init(kind, local: socket.local.port, peer: socket.peer.port, netns: socket.netns)
  }

  /// What is in the line of every event that is an answer, the rarest first. Other lines may have it as well.
  var words: [String] {
    [peer, local].compactMap { $0.map { "\"port\":\($0)" } } + ["\"netns\":\(netns)"]
      + (kind.map { ["\"event\":\"\($0)\""] } ?? [])
  }

  var ofAnyKind: Question { Question(local: local, peer: peer, netns: netns) }

  public func isAnswered(by event: TracedEvent) -> Bool {
    (kind ?? event.event) == event.event && netns == event.netns
      && (local == nil || local == event.local?.port) && (peer == nil || peer == event.peer?.port)
  }

  public var description: String {
    let ports = [local, peer].map { $0.map { "\($0)" } ?? "*" }
    return "\(kind ?? "event") of \(ports[0]) -> \(ports[1]) in \(netns)"
  }

  private static let ownNetns: Int = {
    var facts = stat()
    return stat("/proc/self/ns/net", &facts) == 0 ? Int(facts.st_ino) : 0
  }()
}
