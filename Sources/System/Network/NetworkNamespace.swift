import CSystem
import Glibc
import Synchronization

/// A network namespace and a file that stands for it.
public struct NetworkNamespace: Hashable, Sendable {
  /// Inode number: how the kernel, `lsns` and `ip netns identify` name it.
  public let inode: UInt32
  public let path: String

  public init(path: String) throws(SystemError) {
    var facts = stat()
    guard stat(path, &facts) == 0 else { throw SystemError("find", "network namespace \(path)") }
    var filesystem = statfs()
    guard statfs(path, &filesystem) == 0, filesystem.f_type == Self.nsfsMagic else {
      throw SystemError("use", "\(path) as a network namespace", code: EINVAL)
    }
    inode = UInt32(truncatingIfNeeded: facts.st_ino)
    self.path = path
  }

  /// Source: include/uapi/linux/magic.h, NSFS_MAGIC.
  private static let nsfsMagic = 0x6e73_6673

  /// Keeps the namespace as long as this process lives, whatever becomes of its file. The kernel gives the number
  /// of one that is gone to the next.
  public func hold() throws(SystemError) {
    let descriptor = try FileDescriptor.reading(path).keepOpen()
    Self.held.withLock { $0.append("/proc/self/fd/\(descriptor)") }
  }

  private static let held = Mutex<[String]>([])

  /// Every namespace that a process lives in or that a name is mounted for, each once.
  public static func all() -> [NetworkNamespace] {
    var found: [UInt32: NetworkNamespace] = [:]
    let candidates =
      ["/proc/self/ns/net"]
      + Folder.names("/proc").filter { $0.utf8.allSatisfy { 48...57 ~= $0 } }.map { "/proc/\($0)/ns/net" }
      + nameFolders.flatMap { folder in Folder.names(folder).map { "\(folder)/\($0)" } }
    for path in candidates + held.withLock({ $0 }) {
      // A process may have ended, and a name may not be a namespace: skip both.
      guard let namespace = try? NetworkNamespace(path: path), found[namespace.inode] == nil else { continue }
      found[namespace.inode] = namespace
    }
    return found.values.sorted { $0.inode < $1.inode }
  }

  /// Where `ip netns` and Docker mount names.
  private static let nameFolders = ["/run/netns", "/run/docker/netns"]

  /// The names that are mounted for namespaces, by inode number; of several the first in the alphabet. They are
  /// whatever their maker chose.
  public static func names() -> [UInt32: String] {
    var found: [UInt32: String] = [:]
    for folder in nameFolders {
      for name in Folder.names(folder).sorted() {
        guard let namespace = try? NetworkNamespace(path: "\(folder)/\(name)") else { continue }
        if found[namespace.inode] == nil { found[namespace.inode] = name }
      }
    }
    return found
  }

  /// Is it the one that the calling thread is in?
  public var isOwn: Bool { (try? NetworkNamespace(path: "/proc/thread-self/ns/net").inode) == inode }

  /// Moves the calling thread into the namespace for the length of `body`.
  ///
  /// Only for a thread of one's own: other code of the thread would see the other namespace too.
  public func enter<Result>(_ body: () throws -> Result) throws -> Result {
    if try NetworkNamespace(path: "/proc/thread-self/ns/net").inode == inode { return try body() }
    let here = try FileDescriptor.reading("/proc/thread-self/ns/net")
    let there = try FileDescriptor.reading(path)
    let result = csystem_enter_network_namespace(there.number)
    guard result == 0 else { throw SystemError("enter", "network namespace \(path)", code: -result) }
    defer { _ = csystem_enter_network_namespace(here.number) }
    return try body()
  }
}
