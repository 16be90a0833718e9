import Events
import Language

@testable import Diagnosis

/// A host on which nothing is wrong, to be spoilt by a test.
enum Sample {
  static let netns: UInt32 = 4_026_531_840
  static let client = Process(pid: 4123, tid: 4123, comm: Comm("shop"), startedNanoseconds: 1)
  static let local = Address(ipv4: 10, 0, 0, 1)
  static let service = Endpoint(address: Address(ipv4: 10, 0, 0, 5), port: 8080)
  static let tuple = SocketCounts.Tuple(family: .ipv4, local: local, peer: service)
  /// Of the default range.
  static let usable = 28_232

  /// The defaults of Linux 6.18. tcp_tw_reuse is 2, which is of no use to addresses that are not loopback's.
  static let settings: [String: [Int]] = [
    "ip_local_port_range": [32_768, 60_999], "ip_unprivileged_port_start": [1024], "tcp_tw_reuse": [2],
    "tcp_tw_reuse_delay": [1000], "tcp_timestamps": [1], "tcp_fin_timeout": [60],
    "tcp_max_tw_buckets": [131_072],
    "tcp_ehash_entries": [262_144], "tcp_max_orphans": [131_072], "tcp_syncookies": [1],
    "tcp_max_syn_backlog": [1024], "tcp_keepalive_time": [7200], "tcp_keepalive_intvl": [75],
    "tcp_keepalive_probes": [9], "somaxconn": [4096],
  ]

  static let counters =
    [
      "TCPTimeWaitOverflow", "ListenOverflows", "ListenDrops", "TCPReqQFullDrop", "TCPReqQFullDoCookies",
      "TCPAbortOnData", "TCPAbortOnClose", "TCPAbortOnTimeout", "TCPAbortOnMemory",
    ].map { "TcpExt.\($0)" } + ["Tcp.ActiveOpens"]

  static func namespace(_ spoil: (inout NamespaceFacts) -> Void = { _ in }) -> NamespaceFacts {
    var facts = NamespaceFacts(inode: netns)
    facts.settings = settings
    facts.reservedPorts = PortSet([])
    facts.countersBefore = Dictionary(uniqueKeysWithValues: counters.map { ($0, 7) })
    facts.countersAfter = facts.countersBefore
    facts.listeners = [Listener(port: 80, queue: 0)]
    var sockets = SocketCounts()
    sockets.states = ["ESTABLISHED": 12, "LISTEN": 1]
    sockets.tuplesBefore = [:]
    facts.sockets = sockets
    spoil(&facts)
    return facts
  }

  /// Watched for ten seconds.
  static func host(
    _ spoil: (inout Facts) -> Void = { _ in }, _ spoilNamespace: (inout NamespaceFacts) -> Void = { _ in }
  )
    -> Facts
  {
    var facts = Facts(
      watchedNanoseconds: 10_000_000_000, namespaces: [namespace(spoilNamespace)])
    facts.timeWaitSocketBytes = (256, 256)
    facts.orphans = 0
    facts.maxOrphans = 131_072
    spoil(&facts)
    return facts
  }

  static func flow(_ count: Int, _ role: Role = .client, comm: String = "shop", bytes: UInt64 = 500) -> Flow {
    var process = client
    process.comm = Comm(comm)
    var flow = Flow(
      netns: netns, process: process, role: role, family: .ipv4, local: local,
      service: role == .client ? service : Endpoint(address: local, port: 8010), count: count)
    flow.bytes = bytes * UInt64(count)
    flow.countWithBytes = count
    flow.lifetimeNanoseconds = 1_500_000 * UInt64(count)
    flow.countWithLifetime = count
    return flow
  }

  static func closeWait(_ reason: Reason, seconds: UInt64 = 5, isEstimate: Bool = false, port: UInt16 = 50_000)
    -> Origin
  {
    origin(
      .closeWait(
        Origin.CloseWait(
          reason: reason, age: Age(nanoseconds: seconds * 1_000_000_000, isEstimate: isEstimate),
          unreadBytes: 0,
          holders: [Holder(process: client, descriptor: 4)])), port: port)
  }

  static func origin(_ state: Origin.Kind, role: Role = .client, port: UInt16 = 50_000) -> Origin {
    Origin(
      time: WallTime(nanoseconds: 0),
      connection: Connection(
        family: .ipv4, netns: netns, local: Endpoint(address: local, port: port), peer: service),
      role: role, process: client, attribution: .holder, opener: nil, lifetimeNanoseconds: 2_000_000,
      bytesSent: 40,
      bytesReceived: 60, kind: state)
  }

  static func report(_ facts: Facts) -> HealthReport {
    facts.examine(time: WallTime(nanoseconds: 0), kernel: "6.18.0")
  }
}

extension HealthReport {
  func finding(_ rule: String) -> Finding? { findings.first { $0.rule == rule } }
}

extension Finding {
  func figure(_ name: String) -> Double? { figures.first { $0.name == name }?.value }
  func setting(_ name: String) -> Setting? { settings.first { $0.name == name } }
}

extension Text {
  func hasPrefix(_ text: String) -> Bool { description.hasPrefix(text) }
  func contains(_ text: String) -> Bool { description.contains(text) }
}
