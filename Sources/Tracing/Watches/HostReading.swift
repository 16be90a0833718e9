import Diagnosis
import Events
import Language
import System

/// What the host says of itself at one moment: each network namespace, and the sockets of all.
public struct HostReading {
  public private(set) var namespaces: [UInt32: NetworkReading] = [:]
  /// Of namespaces other than tcplinger's own.
  public private(set) var paths: [UInt32: String] = [:]
  public let census: SocketCensus
  public let slabs: String?
  /// Of the host; only the initial network namespace shows it.
  public let maxOrphans: Int?
  /// What could not be read or counted, each with why.
  public private(set) var refusals: [Text] = []
  /// Open descriptors by pid.
  public let descriptors: [UInt32: (startTicks: UInt64, open: Int)]
  /// When the counters were read, CLOCK_BOOTTIME.
  public let nanoseconds: UInt64

  /// Visits every network namespace, or the one that is asked for, on the calling thread.
  ///
  /// - Parameter withOwners: also whose each socket is, which takes a pass over every open file.
  public init(netns: UInt32?, without: [String] = [], withOwners: Bool = false) throws {
    let own = try? NetworkNamespace(path: "/proc/self/ns/net")
    for namespace in NetworkNamespace.all() where netns == nil || netns == namespace.inode {
      do {
        if namespace.inode != own?.inode { paths[namespace.inode] = namespace.path }
        namespaces[namespace.inode] = try namespace.enter { NetworkReading() }
      } catch let error as SystemError {
        // One that has vanished is no loss; one that may not be entered is.
        if error.isPermission {
          refusals.append("network namespace \(namespace.inode): \(error); CAP_SYS_ADMIN is needed")
        }
      }
    }
    // Read counters first, as rates need an exact time; counting sockets takes a while.
    nanoseconds = Host.bootNanoseconds
    var filters = TraceSettings()
    filters.netns = netns
    filters.without = without
    census = try CensusReader.read(
      CensusSettings(filters, details: withOwners ? [.tuple, .owner, .context] : .tuple)
    )
    .census
    if census.uncounted > 0 {
      refusals.append("\(census.uncounted) sockets had no room in the count: what is said of ports is too low")
    }
    slabs = try? File.text("/proc/slabinfo")
    maxOrphans = (try? File.text("/proc/sys/net/ipv4/tcp_max_orphans")).flatMap {
      KernelTables.numbers($0)?.first
    }
    descriptors = Descriptors.counts()
  }
}

extension Facts {
  /// The two readings of a watch, side by side. A namespace that was there for a part of it only is judged by what the
  /// later reading has; one that has vanished is left out.
  public init(_ before: HostReading, _ after: HostReading) {
    self.init(
      watchedNanoseconds: after.nanoseconds - before.nanoseconds,
      namespaces: after.namespaces.keys.sorted().compactMap { inode in
        after.namespaces[inode].map { reading in
          var facts = NamespaceFacts(inode: inode)
          facts.path = after.paths[inode]
          facts.settings = reading.settings
          facts.reservedPorts = reading.reservedPorts.flatMap { PortRange.reserved($0) }
          facts.countersBefore = before.namespaces[inode]?.counters ?? [:]
          facts.countersAfter = reading.counters
          facts.listeners = reading.listeners?.map { Listener(port: $0.port, queue: $0.queue, limit: $0.limit) }
          facts.sockets = SocketCounts(of: inode, before: before.census, after: after.census)
          return facts
        }
      })
    timeWaitSocketBytes = (
      after.slabs.flatMap { KernelTables.objectSize(of: "tw_sock_TCP", $0) },
      after.slabs.flatMap { KernelTables.objectSize(of: "tw_sock_TCPv6", $0) }
    )
    orphans = after.namespaces.values.compactMap { $0.statistics["TCP.orphan"] }.max()
    maxOrphans = after.maxOrphans
  }
}
