import CWire

/// A process as the kernel names it: by its thread group id in the initial pid namespace.
public struct Process: Hashable, Sendable {
  public var pid: UInt32
  /// The thread that acted.
  public var tid: UInt32
  public var comm: Comm
  /// Nanoseconds since boot, as /proc/PID/stat counts them. Source: `task_struct.start_boottime` of the leader.
  public var startedNanoseconds: UInt64
  /// What it is beside that; nil: not known, or not asked for. Two values of one process are equal whatever it is.
  public var context: ProcessContext?

  public init(pid: UInt32, tid: UInt32, comm: Comm, startedNanoseconds: UInt64) {
    self.pid = pid
    self.tid = tid
    self.comm = comm
    self.startedNanoseconds = startedNanoseconds
  }

  public static func == (one: Process, other: Process) -> Bool {
    one.pid == other.pid && one.startedNanoseconds == other.startedNanoseconds && one.tid == other.tid
      && one.comm == other.comm
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(pid)
    hasher.combine(tid)
    hasher.combine(startedNanoseconds)
  }

  /// What names it for good: a pid is used again.
  public struct Identity: Hashable, Sendable {
    public var pid: UInt32
    public var startedNanoseconds: UInt64
  }

  public var identity: Identity { Identity(pid: pid, startedNanoseconds: startedNanoseconds) }

  public init?(_ wire: wire_process) {
    guard wire.pid != 0 else { return nil }
    self.init(
      pid: wire.pid, tid: wire.tid, comm: Comm(wire.comm), startedNanoseconds: wire.started_ns)
  }
}

/// The kernel's name of a process: up to 15 bytes that the process chose, so any byte but NUL, in no encoding.
public struct Comm: Hashable, Sendable {
  @usableFromInline var low: UInt64
  @usableFromInline var high: UInt64

  init(_ tuple: WireComm) {
    (low, high) = withUnsafeBytes(of: tuple) { bytes in
      (bytes.loadUnaligned(as: UInt64.self), bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }
    // Behind the end an older kernel leaves bytes of a longer name; a shift by 64 gives 0.
    let length = count
    low &= (1 << (length * 8)) &- 1
    high &= (1 << (max(0, length - 8) * 8)) &- 1
  }

  /// Of an array alone: a generic one, called from another module for every event, took half of the reader's time.
  public init(_ bytes: [UInt8]) {
    (low, high) = (0, 0)
    for (index, byte) in bytes.prefix(15).enumerated() {
      if index < 8 {
        low |= UInt64(byte) << (index * 8)
      } else {
        high |= UInt64(byte) << ((index - 8) * 8)
      }
    }
  }

  public init(_ name: String) { self.init(Array(name.utf8)) }

  public var count: Int {
    let inLow = Self.bytes(beforeZeroIn: low)
    return inLow < 8 ? inLow : min(15, 8 + Self.bytes(beforeZeroIn: high))
  }

  /// 8 if no byte is 0. Only bytes that are 0 set their highest bit here, or such as stand behind one.
  private static func bytes(beforeZeroIn word: UInt64) -> Int {
    ((word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080).trailingZeroBitCount / 8
  }

  @inlinable public subscript(index: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: index < 8 ? low >> (index * 8) : high >> ((index - 8) * 8))
  }

  public var bytes: [UInt8] { (0..<count).map { self[$0] } }
}

typealias WireComm = (
  CChar, CChar, CChar, CChar, CChar, CChar, CChar, CChar,
  CChar, CChar, CChar, CChar, CChar, CChar, CChar, CChar
)
