import Events
import Language

/// Readings and events of a host. Whatever a kernel may lack is optional: nil means not known, never 0.
public struct Facts: Sendable {
  public var watchedNanoseconds: UInt64
  public var namespaces: [NamespaceFacts]
  /// Connections that went to TIME_WAIT during the watch, by process and service.
  public var flows: [Flow] = []
  /// Connections that are not closed, by process and reason.
  public var leaks: [Leak] = []
  /// Bytes of a time_wait socket of IPv4 and of IPv6. Source: /proc/slabinfo, `tw_sock_TCP` and `tw_sock_TCPv6`.
  public var timeWaitSocketBytes: (ipv4: Int?, ipv6: Int?) = (nil, nil)
  /// TCP sockets that no process has, on the whole host. Source: `orphan` in /proc/net/sockstat.
  public var orphans: Int?
  /// Source: net.ipv4.tcp_max_orphans, which only the initial network namespace shows.
  public var maxOrphans: Int?
  /// Who has accepted connections that are open, by port: a process that has a listener need not be one that accepts.
  public var acceptors: [ServedPort: [Process: Int]] = [:]
  /// Who has the listener of a port.
  public var listeners: [ServedPort: Process] = [:]
  /// Processes that have as many descriptors open as they may have.
  public var exhausted: [(process: Process, reading: ProcessReading)] = []
  /// Connections that processes of this host have reset.
  public var resets: [Reset] = []
  public var lost: UInt64 = 0

  public init(watchedNanoseconds: UInt64, namespaces: [NamespaceFacts]) {
    self.watchedNanoseconds = watchedNanoseconds
    self.namespaces = namespaces
  }

  var watchedSeconds: Double { Double(watchedNanoseconds) / 1e9 }

  /// nil after a watch of less than a second: one event would make a rate of it.
  func perSecond(_ count: Int) -> Double? { hasRates ? Double(count) / watchedSeconds : nil }

  var hasRates: Bool { watchedNanoseconds >= 1_000_000_000 }
}

/// What belongs to one network namespace.
public struct NamespaceFacts: Sendable {
  public var inode: UInt32
  /// A file that stands for it; nil: it is tcplinger's own, in which a command of its user runs too.
  public var path: String?
  /// The numbers of files in /proc/sys/net/ipv4, by name, and of `somaxconn` in /proc/sys/net/core. One that is
  /// not there, or could not be read, is missing.
  public var settings: [String: [Int]] = [:]
  /// Source: ip_local_reserved_ports.
  public var reservedPorts: PortSet?
  /// /proc/net/netstat and /proc/net/snmp before and after the watch, by names such as `TcpExt.ListenDrops`.
  public var countersBefore: [String: UInt64] = [:]
  public var countersAfter: [String: UInt64] = [:]
  /// nil: they could not be read.
  public var listeners: [Listener]?
  /// nil: they could not be counted.
  public var sockets: SocketCounts?

  public init(inode: UInt32) { self.inode = inode }

  /// A setting of one number.
  func setting(_ name: String) -> Int? { settings[name]?.first }

  /// How far a counter rose during the watch; nil if this kernel does not have it, or it was set back.
  func rise(_ counter: String) -> UInt64? {
    guard let before = countersBefore[counter], let after = countersAfter[counter], after >= before else {
      return nil
    }
    return after - before
  }
}

/// A listening socket. Source: NETLINK_SOCK_DIAG.
public struct Listener: Sendable, Hashable {
  public var port: UInt16
  /// Connections that wait for accept().
  public var queue: Int
  /// The backlog of listen(), cut to net.core.somaxconn; one more may wait. nil: not known.
  public var limit: Int?

  public init(port: UInt16, queue: Int, limit: Int? = nil) {
    self.port = port
    self.queue = queue
    self.limit = limit
  }
}

/// The sockets of a network namespace, counted in one pass each before and after the watch.
public struct SocketCounts: Sendable {
  public struct Tuple: Hashable, Sendable {
    public var family: Family
    public var local: Address
    public var peer: Endpoint

    public init(family: Family, local: Address, peer: Endpoint) {
      self.family = family
      self.local = local
      self.peer = peer
    }
  }

  /// After the watch, by the kernel's names.
  public var states: [String: Int] = [:]
  public var timeWaits: (ipv4: Int, ipv6: Int) = (0, 0)
  /// TIME_WAITs of ports without a listener, by what a client's port must be unique for. nil: not counted.
  public var tuplesBefore: [Tuple: Int]?
  public var tuples: [Tuple: Int] = [:]
  /// Connections at such ports in any other state: they have their ports for as long as they last.
  public var openTuples: [Tuple: Int] = [:]
  /// Whose those are.
  public var openOwners: [Tuple: [Process: Int]] = [:]
  /// Different local ports of clients' connections, TIME_WAITs as well, by local address.
  public var localPorts: [LocalAddress: Int] = [:]

