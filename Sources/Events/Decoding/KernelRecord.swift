import CWire

/// A record of the kernel's that is not what this build expects: the reader and the programs do not match.
public enum RecordError: Error, Equatable, Sendable {
  case wrongLength(Int)
  case unknownKind(UInt8)
}

/// `struct wire_origin` in Swift's terms, with times still counted from boot.
public struct KernelOrigin: Sendable {
  public enum Kind: UInt8, Sendable {
    case timeWait = 1
    case closeWait = 2
    case closeWaitEnd = 3
    case finWait2 = 4
    /// Its socket is not where it was: the kernel is to be asked for it by other means.
    case gone = 5
    case reset = 6
  }

  public enum Source: UInt8, Sendable {
    case none = 0
    case connect = 1
    case accept = 2
    case firstRead = 3
    case openFile = 4
    case close = 5
    case listener = 6
  }

  public var kind: Kind
  /// Names the connection while the tracer runs: the socket's cookie, where the programs know it.
  public var socket: UInt64
  /// A time_wait socket has taken over.
  public var isTimeWaitSocket: Bool
  /// It is closed; whether a reset was sent is not known yet.
  public var isOver: Bool
  /// The device that the socket is bound to; 0: none.
  public var interface: UInt32
  public var connection: Connection
  public var role: Role
  public var opener: Process? {
    get { processes.opener.map { Process($0) } }
    set { processes.opener = newValue.map { NamedProcess($0) } }
  }
  public var openerSource: Source
  public var closer: Process? {
    get { processes.closer.map { Process($0) } }
    set { processes.closer = newValue.map { NamedProcess($0) } }
  }
  public var cause: Cause
  public var enteredFrom: TCPState?
  public var reason: Reason
  public var timeNanoseconds: UInt64
  public var openedNanoseconds: UInt64?
  public var sinceNanoseconds: UInt64
  public var isSinceEstimate: Bool
  /// nil where the kernel no longer knows: a time_wait socket older than the tracer.
  public var bytesSent: UInt64?
  public var bytesReceived: UInt64?
  public var unreadBytes: UInt32
  /// Written by the application, and not acknowledged by the peer. Source: `tcp_sock.write_seq - snd_una`.
  public var unsentBytes: UInt32
  /// Of the listener; nil where the socket waits in none, or none was looked for.
  public var acceptQueue: AcceptQueue?

  /// The process that closed the other end, if that is on this host.
  public var peer: Process? {
    get { processes.peer.map { Process($0) } }
    set { processes.peer = newValue.map { NamedProcess($0) } }
  }
  /// Without what they are, so that a record is plain bytes, however often it is handed on.
  private var processes: (opener: NamedProcess?, closer: NamedProcess?, peer: NamedProcess?)
  /// Where address translation lies between: the connection as the other end has it.
  public var farEnd: Connection?

  public static let size = MemoryLayout<wire_origin>.size

  /// `struct wire_origin`, or `struct wire_event`, which begins with it.
  public init(_ record: RawSpan) throws(RecordError) {
    processes = (nil, nil, nil)
    if record.byteCount == MemoryLayout<wire_event>.size {
      processes.peer = NamedProcess(record.unsafeLoadUnaligned(as: wire_event.self).peer)
    } else if record.byteCount != Self.size {
      throw .wrongLength(record.byteCount)
    }
    let wire = record.unsafeLoadUnaligned(as: wire_origin.self)
    guard let kind = Kind(rawValue: wire.kind) else { throw .unknownKind(wire.kind) }
    self.kind = kind
    socket = wire.key
    isTimeWaitSocket = wire.phase == WIRE_PHASE_TIME_WAIT_SOCKET.rawValue
    isOver = wire.phase == WIRE_PHASE_OVER.rawValue
    interface = wire.interface
    connection = Connection(wire)
    role = wire.role == 1 ? .client : wire.role == 2 ? .server : .unknown
    processes.opener = NamedProcess(wire.opener)
    openerSource = Source(rawValue: wire.opener_source) ?? .none
    processes.closer = NamedProcess(wire.closer)
    cause = Self.causes[wire.cause]
    enteredFrom = TCPState(rawValue: wire.entered_from)
    reason = Self.reasons[wire.reason]
    timeNanoseconds = wire.time_ns
    openedNanoseconds = wire.opened_ns == 0 ? nil : wire.opened_ns
    sinceNanoseconds = wire.since_ns
    isSinceEstimate = wire.approximate_since != 0
    bytesSent = wire.no_byte_counts == 0 ? wire.bytes_sent : nil
    bytesReceived = wire.no_byte_counts == 0 ? wire.bytes_received : nil
    unreadBytes = wire.unread_bytes
    unsentBytes = wire.unsent_bytes
  }

