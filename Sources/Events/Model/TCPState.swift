/// The states of RFC 9293, as the kernel numbers them. Its time_wait sockets count by the state that they stand for, its
/// request sockets as SYN_RECV. Source: include/net/tcp_states.h.
public enum TCPState: UInt8, CaseIterable, Sendable {
  case established = 1
  case synSent = 2
  case synReceived = 3
  case finWait1 = 4
  case finWait2 = 5
  case timeWait = 6
  case closeWait = 8
  case lastAck = 9
  case listen = 10
  case closing = 11

  /// The kernel's number for a request socket, before the connection has one of its own: TCP_NEW_SYN_RECV.
  public static let requestSocket: UInt8 = 12

  /// For a set of states: this one's bit, as NETLINK_SOCK_DIAG has it.
  public var bit: UInt32 { 1 << UInt32(rawValue) }

  /// As ss and RFC 9293 write it, with underscores.
  public var name: String {
    switch self {
    case .established: "ESTABLISHED"
    case .synSent: "SYN_SENT"
    case .synReceived: "SYN_RECV"
    case .finWait1: "FIN_WAIT1"
    case .finWait2: "FIN_WAIT2"
    case .timeWait: "TIME_WAIT"
    case .closeWait: "CLOSE_WAIT"
    case .lastAck: "LAST_ACK"
    case .listen: "LISTEN"
    case .closing: "CLOSING"
    }
  }
}
