import CSystem
import Glibc

/// The folders of cgroup2, by the numbers that the kernel knows them by: for a process that is over. Used on one thread.
public final class CgroupTree {
  private let mount: String?
  private var paths: [UInt64: String] = [:]
  private var nextWalk: UInt64 = 0

  /// - Parameter mounts: where it may be mounted.
  public init(mounts: [String] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]) {
    mount = mounts.first { Self.isCgroup2($0) }
    isAlone = mount != nil && mount == mounts.first
  }

  /// There is no hierarchy of version 1 beside it: what it says is all there is.
  public let isAlone: Bool

  /// Source: include/uapi/linux/magic.h, CGROUP2_SUPER_MAGIC.
  private static func isCgroup2(_ path: String) -> Bool {
    var facts = statfs()
    return statfs(path, &facts) == 0 && facts.f_type == 0x6367_7270
  }

  /// From the root of the hierarchy; nil: it is gone, or is the root, which every process is in that nobody has put elsewhere.
  public func path(of id: UInt64) -> String? {
    if let known = paths[id] { return known }
    let now = Host.bootNanoseconds
    guard let mount, now >= nextWalk else { return nil }
    paths.removeAll(keepingCapacity: true)
    walk(mount, "", depth: 0)
    // A twentieth of a core at the most.
    nextWalk = now + 20 * (Host.bootNanoseconds - now)
    return paths[id]
  }

  /// A host has some hundred; what lies deeper, or beyond so many, is not found.
  private static let most = 65_536

  private func walk(_ mount: String, _ path: String, depth: Int) {
    guard depth < 32 else { return }
    var folders: [String] = []
    Folder.forEach(mount + path) { name, inode, isFolder in
      guard isFolder, paths.count < Self.most else { return }
      paths[inode] = "\(path)/\(name)"
      folders.append("\(path)/\(name)")
    }
    for folder in folders { walk(mount, folder, depth: depth + 1) }
  }
}
