/// What a process is, beside its pid and its name: as it was when it was first named. What is nil is not known.
public final class ProcessContext: Sendable {
  /// What the process was called then.
  public let comm: Comm
  /// Its words, broken UTF-8 mended. A process may write what it likes here.
  public let commandLine: [String]?
  /// There is more of it than is kept here.
  public let isCommandCut: Bool
  /// The path of its program, in its own mount namespace. Source: /proc/PID/exe.
  public let executable: String?
  public let user: User?
  public let cgroup: Cgroup?

  public init(
    comm: Comm, commandLine: [String]? = nil, isCommandCut: Bool = false, executable: String? = nil,
    user: User? = nil, cgroup: Cgroup? = nil
  ) {
    self.comm = comm
    self.commandLine = commandLine
    self.isCommandCut = isCommandCut
    self.executable = executable
    self.user = user
    self.cgroup = cgroup
  }

  public struct User: Hashable, Sendable {
    /// Effective, in the initial user namespace.
    public var id: UInt32
    /// nil: the host has no name for it.
    public var name: String?

    public init(id: UInt32, name: String?) { (self.id, self.name) = (id, name) }

    public var text: String { name ?? String(id) }
  }

  public var unit: String? { cgroup?.units.last }
  public var container: Container? { cgroup?.container }
  public var pod: Pod? { cgroup?.pod }

  /// What an engineer would call it: its container, else its unit.
  public var service: String? { Grouping.container.name(of: self) ?? Grouping.unit.name(of: self) }
}

/// A place in the tree of control groups, and whose it is.
public final class Cgroup: Sendable {
  /// From the root of the hierarchy: `/system.slice/nginx.service`.
  public let path: String
  /// Of systemd, the innermost last: a user's manager is a unit of the system's.
  public let units: [String]
  public let container: Container?
  public let pod: Pod?

  /// It is a container's, whose name no file has, or has yet.
  public var lacksName: Bool { container.map { $0.name == nil } ?? false }

  public init(path: String, units: [String] = [], container: Container? = nil, pod: Pod? = nil) {
    self.path = path
    self.units = units
    self.container = container
    self.pod = pod
  }
}

public struct Container: Hashable, Sendable {
  /// 64 digits as a rule; where a runtime has no other, its name.
  public var id: String
  public var name: String?
  /// `docker`, `containerd`, `cri-o`, `podman`, `lxc` or `systemd-nspawn`.
  public var runtime: String?

  public init(id: String, name: String? = nil, runtime: String? = nil) {
    self.id = id
    self.name = name
    self.runtime = runtime
  }

  /// Its name, else its id as runtimes shorten it.
  public var text: String { name ?? String(id.prefix(12)) }
}

public struct Pod: Hashable, Sendable {
  public var uid: String?
  public var name: String?
  public var namespace: String?

  public init(uid: String?, name: String? = nil, namespace: String? = nil) {
    self.uid = uid
    self.name = name
    self.namespace = namespace
  }

  /// `namespace/name`, else its uid.
  public var text: String {
    guard let name else { return uid ?? "-" }
    return namespace.map { "\($0)/\(name)" } ?? name
  }
}

extension [String] {
  /// The words of a command line as the kernel keeps it: a NUL after each.
  ///
  /// - Parameter isCut: it may end in the middle of a character.
  public init(commandLine bytes: some Collection<UInt8>, isCut: Bool = false) {
    self = bytes.split(separator: 0, omittingEmptySubsequences: false).map {
      String(decoding: $0, as: UTF8.self)
    }
    if isCut, last?.last == "\u{FFFD}" { self[count - 1].removeLast() }
    // A process that has rewritten its title leaves blanks behind it.
    while let word = last, word.allSatisfy({ $0 == " " }) { removeLast() }
    while last?.last == " " { self[count - 1].removeLast() }
  }
}
