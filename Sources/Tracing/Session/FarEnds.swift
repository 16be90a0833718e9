import BPF
import CSystem
import CWire
import Events
import System

/// Who is at the other end of a connection, if that is on this host. Used on one thread.
final class FarEnds {
  private let conntrack: Conntrack?
  private var questionsLeft = 0
  private var refillsAt: UInt64 = 0

  /// A question takes 5 µs: so they take a hundredth of a core at the most.
  private static let questionsPerSecond = 2000

  /// Of the network namespace that the calling thread is in now: what it forwards it translates too.
  init() { conntrack = Conntrack.open() }

  /// What it takes to ask.
  var needed: Capabilities { conntrack == nil ? [] : .netAdmin }

  /// The connection as the other end has it, where addresses are translated between the two; nil: they are not, as far as
  /// is known.
  func translated(_ connection: Connection) -> Connection? {
    guard conntrack != nil, mayAsk() else { return nil }
    var flow = Conntrack.Flow()
    flow.family = connection.family == .ipv6 ? 6 : 4
    connection.local.address.write(to: &flow.source, connection.family)
    connection.peer.address.write(to: &flow.target, connection.family)
    (flow.source_port, flow.target_port) = (connection.local.port, connection.peer.port)
    guard let other = conntrack?.otherDirection(of: flow) else { return nil }
    let local = Endpoint(address: Address(other.source, family: flow.family), port: other.source_port)
    let peer = Endpoint(address: Address(other.target, family: flow.family), port: other.target_port)
    guard local != connection.peer || peer != connection.local else { return nil }
    return Connection(family: connection.family, netns: connection.netns, local: local, peer: peer)
  }

  private func mayAsk() -> Bool {
    let now = Host.bootNanoseconds
    if now >= refillsAt {
      questionsLeft = Self.questionsPerSecond
      refillsAt = now + 1_000_000_000
    }
    questionsLeft -= 1
    return questionsLeft >= 0
  }
}

extension ObjectFile {
  /// The process that has just ended a connection which this host has, as it has it.
  func peer(of connection: Connection, at nanoseconds: UInt64) -> Process? {
    let isLoopback = connection.peer.address.isLoopback(connection.family)
    let hash = wire_pair_hash(
      connection.local.address.word(connection.family), connection.local.port,
      connection.peer.address.word(connection.family), connection.peer.port,
      isLoopback ? connection.netns : 0)
    return peer(hash: hash, at: nanoseconds).flatMap { Process($0) }
  }
}

extension Address {
  /// As bpf/origin.bpf.h makes it, address_word().
  fileprivate func word(_ family: Family) -> UInt64 {
    family == .ipv4
      ? UInt64(UInt32(truncatingIfNeeded: low).bigEndian) : high.bigEndian &* 31 &+ low.bigEndian
  }
}
