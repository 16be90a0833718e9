/// How many TCP sockets a network namespace has, as the kernel keeps count of it.
public struct SocketUsage: Equatable, Sendable {
  /// In the tables: listening, connected or closing, over IPv4 and IPv6.
  public var inUse = 0
  /// Time_wait sockets: TIME_WAIT, and FIN_WAIT2 after close().
  public var timeWaitSockets = 0
  /// Of all namespaces together, time_wait sockets not counted.
  public var allocated = 0

  /// Of the namespace that the calling thread is in; nil if `/proc` does not say.
  ///
  /// Source: `sockstat_seq_show()` and its like of IPv6, net/ipv4/proc.c and net/ipv6/proc.c.
  public static var ofThread: SocketUsage? {
    guard let text = try? File.text("/proc/thread-self/net/sockstat") else { return nil }
    // Absent where there is no IPv6.
    let text6 = (try? File.text("/proc/thread-self/net/sockstat6")) ?? ""
    return SocketUsage(sockstat: text, sockstat6: text6)
  }

  init?(sockstat: String, sockstat6: String) {
    let counts = KernelTables.socketStatistics(sockstat)
    guard let inUse = counts["TCP.inuse"], let timeWaitSockets = counts["TCP.tw"] else { return nil }
    self.inUse = inUse + (KernelTables.socketStatistics(sockstat6)["TCP6.inuse"] ?? 0)
    self.timeWaitSockets = timeWaitSockets
    allocated = counts["TCP.alloc"] ?? 0
  }
}
