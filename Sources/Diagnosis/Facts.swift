import Events

/// What was read and seen of a host. Whatever may be missing on a kernel is optional: nil means not known, never 0.
public struct Facts: Sendable {
  public var watchedNanoseconds: UInt64
  public var namespaces: [NamespaceFacts]
  /// Connections that went to TIME_WAIT during the watch, by process and service.
  public var flows: [Flow] = []
  /// Connections that are not closed, by process and reason.
  public var leaks: [Leak] = []
  /// Bytes of a small socket of IPv4 and of IPv6. Source: /proc/slabinfo, `tw_sock_TCP` and `tw_sock_TCPv6`.
  public var smallSocketBytes: (ipv4: Int?, ipv6: Int?) = (nil, nil)
  /// TCP sockets that no process has, on the whole host. Source: `orphan` in /proc/net/sockstat.
  public var orphans: Int?
  /// Source: net.ipv4.tcp_max_orphans, which only the initial network namespace shows.
  public var maxOrphans: Int?
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

/// A listening socket. Source: /proc/net/tcp and tcp6.
public struct Listener: Sendable, Hashable {
  public var port: UInt16
  /// Connections that wait for accept().
  public var queue: Int

  public init(port: UInt16, queue: Int) {
    self.port = port
    self.queue = queue
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
  /// TIME_WAITs of ports at which nobody listens, by what a client's port must be unique for. nil: not counted then.
  public var tuplesBefore: [Tuple: Int]?
  public var tuples: [Tuple: Int] = [:]
  /// Connections at such ports in any other state: they have their ports for as long as they last.
  public var openTuples: [Tuple: Int] = [:]

  public init() {}
}

/// TIME_WAITs that one process caused towards one service, or as the server on one port, during the watch.
public struct Flow: Sendable {
  public var netns: UInt32
  /// nil: nobody can be named.
  public var process: Process?
  /// Last part of the path of its executable; nil if it is not known.
  public var executable: String?
  public var role: Role
  public var family: Family
  public var local: Address
  /// Of a client the service that it connects to; of a server its own port, with the address of this end.
  public var service: Endpoint
  public var count: Int
  /// Sums over the connections whose bytes, or whose beginning, are known, and how many those are.
  public var bytes: UInt64 = 0
  public var countWithBytes = 0
  public var lifetimeNanoseconds: UInt64 = 0
  public var countWithLifetime = 0

  public init(
    netns: UInt32, process: Process?, executable: String? = nil, role: Role, family: Family, local: Address,
    service: Endpoint, count: Int
  ) {
    self.netns = netns
    self.process = process
    self.executable = executable
    self.role = role
    self.family = family
    self.local = local
    self.service = service
    self.count = count
  }

  var meanBytes: UInt64? { countWithBytes > 0 ? bytes / UInt64(countWithBytes) : nil }
  var meanLifetime: UInt64? {
    countWithLifetime > 0 ? lifetimeNanoseconds / UInt64(countWithLifetime) : nil
  }
}

/// Connections that one process has not closed, for one reason.
public struct Leak: Sendable {
  public var netns: UInt32
  public var group: LeakReport.Group
  /// How many began during the watch, less those that ended.
  public var grown: Int
  public var descriptorsOpen: Int?
  public var descriptorLimit: Int?

  public init(
    netns: UInt32, group: LeakReport.Group, grown: Int, descriptorsOpen: Int? = nil,
    descriptorLimit: Int? = nil
  ) {
    self.netns = netns
    self.group = group
    self.grown = grown
    self.descriptorsOpen = descriptorsOpen
    self.descriptorLimit = descriptorLimit
  }
}
