import Glibc

/// Who has which socket open, by /proc: where no program may go over open files. A process of another pid namespace is not
/// found, nor one whose /proc this one may not read.
public enum OpenSockets {
  public struct Descriptor: Sendable {
    public var pid: UInt32
    public var parent: UInt32
    public var number: UInt32
    /// Of the socket's file, as NETLINK_SOCK_DIAG gives it.
    public var inode: UInt32
    public var comm: [UInt8]
    /// Since boot, to a tick of the kernel's clock.
    public var startedNanoseconds: UInt64
  }

  /// Hands out every descriptor of a socket, ordered by pid.
  public static func forEach(_ body: (Descriptor) -> Void) {
    for pid in Folder.names("/proc").compactMap({ UInt32($0) }).sorted() {
      guard let facts = ProcessFacts(pid: pid) else { continue }
      for name in Folder.names("/proc/\(pid)/fd") {
        guard let number = UInt32(name), let inode = inode(behind: "/proc/\(pid)/fd/\(name)") else { continue }
        body(
          Descriptor(
            pid: pid, parent: facts.parent, number: number, inode: inode, comm: facts.comm,
            startedNanoseconds: facts.startedNanoseconds))
      }
    }
  }

  /// A link to a socket reads "socket:[INODE]".
  private static func inode(behind path: String) -> UInt32? {
    var target = [UInt8](repeating: 0, count: 64)
    let length = target.withUnsafeMutableBytes { bytes in
      bytes.baseAddress.map { readlink(path, $0, bytes.count) } ?? 0
    }
    guard length > 0 else { return nil }
    let text = String(decoding: target[..<length], as: UTF8.self)
    guard text.hasPrefix("socket:["), text.hasSuffix("]") else { return nil }
    return UInt32(text.dropFirst(8).dropLast())
  }
}

/// What /proc/PID/stat says.
public struct ProcessFacts: Sendable {
  public var comm: [UInt8]
  public var parent: UInt32
  public var startedNanoseconds: UInt64
  /// The same, in ticks, as /proc has it.
  public var startTicks: UInt64
  /// As ps writes it: R, S, D, T, t, Z, X.
  public var state: Character

  /// nil: there is no such process.
  public init?(pid: UInt32) {
    guard let bytes = try? File.bytes("/proc/\(pid)/stat"), let open = bytes.firstIndex(of: UInt8(ascii: "(")),
      // The name is whatever its maker chose, parentheses as well.
      let close = bytes.lastIndex(of: UInt8(ascii: ")")), open < close
    else { return nil }
    let fields = bytes[(close + 1)...].split(separator: UInt8(ascii: " "))
    guard fields.count > 19, let parent = UInt32(String(decoding: fields[1], as: UTF8.self)),
      let ticks = UInt64(String(decoding: fields[19], as: UTF8.self))
    else { return nil }
    comm = Array(bytes[(open + 1)..<close])
    self.parent = parent
    state = fields[0].first.map { Character(UnicodeScalar($0)) } ?? "?"
    startTicks = ticks
    startedNanoseconds = ticks * (1_000_000_000 / UInt64(sysconf(Int32(_SC_CLK_TCK))))
  }
}

/// A process and all that descend from it, by /proc. One whose parent has ended in between is not known to be one of them.
public final class ProcessFamily {
  private var members: Set<UInt32>

  public init(of pid: UInt32) { members = [pid] }

  public func contains(_ pid: UInt32) -> Bool {
    var line: [UInt32] = []
    var next = pid
    while !members.contains(next) {
      line.append(next)
      guard line.count < 64, let facts = ProcessFacts(pid: next), facts.parent > 0 else { return false }
      next = facts.parent
    }
    members.formUnion(line)
    return true
  }
}
