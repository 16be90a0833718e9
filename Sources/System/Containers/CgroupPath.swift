/// What the path of a control group says: bytes in, values out. Runtimes and systemd name their folders by rules of their own.
public struct CgroupPath: Equatable, Sendable {
  /// From the root of the hierarchy.
  public var path: String
  /// Of systemd, the innermost last.
  public var units: [String] = []
  public var containerID: String?
  /// nil: the path does not say.
  public var runtime: String?
  public var podUID: String?

  /// - Parameter text: /proc/PID/cgroup, a line a hierarchy: `0::/path` is that of cgroup2, `1:name=systemd:/path` that of
  ///   systemd where others are of version 1.
  public init?(processFile text: String) {
    var paths: [(controllers: Substring, path: String)] = []
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3, fields[2].hasPrefix("/") else { continue }
      paths.append((fields[1], String(fields[2])))
    }
    // Of several the one that says most: on a hybrid host a container may be in hierarchies of version 1 alone.
    let parsed = paths.map { Self(path: $0.path) }
    guard let best = parsed.max(by: { $0.weight < $1.weight }) else { return nil }
    self = best
    let own = paths.first { $0.controllers == "name=systemd" } ?? paths.first { $0.controllers.isEmpty }
    guard units.isEmpty, let own else { return }
    units = Self(path: own.path).units
    if best.weight == 0 { path = own.path }
  }

  private var weight: Int { containerID != nil ? 3 : !units.isEmpty ? 2 : path != "/" ? 1 : 0 }

  /// - Parameter path: of a folder, from the root of its hierarchy; from within a cgroup namespace with `/..` before it.
  public init(path: String) {
    let parts = path.split(separator: "/").drop { $0 == ".." }.map(Self.unescaped)
    self.path = "/" + parts.joined(separator: "/")
    units = Self.units(parts)
    findPod(parts)
    findContainer(parts)
  }

  /// systemd puts `_` before a name that could be mistaken for a file of the kernel's. Source: cg_escape(), systemd.
  private static func unescaped(_ part: Substring) -> String {
    String(part.hasPrefix("_") ? part.dropFirst() : part)
  }

  // Source: systemd.unit(5).
  private static let unitTypes = [".service", ".scope", ".socket", ".mount", ".swap"]

  /// The first below its slices is a unit of the system's manager; within a user's manager comes one of that.
  private static func units(_ parts: [String]) -> [String] {
    func isUnit(_ part: String) -> Bool { unitTypes.contains { part.hasSuffix($0) && part != $0 } }
    guard let first = parts.firstIndex(where: { !$0.hasSuffix(".slice") }), isUnit(parts[first]) else {
      return []
    }
    guard parts[first].hasPrefix("user@") else { return [parts[first]] }
    let inner = parts[(first + 1)...].first { !$0.hasSuffix(".slice") }
    return [parts[first]] + (inner.map { isUnit($0) ? [$0] : [] } ?? [])
  }

  /// The kubelet's: `kubepods-burstable-pod1234_5678.slice` with systemd, `/kubepods/burstable/pod1234-5678` without.
  private mutating func findPod(_ parts: [String]) {
    guard parts.contains(where: { $0.hasPrefix("kubepods") || $0.hasPrefix("kubelet-kubepods") }) else {
      return
    }
    for part in parts {
      let uid: Substring
      // containerd may add the container behind the slice, with colons.
      if let start = part.firstRange(of: "-pod"), let end = part.firstRange(of: ".slice"),
        start.upperBound <= end.lowerBound
      {
        uid = part[start.upperBound..<end.lowerBound]
      } else if part.hasPrefix("pod") {
        uid = part.dropFirst(3)
      } else {
        continue
      }
      let text = uid.map { $0 == "_" ? "-" : $0 }
      if text.count >= 8, text.allSatisfy({ $0.isHexDigit || $0 == "-" }) { podUID = String(text) }
    }
  }

  /// Of nested ones the innermost: that is where the process lives.
  private mutating func findContainer(_ parts: [String]) {
    for (index, part) in parts.enumerated() {
      if let (id, runtime) = Self.container(part, parent: index > 0 ? parts[index - 1] : "") {
        (containerID, self.runtime) = (id, runtime)
      }
    }
    if containerID != nil, runtime == nil, parts.first == "docker" { runtime = "docker" }
  }

  private static let prefixes = [
    ("docker-", "docker"), ("cri-containerd-", "containerd"), ("nerdctl-", "containerd"), ("crio-", "cri-o"),
    ("libpod-", "podman"),
  ]

  private static func container(_ part: String, parent: String) -> (id: String, runtime: String?)? {
    let isScope = part.hasSuffix(".scope")
    let name = isScope ? String(part.dropLast(".scope".count)) : part
    for (prefix, runtime) in prefixes where name.hasPrefix(prefix) {
      let id = name.dropFirst(prefix.count)
      // `crio-conmon-…` is the watcher beside the container.
      if ContainerFiles.isID(id) { return (String(id), runtime) }
    }
    // containerd, with its own naming of scopes: `kubepods-…-pod….slice:cri-containerd:ID`.
    let fields = name.split(separator: ":")
    if fields.count == 3, ContainerFiles.isID(fields[2]) {
      let runtime = fields[1] == "cri-containerd" ? "containerd" : fields[1] == "docker" ? "docker" : nil
      return (String(fields[2]), runtime)
    }
    if !isScope, ContainerFiles.isID(part) { return (part, parent == "docker" ? "docker" : nil) }
    if name.hasPrefix("lxc.payload.") { return named(name.dropFirst("lxc.payload.".count), "lxc") }
    if parent == "lxc" || parent == "lxc.payload" { return named(part[...], "lxc") }
    if part.hasPrefix("systemd-nspawn@"), part.hasSuffix(".service") {
      return named(part.dropFirst("systemd-nspawn@".count).dropLast(".service".count), "systemd-nspawn")
    }
    // Virtual machines are registered with systemd-machined as well.
    if isScope, name.hasPrefix("machine-"), parent == "machine.slice", !name.hasPrefix("machine-qemu") {
      return named(name.dropFirst("machine-".count), "systemd-nspawn")
    }
    return nil
  }

  private static func named(_ text: Substring, _ runtime: String) -> (String, String)? {
    text.isEmpty ? nil : (unquoted(text), runtime)
  }

  /// `\x2d` in the name of a unit is a `-`. Source: systemd.unit(5), string escaping.
  private static func unquoted(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), rest.count >= 3, rest.first == UInt8(ascii: "x"),
        let value = UInt8(String(decoding: rest.dropFirst().prefix(2), as: UTF8.self), radix: 16)
      {
        bytes.append(value)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
