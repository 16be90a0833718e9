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
  /// Names the socket while the tracer runs.
  public var socket: UInt64
  public var connection: Connection
  public var role: Role
  public var opener: Process?
  public var openerSource: Source
  public var closer: Process?
  public var cause: Cause
  public var enteredFrom: TCPState?
  public var reason: Reason
  public var timeNanoseconds: UInt64
  public var openedNanoseconds: UInt64?
  public var sinceNanoseconds: UInt64
  public var isSinceEstimate: Bool
  /// nil where the kernel no longer knows: a small socket older than the tracer.
  public var bytesSent: UInt64?
  public var bytesReceived: UInt64?
  public var unreadBytes: UInt32
  /// Of the listener; nil where the socket waits in none, or none was looked for.
  public var acceptQueue: AcceptQueue?

  public static let size = MemoryLayout<wire_origin>.size

  public init(_ record: RawSpan) throws(RecordError) {
    guard record.byteCount == Self.size else { throw .wrongLength(record.byteCount) }
    let wire = record.unsafeLoadUnaligned(as: wire_origin.self)
    guard let kind = Kind(rawValue: wire.kind) else { throw .unknownKind(wire.kind) }
    self.kind = kind
    socket = wire.socket
    connection = Connection(wire)
    role = wire.role == 1 ? .client : wire.role == 2 ? .server : .unknown
    opener = Process(wire.opener)
    openerSource = Source(rawValue: wire.opener_source) ?? .none
    closer = Process(wire.closer)
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
    acceptQueue =
      wire.accept_limit == 0 ? nil : AcceptQueue(length: wire.accept_queue, limit: wire.accept_limit)
  }

  private static let causes = Table<Cause>(.unknown, .close, .shutdown, .exit, .reset)
  private static let reasons = Table<Reason>(.unknown, .notAccepted, .dataUnread, .eofUnread, .eofRead)
}

/// A small enumeration of the wire's, where everything else means the first value.
private struct Table<Value: Sendable>: Sendable {
  private let values: [Value]

  init(_ values: Value...) { self.values = values }

  subscript(index: UInt8) -> Value { Int(index) < values.count ? values[Int(index)] : values[0] }
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
  init(_ wire: WireAddress, family: UInt8) {
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

typealias WireAddress = (
  UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8,
  UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8
)

/// `struct wire_holder`: a descriptor of a socket in CLOSE_WAIT.
public struct KernelHolder: Sendable {
  public var socket: UInt64
  public var holder: Holder

  public static let size = MemoryLayout<wire_holder>.size

  public init(_ record: RawSpan) throws(RecordError) {
    guard record.byteCount == Self.size else { throw .wrongLength(record.byteCount) }
    let wire = record.unsafeLoadUnaligned(as: wire_holder.self)
    guard let process = Process(wire.process) else { throw .unknownKind(0) }
    socket = wire.socket
    holder = Holder(process: process, descriptor: wire.fd, parent: wire.parent)
  }
}
