import Glibc
import Testing

@testable import System

private let id = "3f2a9c0b1d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8"
private let uid = "0123abcd-4567-89ef-0123-456789abcdef"

/// A host's root folder with some files in it, removed at the end.
private final class Root {
  let path: String

  init(_ files: [String: String]) throws {
    var template = Array("/tmp/tcplinger-root-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError("make", "a folder") }
    path = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    for (name, text) in files {
      var folder = path
      for part in name.split(separator: "/").dropLast() {
        folder += "/\(part)"
        mkdir(folder, 0o755)
      }
      guard let file = fopen("\(path)/\(name)", "w") else { throw SystemError("write", name) }
      fwrite(Array(text.utf8), 1, text.utf8.count, file)
      fclose(file)
    }
  }

  deinit { Self.remove(path) }

  /// A folder with all that is in it.
  private static func remove(_ path: String) {
    for name in Folder.names(path) { remove("\(path)/\(name)") }
    if unlink(path) != 0 { rmdir(path) }
  }
}

private func names(_ files: [String: String], runtime: String? = nil, podUID: String? = nil) throws
  -> ContainerFiles.Names
{
  let root = try Root(files)
  return withExtendedLifetime(root) {
    ContainerFiles(root: root.path).names(id: id, runtime: runtime, podUID: podUID)
  }
}

@Suite struct `The files of container runtimes` {
  @Test func `of Docker have the name, and Kubernetes' labels`() throws {
    let found = try names([
      "var/lib/docker/containers/\(id)/config.v2.json": """
      {"ID":"\(id)","Name":"/api","Config":{"Labels":{"io.kubernetes.pod.name":"api-7","io.kubernetes.pod.namespace":"shop",
      "io.kubernetes.pod.uid":"\(uid)"}}}
      """
    ])
    #expect((found.container, found.runtime) == ("api", "docker"))
    #expect((found.podName, found.podNamespace, found.podUID) == ("api-7", "shop", uid))
  }

  @Test func `of containerd are the bundle's annotations`() throws {
    let found = try names(
      [
        "run/containerd/io.containerd.runtime.v2.task/k8s.io/\(id)/config.json": """
        {"annotations":{"io.kubernetes.cri.container-name":"web","io.kubernetes.cri.sandbox-name":"web-1",
        "io.kubernetes.cri.sandbox-namespace":"shop","io.kubernetes.cri.sandbox-uid":"\(uid)"}}
        """
      ], runtime: "containerd")
    #expect((found.container, found.podName, found.podNamespace, found.podUID) == ("web", "web-1", "shop", uid))
    let nerdctl = try names([
      "run/containerd/io.containerd.runtime.v2.task/default/\(id)/config.json":
        #"{"annotations":{"nerdctl/name":"batch"}}"#
    ])
    #expect((nerdctl.container, nerdctl.runtime) == ("batch", "containerd"))
    // k3s; and a limit that is larger than numbers of JSON's are as a rule.
    let k3s = try names([
      "run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/\(id)/config.json":
        #"{"process":{"rlimits":[{"hard":18446744073709551615}]},"annotations":{"io.kubernetes.cri.container-name":"x"}}"#
    ])
    #expect((k3s.container, k3s.runtime) == ("x", "containerd"))
  }

  @Test func `of CRI-O and Podman are in the same storage`() throws {
    let crio = try names([
      "run/containers/storage/overlay-containers/\(id)/userdata/config.json": """
      {"annotations":{"io.kubernetes.cri-o.ContainerType":"container","io.kubernetes.container.name":"web",
      "io.kubernetes.pod.name":"web-1","io.kubernetes.pod.namespace":"shop","io.kubernetes.pod.uid":"\(uid)"}}
      """
    ])
    #expect((crio.container, crio.runtime, crio.podName) == ("web", "cri-o", "web-1"))
    let podman = try names([
      "var/lib/containers/storage/overlay-containers/containers.json":
        #"[{"id":"x","names":["other"]},{"id":"\#(id)","names":["db"]}]"#
    ])
    #expect((podman.container, podman.runtime) == ("db", "podman"))
    let brief = try names([
      "var/lib/containers/storage/overlay-containers/containers.json": "[]",
      "var/lib/containers/storage/overlay-containers/volatile-containers.json":
        #"[{"id":"\#(id)","names":["brief"]}]"#,
    ])
    #expect(brief.container == "brief")
  }

  @Test func `of the kubelet name what no runtime does`() throws {
    let found = try names(
      [
        "var/log/pods/shop_web-1_\(uid)/web/0.log": "",
        "var/log/containers/web-1_shop_web-\(id).log": "",
      ], podUID: uid)
    #expect((found.container, found.podName, found.podNamespace) == ("web", "web-1", "shop"))
    #expect(found.runtime == nil)
  }

  @Test(arguments: [
    "", "{", "[]", "null", #"{"Name":7}"#, #"{"Name":{"a":1}}"#, "\u{0}\u{1b}[31m", #"{"Name":null}"#,
  ])
  func `that are damaged leave the name unknown`(text: String) throws {
    let found = try names(["var/lib/docker/containers/\(id)/config.v2.json": text], runtime: "docker")
    #expect(found.container == nil)
    #expect(found.runtime == "docker")
  }

  @Test func `that are pipes are not waited for`() throws {
    let folder = "var/lib/docker/containers/\(id)"
    let root = try Root(["\(folder)/other": ""])
    #expect(mkfifo("\(root.path)/\(folder)/config.v2.json", 0o600) == 0)
    withExtendedLifetime(root) {
      #expect(ContainerFiles(root: root.path).names(id: id, runtime: "docker", podUID: nil).container == nil)
    }
  }

  @Test func `that are missing leave everything unknown`() throws {
    #expect(try names([:]) == ContainerFiles.Names())
  }
}
