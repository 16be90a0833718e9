import CSystem

/// What /proc says of the network namespace of the calling thread. nil, or missing: it could not be read.
public struct NetworkReading: Sendable {
  /// By the names of the files in /proc/sys/net/ipv4, and `somaxconn`.
  public var settings: [String: [Int]] = [:]
  /// The text of ip_local_reserved_ports, often empty.
  public var reservedPorts: String?
  /// As `KernelTables.counters`; empty if there are none.
  public var counters: [String: UInt64] = [:]
  public var statistics: [String: Int] = [:]
  public var listeners: [Listening]?

  private static let names = [
    "ip_local_port_range", "ip_unprivileged_port_start", "tcp_tw_reuse", "tcp_tw_reuse_delay", "tcp_tw_recycle",
    "tcp_timestamps", "tcp_fin_timeout", "tcp_max_tw_buckets", "tcp_ehash_entries",
    "tcp_syncookies", "tcp_max_syn_backlog", "tcp_keepalive_time", "tcp_keepalive_intvl",
    "tcp_keepalive_probes",
  ]

  public init() {
    for name in Self.names { read("ipv4/\(name)", as: name) }
    read("core/somaxconn", as: "somaxconn")
    reservedPorts = Self.reservedPorts
    readCounters()
    // /proc/net is that of the process's first thread, which need not be this one.
    if let text = try? File.text("/proc/thread-self/net/sockstat") {
      statistics = KernelTables.socketStatistics(text)
    }
    do throws(SystemError) {
      var found: [Listening] = []
      try SocketDiagnosis.open().forEachSocket(states: 1 << 10, withCounts: false) { socket in
        found.append(
          Listening(port: socket.local_port, queue: Int(socket.receive_queue), limit: Int(socket.send_queue)))
      }
      listeners = found
    } catch {
      listeners = nil
    }
  }

  /// A listening socket, how many connections wait for accept(), and how many may.
  public struct Listening: Equatable, Sendable {
    public var port: UInt16
    public var queue: Int
    public var limit: Int
  }

  public static var portRange: [Int]? { numbers("ipv4/ip_local_port_range") }

  /// The text of ip_local_reserved_ports, often empty.
  public static var reservedPorts: String? { try? File.text("/proc/sys/net/ipv4/ip_local_reserved_ports") }

  private static func numbers(_ path: String) -> [Int]? {
    (try? File.text("/proc/sys/net/\(path)")).flatMap { KernelTables.numbers($0) }
  }

  private mutating func read(_ path: String, as name: String) { settings[name] = Self.numbers(path) }

  private mutating func readCounters() {
    for table in ["netstat", "snmp"] {
      guard let text = try? File.text("/proc/thread-self/net/\(table)") else { continue }
      counters.merge(KernelTables.counters(text)) { first, _ in first }
    }
  }
}
