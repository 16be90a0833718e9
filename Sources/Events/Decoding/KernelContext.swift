import CWire

/// `struct wire_context`: what only the kernel knows of a process that is soon over.
public struct KernelContext: Sendable {
  public var process: Process
  /// Of the cgroup2 hierarchy: the inode number of its folder.
  public var cgroup: UInt64
  /// Effective, in the initial user namespace.
  public var user: UInt32
  /// nil: it could not be read.
  public var commandLine: [String]?
  /// There is more of it than the kernel has sent.
  public var isCommandCut: Bool

  public static let size = MemoryLayout<wire_context>.size

  public init(_ record: RawSpan) throws(RecordError) {
    guard record.byteCount == Self.size, let start = MemoryLayout<wire_context>.offset(of: \.command) else {
      throw .wrongLength(record.byteCount)
    }
    let wire = record.unsafeLoadUnaligned(as: wire_context.self)
    guard let process = Process(wire.process) else { throw .unknownKind(0) }
    self.process = process
    cgroup = wire.cgroup_id
    user = wire.uid
    let length = Int(wire.command_length)
    let bytes = record.withUnsafeBytes { Array($0[start..<start + min(length, Int(WIRE_COMMAND_LENGTH))]) }
    // A title that a process has written over it may go on behind it.
    isCommandCut = length > bytes.count || bytes.last.map { $0 != 0 } ?? false
    let words = [String](commandLine: bytes, isCut: isCommandCut)
    commandLine = words.isEmpty ? nil : words
  }
}
