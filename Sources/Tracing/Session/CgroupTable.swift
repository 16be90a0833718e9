import Events
import System

/// Control groups, each read once, with the names that runtimes have for its container and its pod. Used on one thread.
final class CgroupTable {
  private let tree = CgroupTree()
  private let files = ContainerFiles()
  /// By the text of /proc/PID/cgroup.
  private var byText: [String: Cgroup] = [:]
  /// By the number of the folder in cgroup2.
  private var byID: [UInt64: Cgroup] = [:]

  private static let most = 8192

  /// Is its number enough, so that /proc need not be read?
  func knows(_ id: UInt64) -> Bool { tree.isAlone && byID[id] != nil }

  /// - Parameters:
  ///   - id: in cgroup2; nil: not known.
  ///   - text: of /proc/PID/cgroup; nil: the process is over.
  /// - Returns: nil if neither tells.
  func cgroup(id: UInt64?, processFile text: String?) -> Cgroup? {
    if let text {
      if let known = byText[text] { return known }
      let cgroup = CgroupPath(processFile: text).map { read($0) }
      keep(cgroup, id: id, text: text)
      return cgroup
    }
    guard let id else { return nil }
    if let known = byID[id] { return known }
    let cgroup = tree.path(of: id).map { read(CgroupPath(path: $0)) }
    keep(cgroup, id: id, text: nil)
    return cgroup
  }

  /// Unless there is more to be known of it: a name may be written after a container has started. It is asked again with
  /// the next process that is introduced.
  private func keep(_ cgroup: Cgroup?, id: UInt64?, text: String?) {
    guard let cgroup, !cgroup.lacksName else { return }
    if byText.count >= Self.most { byText.removeAll() }
    if byID.count >= Self.most { byID.removeAll() }
    if let text { byText[text] = cgroup }
    if let id, text == nil || tree.isAlone { byID[id] = cgroup }
  }

  private func read(_ path: CgroupPath) -> Cgroup {
    var container = path.containerID.map { Container(id: $0, runtime: path.runtime) }
    var pod = path.podUID.map { Pod(uid: $0) }
    if let id = path.containerID {
      if ContainerFiles.isID(id) {
        let names = files.names(id: id, runtime: path.runtime, podUID: path.podUID)
        container = Container(id: id, name: names.container, runtime: names.runtime)
        if names.podUID != nil || names.podName != nil {
          pod = Pod(uid: names.podUID, name: names.podName, namespace: names.podNamespace)
        }
      } else {
        container?.name = id
      }
    }
    return Cgroup(path: path.path, units: path.units, container: container, pod: pod)
  }
}
