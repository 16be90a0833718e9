import ArgumentParser
import Events
import Tracing

/// Which connections are meant: the same for every command.
struct ConnectionOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "Only this process; repeat for more.")
  var pid: [UInt32] = []

  @Option(
    help: ArgumentHelp("Only processes of this name (/proc/PID/comm); repeat for more.", valueName: "name"))
  var comm: [String] = []

  @Option(
    name: [.customShort("L"), .long],
    help: ArgumentHelp("Only these local ports, such as 80,443,8000-8999.", valueName: "ports"),
    transform: PortSet.parse)
  var port: PortSet?

  @Option(
    name: [.customShort("D"), .long], help: ArgumentHelp("Only these ports of the peer.", valueName: "ports"),
    transform: PortSet.parse)
  var peerPort: PortSet?

  @Option(
    help: ArgumentHelp(
      "Only this peer: 10.0.0.5, 10.0.0.0/8, 10.0.0.5:8080, [2001:db8::1]:443; repeat for more.",
      valueName: "address"),
    transform: PeerPattern.parse)
  var peer: [PeerPattern] = []

  @Flag(name: [.customShort("4"), .customLong("ipv4")], help: "Only IPv4 (over IPv6 sockets as well).")
  var ipv4 = false

  @Flag(name: [.customShort("6"), .customLong("ipv6")], help: "Only IPv6.")
  var ipv6 = false

  @Option(help: "Only connections in which this host is the client, or the server.")
  var role: RoleArgument?

  @Option(
    help: ArgumentHelp(
      "Only this network namespace: a file, the pid of a process in it, or its inode number.",
      valueName: "path|pid|id"),
    transform: NamespaceArgument.parse)
  var netns: NamespaceArgument?

  @OptionGroup var processes: ProcessOptions

  /// By name, of those that were given.
  var given: [String] {
    let given = [
      ("pid", !pid.isEmpty), ("comm", !comm.isEmpty), ("port", port != nil), ("peer-port", peerPort != nil),
      ("peer", !peer.isEmpty), ("ipv4", ipv4), ("ipv6", ipv6), ("role", role != nil), ("netns", netns != nil),
    ]
    return given.filter(\.1).map(\.0) + processes.given
  }

  func validate() throws {
    if ipv4 && ipv6 { throw ValidationError("-4 and -6 together leave nothing; give one or none") }
    if pid.contains(0) { throw ValidationError("'0' is not the pid of a process") }
    if let long = comm.first(where: { $0.utf8.count > 15 }) {
      throw ValidationError("'\(long)' matches nothing: the kernel keeps 15 bytes of a name")
    }
    if pid.count > 1024 { throw ValidationError("--pid takes 1024 pids at most; use --comm for more") }
  }

  var settings: TraceSettings {
    var settings = TraceSettings()
    settings.filter.pids = Set(pid)
    settings.filter.comms = Set(comm.map { Comm($0) })
    settings.filter.role = role?.role
    settings.filter.peers = peer
    settings.filter.context = processes.filter
    settings.localPorts = port
    settings.peerPorts = peerPort
    settings.family = ipv4 ? .ipv4 : ipv6 ? .ipv6 : nil
    settings.netns = netns?.inode
    return settings
  }
}
