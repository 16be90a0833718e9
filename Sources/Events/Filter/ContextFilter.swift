import Glibc

/// Which processes are meant, by what they are. Patterns of one kind are alternatives; each kind that is given must fit.
/// A process of which that is not known does not pass.
public struct ContextFilter: Equatable, Sendable {
  /// As systemd names them; without a suffix a service.
  public var units: [String] = []
  /// Names, or the beginnings of ids.
  public var containers: [String] = []
  /// `name`, `namespace/name` or the uid.
  public var pods: [String] = []
  /// Paths from the root of the hierarchy, with all below them.
  public var cgroups: [String] = []
  /// Names or numbers.
  public var users: [String] = []
  /// Names of programs, or whole paths.
  public var executables: [String] = []

  public init() {}

  public var isEmpty: Bool { self == ContextFilter() }

  /// Does it go by the control group?
  public var asksForCgroup: Bool {
    !(units.isEmpty && containers.isEmpty && pods.isEmpty && cgroups.isEmpty)
  }

  /// Is a part of it known by the user and the control group of a process?
  public var asksForGroup: Bool { asksForCgroup || !users.isEmpty }

  public func passes(_ context: ProcessContext?) -> Bool {
    if isEmpty { return true }
    guard let context else { return false }
    guard passesGroup(of: context) else { return false }
    return executables.isEmpty
      || context.executable.map { path in executables.contains { Self.isProgram(path, $0) } } ?? false
  }

  /// Do its user and its cgroup pass?
  public func passesGroup(of context: ProcessContext) -> Bool {
    if !users.isEmpty {
      guard let user = context.user, users.contains(where: { Self.isUser(user, $0) }) else { return false }
    }
    if !asksForCgroup { return true }
    guard let cgroup = context.cgroup else { return false }
    func any(_ patterns: [String], _ isMeant: (String) -> Bool) -> Bool {
      patterns.isEmpty || patterns.contains(where: isMeant)
    }
    // What groups are called in tables is a name as well.
    let names = [Grouping.unit, .container].map { $0.name(of: context) ?? "" }
    return any(units) { pattern in (cgroup.units + [names[0]]).contains { Self.isUnit($0, pattern) } }
      && any(containers) { pattern in
        cgroup.container.map { Self.isContainer($0, pattern) || Self.matches(names[1], pattern) } ?? false
      }
      && any(pods) { pattern in cgroup.pod.map { Self.isPod($0, pattern) } ?? false }
      && any(cgroups) { Self.isBelow(cgroup.path, $0) }
  }

  private static func isUnit(_ unit: String, _ pattern: String) -> Bool {
    matches(unit, pattern) || matches(unit, pattern + ".service")
  }

  private static func isContainer(_ container: Container, _ pattern: String) -> Bool {
    container.name.map { matches($0, pattern) } ?? false || matches(container.id, pattern)
      || (pattern.count >= 4 && container.id.hasPrefix(pattern))
  }

  private static func isPod(_ pod: Pod, _ pattern: String) -> Bool {
    [pod.name, pod.uid, pod.name == nil ? nil : pod.text].contains { $0.map { matches($0, pattern) } ?? false }
  }

  private static func isBelow(_ path: String, _ pattern: String) -> Bool {
    var pattern = pattern.hasPrefix("/") ? pattern : "/\(pattern)"
    while pattern.count > 1, pattern.hasSuffix("/") { pattern.removeLast() }
    return matches(path, pattern) || matches(path, pattern == "/" ? "/*" : pattern + "/*")
  }

  private static func isUser(_ user: ProcessContext.User, _ pattern: String) -> Bool {
    String(user.id) == pattern || user.name.map { matches($0, pattern) } ?? false
  }

  private static func isProgram(_ path: String, _ pattern: String) -> Bool {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    return matches(pattern.contains("/") ? path : name, pattern)
  }

  /// As the shell has it: `*`, `?` and `[…]`; a `*` takes a slash as well. A backslash is one: units have some in their names.
  /// Text shows each twice.
  private static func matches(_ text: String, _ pattern: String) -> Bool {
    fnmatch(pattern, text, FNM_NOESCAPE) == 0 || fnmatch(pattern, doubled(text), FNM_NOESCAPE) == 0
  }

  private static func doubled(_ text: String) -> String {
    text.contains("\\") ? String(text.flatMap { $0 == "\\" ? "\\\\" : String($0) }) : text
  }
}
