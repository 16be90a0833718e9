import BPF
import CWire
import Events
import System

/// What to trace. Ports, family, namespace, states and age act in the kernel, as do the pids of what this end has
/// closed; names, roles and the holders of a CLOSE_WAIT are left to the ledger.
public struct TraceSettings: Sendable {
  public var filter = OriginFilter()
  public var localPorts: PortSet?
  public var peerPorts: PortSet?
  /// nil: both.
  public var family: Family?
  /// Inode number of the only network namespace; nil: all.
  public var netns: UInt32?
  public var states = OriginFilter.Kind.usual
  public var hooks = HookChoice.auto
  /// Programs to do without, as `--without` names them.
  public var without: [String] = []
  /// Only the processes that this one starts once the tracer is there, and those that they start.
  public var followsChildren = false
  /// A CLOSE_WAIT that ends because its process does is told, however short it was.
  public var reportsExits = false
  /// When it is stopped it tells all that waits once more, as it is then.
  public var tellsAllAtEnd = false
  /// TIME_WAITs are counted by process and peer in the kernel, and no event is made of them.
  public var countsOnly = false
  /// Remember a connection only from its end on: its opener and bytes are not needed.
  public var endsAlone = false
  /// Connects and accepts are counted by process.
  public var countsOpens = false
  /// What processes are is told by the kernel, so that short-lived ones are known as well.
  public var introduces = true
  /// How long a CLOSE_WAIT or FIN_WAIT2 lasts before it is told.
  public var minAgeNanoseconds: UInt64 = 1_000_000_000

  public init() {}

  /// How often to look for what has waited too long, and for time_wait sockets whose fate no hook tells.
  static let roundNanoseconds: UInt64 = 100_000_000

  var wishes: HookPlan.Wishes {
    HookPlan.Wishes(
      choice: hooks, onlyCounts: countsOnly, followsChildren: followsChildren,
      wantsResets: states.contains(.reset), introduces: introduces, without: without)
  }

  /// What `without` may name: hooks, and kinds of programs. Functions and programs by name are meant as well.
  public static let programNames = KernelProgram.names

  public static func isProgram(_ name: String) -> Bool { KernelProgram.isKnown(name) }

  func write(to wire: inout wire_settings) {
    wire.min_age_ns = minAgeNanoseconds
    wire.netns = netns ?? 0
    wire.family = family == .ipv4 ? 4 : family == .ipv6 ? 6 : 0
    wire.filter_pids = filter.pids.isEmpty && !followsChildren ? 0 : 1
    wire.want_time_wait = states.contains(.timeWait) ? 1 : 0
    wire.want_close_wait = states.contains(.closeWait) ? 1 : 0
    wire.want_fin_wait2 = states.contains(.finWait2) ? 1 : 0
    wire.report_exits = reportsExits ? 1 : 0
    wire.counts_only = countsOnly ? 1 : 0
    wire.count_opens = countsOpens ? 1 : 0
    wire.ends_alone = endsAlone ? 1 : 0
    wire.filter_local_ports = localPorts == nil ? 0 : 1
    wire.filter_peer_ports = peerPorts == nil ? 0 : 1
  }
}