  public struct LocalAddress: Hashable, Sendable {
    public var family: Family
    public var address: Address

    public init(family: Family, address: Address) {
      (self.family, self.address) = (family, address)
    }
  }

  public init() {}
}

/// TIME_WAITs that one process caused towards one service, or as the server on one port, during the watch.
public struct Flow: Sendable {
  public var netns: UInt32
  /// nil: the process is not known.
  public var process: Process?
  /// nil: the process is over, or may not be read.
  public var program: Program?
  public var role: Role
  public var family: Family
  public var local: Address
  /// Of a client the service that it connects to; of a server its own port, with the address of this end.
  public var service: Endpoint
  public var count: Int
  /// Of a client: how many it has opened, whatever became of them; nil: not counted.
  public var connects: Int?
  /// Of those, or older ones, how many have begun to end, and how long they were open until then.
  public var uses = 0
  public var usedNanoseconds: UInt64 = 0
  /// Sums over the connections whose bytes, or whose beginning, are known, and how many those are.
  public var bytes: UInt64 = 0
  public var countWithBytes = 0
  public var lifetimeNanoseconds: UInt64 = 0
  public var countWithLifetime = 0
  /// Of a server: those whose client is on this host.
  public var countFromHere = 0

  public init(
    netns: UInt32, process: Process?, program: Program? = nil, role: Role, family: Family, local: Address,
    service: Endpoint, count: Int
  ) {
    self.netns = netns
    self.process = process
    self.program = program
    self.role = role
    self.family = family
    self.local = local
    self.service = service
    self.count = count
  }

  /// Connections of a client's, at least.
  var opened: Int { max(count, connects ?? 0) }

  var meanBytes: UInt64? { countWithBytes > 0 ? bytes / UInt64(countWithBytes) : nil }
  var meanLifetime: UInt64? {
    countWithLifetime > 0 ? lifetimeNanoseconds / UInt64(countWithLifetime) : nil
  }
}

/// Connections that one process has reset for one reason, during the watch.
public struct Reset: Sendable {
  public var netns: UInt32
  /// nil: the process is not known.
  public var process: Process?
  public var cause: Cause
  public var service: Finding.Service

  public init(netns: UInt32, process: Process?, cause: Cause, service: Finding.Service) {
    (self.netns, self.process, self.cause, self.service) = (netns, process, cause, service)
  }
}

/// A port at which somebody listens.
public struct ServedPort: Hashable, Sendable {
  public var netns: UInt32
  public var port: UInt16

  public init(netns: UInt32, port: UInt16) {
    (self.netns, self.port) = (netns, port)
  }
}

/// Connections that one process has not closed, for one reason.
public struct Leak: Sendable {
  public var netns: UInt32
  public var group: LeakReport.Group
  /// How many began during the watch, less those that ended.
  public var grown: Int
  /// nil: the process is over, or may not be read.
  public var reading: ProcessReading?

  public init(netns: UInt32, group: LeakReport.Group, grown: Int, reading: ProcessReading? = nil) {
    self.netns = netns
    self.group = group
    self.grown = grown
    self.reading = reading
  }
}

/// What /proc says of a process at the end of the watch.
public struct ProcessReading: Sendable, Equatable {
  /// As ps writes it: R, S, D, T, t, Z, X.
  public var state: Character
  public var program: Program?
  public var descriptorsOpen: Int
  /// At the beginning of the watch; nil: it was not there, or not read.
  public var descriptorsBefore: Int?
  /// nil: unlimited.
  public var descriptorLimit: Int?

  public init(
    state: Character = "S", program: Program? = nil, descriptorsOpen: Int,
    descriptorsBefore: Int? = nil, descriptorLimit: Int?
  ) {
    self.state = state
    self.program = program
    self.descriptorsOpen = descriptorsOpen
    self.descriptorsBefore = descriptorsBefore
    self.descriptorLimit = descriptorLimit
  }

  /// accept(), open() and socket() fail with EMFILE.
  public var isExhausted: Bool { descriptorLimit.map { descriptorsOpen >= $0 } ?? false }

  /// nil: nothing to compare with.
  var descriptorGrowth: Int? { descriptorsBefore.map { descriptorsOpen - $0 } }

  /// Why it can close nothing now; nil: nothing keeps it.
  var standstill: Text? {
    switch state {
    case "T": "it is stopped (state T: SIGSTOP, or a shell's job control): it can close nothing until SIGCONT"
    case "t": "a debugger has stopped it (state t): it can close nothing until that lets it go on"
    case "D": "it waits in the kernel (state D: a disk, or NFS): it can close nothing until that is over"
    case "Z": "its main thread has ended (state Z), and others of its threads have the connections"
    default: nil
    }
  }
}
