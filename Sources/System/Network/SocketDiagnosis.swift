import CSystem
import Glibc

/// One TCP socket as the kernel describes it on request: `struct csystem_tcp_socket`, with its fields. Addresses are
/// in network order, ports in host order, an IPv4 address in the first four bytes.
public typealias DiagnosedSocket = csystem_tcp_socket

/// Asks the kernel for its TCP sockets (NETLINK_SOCK_DIAG). This needs no privilege. It is slower than a program in
/// the kernel, but works where programs are refused.
public struct SocketDiagnosis: ~Copyable {
  private let descriptor: FileDescriptor

  /// Asks in the network namespace that the calling thread is in now, wherever the thread is later, and keeps that
  /// namespace alive. Throws ENOENT if the kernel has no `tcp_diag`.
  public static func open() throws(SystemError) -> SocketDiagnosis {
    SocketDiagnosis(descriptor: FileDescriptor(number: try check(csystem_diagnosis_open())))
  }

  private static let question = "the kernel for its TCP sockets (NETLINK_SOCK_DIAG)"

  @discardableResult
  private static func check(_ result: Int32) throws(SystemError) -> Int32 {
    guard result >= 0 else { throw SystemError("ask", question, code: -result) }
    return result
  }

  /// Hands out every socket in one of these states, a bit `1 << TCP_…` each, IPv4 and IPv6. A time-wait socket is in
  /// the state that it stands for, TCP_FIN_WAIT2 or TCP_TIME_WAIT.
  ///
  /// A socket that changes meanwhile may be missed or come twice. `body` must not use this value. After an error
  /// `body` has had some of the sockets.
  /// - Parameter withCounts: also the byte counts, which take about a third more time.
  public borrowing func forEachSocket(
    states: UInt32, withCounts: Bool = true, _ body: (DiagnosedSocket) -> Void
  ) throws(SystemError) {
    let result = withoutActuallyEscaping(body) { body in
      let sink = Sink(body)
      // The pointer is used only during the call, for which `sink` is kept alive.
      return withExtendedLifetime(sink) {
        csystem_diagnosis_each(
          descriptor.number, states, withCounts, { Sink.receive($0, $1) },
          Unmanaged.passUnretained(sink).toOpaque())
      }
    }
    try Self.check(result)
  }

  /// Looks up each socket by family, addresses, ports, bound interface and cookie; nil: not found.
  ///
  /// With `anyCookie` it finds whichever socket has the tuple, but never a listener. A v4-mapped socket is asked for
  /// with family 6 and mapped addresses. The other fields of `wanted` are not read.
  public borrowing func find(
    _ wanted: [DiagnosedSocket], withCounts: Bool = true
  ) throws(SystemError) -> [DiagnosedSocket?] {
    var found = [DiagnosedSocket](repeating: DiagnosedSocket(), count: wanted.count)
    try Self.check(csystem_diagnosis_find(descriptor.number, wanted, &found, wanted.count, withCounts))
    return found.map { $0.cookie == 0 ? nil : $0 }
  }

  public borrowing func find(
    _ wanted: DiagnosedSocket, withCounts: Bool = true
  ) throws(SystemError) -> DiagnosedSocket? {
    var (wanted, found) = (wanted, DiagnosedSocket())
    try Self.check(csystem_diagnosis_find(descriptor.number, &wanted, &found, 1, withCounts))
    return found.cookie == 0 ? nil : found
  }

  /// Source: include/uapi/linux/inet_diag.h, INET_DIAG_NOCOOKIE, twice.
  public static let anyCookie = UInt64.max

  private final class Sink {
    let body: (DiagnosedSocket) -> Void
    init(_ body: @escaping (DiagnosedSocket) -> Void) { self.body = body }

    static func receive(_ context: UnsafeMutableRawPointer?, _ socket: UnsafePointer<DiagnosedSocket>?) {
      guard let context, let socket else { return }
      Unmanaged<Sink>.fromOpaque(context).takeUnretainedValue().body(socket.pointee)
    }
  }
}
