import CSystem
import CWire
import Events
import Glibc
import System

/// The network namespaces that are asked for their sockets, by inode number.
final class Diagnoses {
  private final class Box {
    let diagnosis: SocketDiagnosis
    init(_ diagnosis: consuming SocketDiagnosis) { self.diagnosis = diagnosis }
  }

  private var boxes: [UInt32: Box] = [:]
  /// The cookies of older connections that were found here.
  var seeded: Set<UInt64> = []

  var namespaces: [UInt32] { boxes.keys.sorted() }

  /// The one that the calling thread is in. A kernel without NETLINK_SOCK_DIAG is not asked.
  func open(_ netns: UInt32) {
    guard boxes[netns] == nil, let diagnosis = try? SocketDiagnosis.open() else { return }
    boxes[netns] = Box(diagnosis)
  }

  enum Answer {
    case found(DiagnosedSocket)
    case none
    /// The namespace cannot be asked.
    case unknown
  }

  func find(_ record: KernelOrigin, cookie: UInt64) -> Answer {
    guard let box = boxes[record.connection.netns] else { return .unknown }
    do {
      return try box.diagnosis.find(DiagnosedSocket(record, cookie: cookie)).map { .found($0) } ?? .none
    } catch {
      return .unknown
    }
  }

  func forEachSocket(of netns: UInt32, states: [TCPState], _ body: (DiagnosedSocket) -> Void) {
    try? boxes[netns]?.diagnosis.forEachSocket(states: states.reduce(0) { $0 | $1.bit }, body)
  }
}

extension DiagnosedSocket {
  init(_ record: KernelOrigin, cookie: UInt64) {
    self.init()
    let connection = record.connection
    self.cookie = cookie
    interface = record.interface
    family = connection.family == .ipv6 || connection.isMapped ? 6 : 4
    (local_port, peer_port) = (connection.local.port, connection.peer.port)
    connection.local.address.write(to: &local_address, connection)
    connection.peer.address.write(to: &peer_address, connection)
  }

  func connection(netns: UInt32) -> Connection {
    let local = withUnsafeBytes(of: local_address) { Array($0) }
    let peer = withUnsafeBytes(of: peer_address) { Array($0) }
    let isMapped = family == 6 && peer.prefix(10).allSatisfy { $0 == 0 } && peer[10] == 0xff && peer[11] == 0xff
    func address(_ bytes: [UInt8]) -> Address {
      guard family == 4 || isMapped else { return Address(ipv6: bytes) }
      let first = isMapped ? 12 : 0
      return Address(ipv4: bytes[first], bytes[first + 1], bytes[first + 2], bytes[first + 3])
    }
    return Connection(
      family: family == 6 && !isMapped ? .ipv6 : .ipv4, isMapped: isMapped, netns: netns,
      local: Endpoint(address: address(local), port: local_port),
      peer: Endpoint(address: address(peer), port: peer_port))
  }
}

extension Address {
  /// As the kernel has it: IPv4 in the first four bytes, mapped with its prefix.
  fileprivate func write(
    to bytes:
      inout (
        UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8,
        UInt8
      ), _ connection: Connection
  ) {
    withUnsafeMutableBytes(of: &bytes) { bytes in
      switch (connection.family, connection.isMapped) {
      case (.ipv6, _):
        bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
        bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
      case (.ipv4, true):
        bytes.storeBytes(of: (0xffff_0000_0000 | low).bigEndian, toByteOffset: 8, as: UInt64.self)
      case (.ipv4, false):
        bytes.storeBytes(of: UInt32(truncatingIfNeeded: low).bigEndian, as: UInt32.self)
      }
    }
  }
}

extension DiagnosedSocket {
  /// Could this listener have this connection in its queue?
  func accepts(_ socket: DiagnosedSocket) -> Bool {
    let (own, other) = (connection(netns: 0).local, socket.connection(netns: 0).local)
    let isAny = own.address == Address(ipv4: 0, 0, 0, 0)
    return own.port == other.port && (isAny || own.address == other.address)
  }

  /// nil of a request socket.
  var tcpState: TCPState? { TCPState(rawValue: state) }

  /// As in bpf/origin.bpf.h, role_of().
  var role: UInt8 {
    guard has_counts, !is_time_wait else { return UInt8(WIRE_ROLE_UNKNOWN.rawValue) }
    let unacknowledged = UInt64(send_queue) &- UInt64(not_sent)
    var beyond = bytes_acked &+ unacknowledged &- (bytes_sent &- bytes_retransmitted)
    if tcpState == .finWait2 { beyond &-= 1 }
    guard tcpState == .closeWait || tcpState == .finWait2, beyond <= 1 else { return 0 }
    return UInt8((beyond == 1 ? WIRE_ROLE_CLIENT : WIRE_ROLE_SERVER).rawValue)
  }
}
