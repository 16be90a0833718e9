import Glibc

/// A control group of cgroup2, made for a test and removed when nobody refers to it any more: its processes must be over then.
public final class ControlGroup {
  public let folder: String
  /// From the root of the hierarchy.
  public let path: String
  private var made: [String] = []

  /// - Parameter path: say, `/system.slice/shop.service`. What of it is there already stays.
  public init(_ path: String) throws {
    guard let mount = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].first(where: Self.isMount) else {
      throw Failure("cgroup2 is not mounted")
    }
    self.path = path
    folder = mount + path
    var part = mount
    for name in path.split(separator: "/") {
      part += "/\(name)"
      if mkdir(part, 0o755) == 0 {
        made.append(part)
      } else if errno != EEXIST {
        throw Failure("cannot make \(part): \(systemMessage())")
      }
    }
  }

  private static func isMount(_ path: String) -> Bool { access("\(path)/cgroup.procs", F_OK) == 0 }

  deinit { for folder in made.reversed() { rmdir(folder) } }

  public func add(_ pid: Int32) throws { try writeFile("\(folder)/cgroup.procs", "\(pid)") }
}
