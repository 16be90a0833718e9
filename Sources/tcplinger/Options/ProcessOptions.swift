import ArgumentParser
import Events

/// Which processes are meant, by what they are: the same for every command. Patterns are the shell's, such as `api-*`.
struct ProcessOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Only processes of this systemd unit, such as nginx or 'worker@*.service'; repeat for more.",
      valueName: "unit"))
  var unit: [String] = []

  @Option(
    help: ArgumentHelp(
      "Only processes in this container, by name or id; repeat for more.", valueName: "container"))
  var container: [String] = []

  @Option(
    help: ArgumentHelp(
      "Only processes in this pod: name, namespace/name or uid; repeat for more.", valueName: "pod"))
  var pod: [String] = []

  @Option(
    help: ArgumentHelp(
      "Only processes in this control group or below it, such as /system.slice; repeat for more.",
      valueName: "path"))
  var cgroup: [String] = []

  @Option(
    help: ArgumentHelp("Only processes of this user, by name or number; repeat for more.", valueName: "user"))
  var user: [String] = []

  @Option(
    help: ArgumentHelp(
      "Only processes of this program: its name, or its path if there is a / in it; repeat for more.",
      valueName: "program"))
  var exe: [String] = []

  /// By name, of those that were given.
  var given: [String] { named.filter { !$0.patterns.isEmpty }.map(\.name) }

  private var named: [(name: String, patterns: [String])] {
    [
      ("unit", unit), ("container", container), ("pod", pod), ("cgroup", cgroup), ("user", user), ("exe", exe),
    ]
  }

  func validate() throws {
    for (name, patterns) in named where patterns.contains("") {
      throw ValidationError("--\(name) is empty; give a name or a pattern such as 'api-*'")
    }
  }

  var filter: ContextFilter {
    var filter = ContextFilter()
    filter.units = unit
    filter.containers = container
    filter.pods = pod
    filter.cgroups = cgroup
    filter.users = user
    filter.executables = exe
    return filter
  }
}
