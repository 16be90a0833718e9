import Glibc

/// What container runtimes and the kubelet leave in files about a container: no daemon is asked. A file that is missing, or may
/// not be read, leaves the name unknown.
public struct ContainerFiles: Sendable {
  /// Before each path: for tests.
  private let root: String

  public init(root: String = "") { self.root = root }

  /// 64 hexadecimal digits: what most runtimes call a container by.
  public static func isID(_ text: some StringProtocol) -> Bool {
    text.utf8.count == 64 && text.utf8.allSatisfy { 48...57 ~= $0 || 97...102 ~= $0 }
  }

  public struct Names: Equatable, Sendable {
    public var container: String?
    public var runtime: String?
    public var podName: String?
    public var podNamespace: String?
    public var podUID: String?

    public init() {}
  }

  /// - Parameters:
  ///   - id: 64 digits, so that it is no way out of a folder.
  ///   - runtime: as the cgroup names it; nil: found by whose files there are.
  public func names(id: String, runtime: String?, podUID: String?) -> Names {
    var names = Names()
    names.runtime = runtime
    names.podUID = podUID
    for (name, read) in [
      ("docker", docker), ("containerd", containerd), ("cri-o", crio), ("podman", podman),
    ] as [(String, (String, inout Names) -> Bool)]
    where runtime == nil || runtime == name {
      guard read(id, &names) else { continue }
      if names.runtime == nil { names.runtime = name }
      break
    }
    readKubelet(id, &names)
    return names
  }

  // Source: dockerd, container/container.go; the name has a slash before it.
  private func docker(_ id: String, _ names: inout Names) -> Bool {
    guard let file = JSONFile.reading("\(root)/var/lib/docker/containers/\(id)/config.v2.json") else {
      return false
    }
    names.container = file.text("Name").map { String($0.drop { $0 == "/" }) }
    readLabels {
      file.text("Config", "Labels", $0)
    } into: {
      names.take($0)
    }
    return true
  }

  // Source: containerd, the bundle of a task: config.json of the OCI with annotations of CRI and nerdctl.
  private func containerd(_ id: String, _ names: inout Names) -> Bool {
    // Its own place, and that of distributions of Kubernetes which bring their own: k3s and RKE2, MicroK8s.
    let states = ["/run/containerd", "/run/k3s/containerd", "/var/snap/microk8s/common/run/containerd"]
    let spaces = states.map { "\(root)\($0)/io.containerd.runtime.v2.task" }.flatMap { tasks in
      Folder.names(tasks).sorted().map { (folder: "\(tasks)/\($0)", name: $0) }
    }
    for space in spaces {
      guard let file = JSONFile.reading("\(space.folder)/\(id)/config.json") else { continue }
      if space.name == "moby", names.runtime == nil { names.runtime = "docker" }
      names.container =
        file.text("annotations", "io.kubernetes.cri.container-name") ?? file.text("annotations", "nerdctl/name")
      names.podName = file.text("annotations", "io.kubernetes.cri.sandbox-name")
      names.podNamespace = file.text("annotations", "io.kubernetes.cri.sandbox-namespace")
      names.podUID = names.podUID ?? file.text("annotations", "io.kubernetes.cri.sandbox-uid")
      return true
    }
    return false
  }

  // Source: CRI-O, docs/crio.8.md: the OCI's config.json with Kubernetes' own labels as annotations.
  private func crio(_ id: String, _ names: inout Names) -> Bool {
    for folder in ["/run/containers/storage", "/var/lib/containers/storage"] {
      guard let file = JSONFile.reading("\(root)\(folder)/overlay-containers/\(id)/userdata/config.json"),
        file.text("annotations", "io.kubernetes.cri-o.ContainerType") != nil
          || file.text("annotations", "io.kubernetes.pod.name") != nil
      else { continue }
      readLabels {
        file.text("annotations", $0)
      } into: {
        names.take($0)
      }
      return true
    }
    return false
  }

  // Source: containers/storage, containers.go: lists with id and names; `--rm` has the second, or with transient storage the
  // third.
  private func podman(_ id: String, _ names: inout Names) -> Bool {
    for file in [
      "/var/lib/containers/storage/overlay-containers/containers.json",
      "/var/lib/containers/storage/overlay-containers/volatile-containers.json",
      "/run/containers/storage/overlay-containers/volatile-containers.json",
    ] {
      guard let list = JSONFile.reading(root + file) else { continue }
      let name = list.first { text in text(["id"]) == id ? text(["names", "0"]) ?? "" : nil }
      guard let name else { continue }
      names.container = name.isEmpty ? nil : name
      return true
    }
    return false
  }

  /// Kubernetes' labels of a container. Source: kubelet, pkg/kubelet/types/labels.go.
  private func readLabels(_ label: (String) -> String?, into take: (Names) -> Void) {
    var names = Names()
    names.container = label("io.kubernetes.container.name")
    names.podName = label("io.kubernetes.pod.name")
    names.podNamespace = label("io.kubernetes.pod.namespace")
    names.podUID = label("io.kubernetes.pod.uid")
    take(names)
  }

  /// The kubelet's folders of logs: `/var/log/pods/NAMESPACE_NAME_UID/CONTAINER`, and a link for each container,
  /// `/var/log/containers/POD_NAMESPACE_CONTAINER-ID.log`. No name has an underscore.
  private func readKubelet(_ id: String, _ names: inout Names) {
    guard let uid = names.podUID else { return }
    if names.podName == nil,
      let folder = Folder.names("\(root)/var/log/pods").first(where: { $0.hasSuffix("_\(uid)") })
    {
      let parts = folder.split(separator: "_")
      if parts.count == 3 { (names.podNamespace, names.podName) = (String(parts[0]), String(parts[1])) }
    }
    if names.container == nil,
      let link = Folder.names("\(root)/var/log/containers").first(where: { $0.hasSuffix("-\(id).log") })
    {
      names.container = link.dropLast("-\(id).log".count).split(separator: "_").last.map(String.init)
    }
  }
}

extension ContainerFiles.Names {
  /// What is known there and not here.
  fileprivate mutating func take(_ other: Self) {
    container = other.container ?? container
    podName = other.podName ?? podName
    podNamespace = other.podNamespace ?? podNamespace
    podUID = podUID ?? other.podUID
  }
}