  /// Has the connection of this record begun to end? As cheap as it can be: there may be a million of them.
  public static func isEnding(_ record: RawSpan) -> Bool {
    guard record.byteCount == size, let offset = MemoryLayout<wire_origin>.offset(of: \.phase) else {
      return true
    }
    return record.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self) != 0
  }

  public mutating func setOpener(_ wire: wire_opener) {
    opener = Process(wire.process)
    openerSource = Source(rawValue: UInt8(truncatingIfNeeded: wire.source)) ?? .none
  }

  private static let causes = Table<Cause>(
    .unknown, .close, .shutdown, .exit, .reset, .linger, .unreadData, .dataAfterClose, .listenerClosed,
    .disconnect, .linger2)
  private static let reasons = Table<Reason>(.unknown, .notAccepted, .dataUnread, .eofUnread, .eofRead)
}

/// A small enumeration of the wire's, where everything else means the first value.
private struct Table<Value: Sendable>: Sendable {
  private let values: [Value]

  init(_ values: Value...) { self.values = values }

  subscript(index: UInt8) -> Value { Int(index) < values.count ? values[Int(index)] : values[0] }
}

/// A process by what names it.
private struct NamedProcess: Sendable {
  var pid: UInt32
  var tid: UInt32
  var comm: Comm
  var startedNanoseconds: UInt64

  init?(_ wire: wire_process) {
    guard wire.pid != 0 else { return nil }
    (pid, tid, comm, startedNanoseconds) = (wire.pid, wire.tid, Comm(wire.comm), wire.started_ns)
  }

  init(_ process: Process) {
    (pid, tid, comm, startedNanoseconds) = (process.pid, process.tid, process.comm, process.startedNanoseconds)
  }
}

extension Process {
  fileprivate init(_ named: NamedProcess) {
    self.init(pid: named.pid, tid: named.tid, comm: named.comm, startedNanoseconds: named.startedNanoseconds)
  }
}

extension Connection {
  init(_ wire: wire_origin) {
    let isMapped = wire.mapped != 0
    let isIPv6 = wire.family == 6 && !isMapped
    self.init(
      family: isIPv6 ? .ipv6 : .ipv4, isMapped: isMapped, netns: wire.netns,
      local: Endpoint(address: Address(wire.local_address, family: wire.family), port: wire.local_port),
      peer: Endpoint(address: Address(wire.peer_address, family: wire.family), port: wire.peer_port))
  }
}

extension Address {
  /// The wire has IPv4 in its first four bytes, and a mapped address with its prefix in all sixteen.
  public init(_ wire: WireAddress, family: UInt8) {
    (high, low) = withUnsafeBytes(of: wire) { bytes in
      (
        UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
        UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      )
    }
    if family != 6 {
      (high, low) = (0, high >> 32)
    } else if high == 0, low >> 32 == 0xffff {
      low &= 0xffff_ffff
    }
  }
}

extension Address {
  /// As on the wire, where it is of an IPv4 or an IPv6 connection.
  public func write(to wire: inout WireAddress, _ family: Family) {
    withUnsafeMutableBytes(of: &wire) { bytes in
      if family == .ipv4 {
        bytes.storeBytes(of: UInt32(truncatingIfNeeded: low).bigEndian, as: UInt32.self)
      } else {
        bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
        bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
      }
    }
  }
}

public typealias WireAddress = (
  UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8,
  UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8
)

/// `struct wire_holder`: a descriptor of a socket in CLOSE_WAIT, or of the listener in whose queue it waits.
public struct KernelHolder: Sendable {
  public var socket: UInt64
  public var holder: Holder
  /// Of the listener; nil: the process has the connection itself.
  public var queue: AcceptQueue?

  public static let size = MemoryLayout<wire_holder>.size

  public init(socket: UInt64, holder: Holder, queue: AcceptQueue? = nil) {
    (self.socket, self.holder, self.queue) = (socket, holder, queue)
  }

  public init(_ record: RawSpan) throws(RecordError) {
    guard record.byteCount == Self.size else { throw .wrongLength(record.byteCount) }
    let wire = record.unsafeLoadUnaligned(as: wire_holder.self)
    guard let process = Process(wire.process) else { throw .unknownKind(0) }
    socket = wire.key
    queue = wire.accept_limit == 0 ? nil : AcceptQueue(length: wire.accept_queue, limit: wire.accept_limit - 1)
    holder = Holder(process: process, descriptor: wire.fd, parent: wire.parent)
  }
}
