import Events
import Language

/// Why a process does not close a connection whose peer has, as far as the socket shows.
enum Neglect: Hashable {
  case notAccepted
  /// A client's idle connection with at most a goodbye unread: its pool does not watch it.
  case idlePool
  case blockedInSend
  case dataUnread
  case eofUnread
  case eofRead
  case inFlight
  case unknown

  /// TLS close_notify is 31 bytes, PostgreSQL's FATAL some 120, MySQL's goodbye some 80.
  private static let goodbyeBytes = 512

  init(_ leak: Leak) {
    let group = leak.group
    let isIdleClient = group.clients == group.count && group.mostUnread <= Self.goodbyeBytes
    self =
      switch group.reason {
      case .notAccepted: .notAccepted
      case _ where group.unheld == group.count: .inFlight
      case _ where 2 * group.blocked >= group.count: .blockedInSend
      case .dataUnread: isIdleClient ? .idlePool : .dataUnread
      case .eofUnread: isIdleClient ? .idlePool : .eofUnread
      case .eofRead: .eofRead
      case .unknown, nil: .unknown
      }
  }

  var seen: Text {
    switch self {
    case .notAccepted: "nobody has called accept() for them"
    case .idlePool:
      "idle connections of a client, with the server's goodbye unread at most: a pool that does not watch them between uses"
    case .blockedInSend:
      "the process writes, and the peer does not read: it is blocked in send(), or waits to write"
    case .dataUnread: "data before the end is unread: the application does not read now"
    case .eofUnread: "only the end of file is unread: the application neither reads nor polls them now"
    case .eofRead:
      "all is read, perhaps the end with the last data: likely a leak of descriptors, or the process is still at work"
    case .inFlight:
      "no process has them open: in flight in a unix socket (SCM_RIGHTS), or registered with io_uring"
    case .unknown: "how far the application has read is not known"
    }
  }

  var remedy: Text {
    switch self {
    case .notAccepted:
      "find what keeps the process from calling accept(): other work, a lock, no descriptor left"
    case .idlePool:
      """
      let the pool drop idle connections before the server does (an idle time shorter than the server's), and test a \
      connection before it is used; closing them costs nothing
      """
    case .blockedInSend:
      """
      give writes a time limit: SO_SNDTIMEO, TCP_USER_TIMEOUT, or the send timeout of the server; and look at the \
      peer, which takes no data
      """
    case .dataUnread: "find what the reading thread does instead: another request, a lock, its own peer"
    case .eofUnread:
      "look for connections that the event loop no longer watches, or a worker that is busy; read them, and close at the end of file"
    case .eofRead: "look for a path that reads 0 bytes, or an error, and returns without close()"
    case .inFlight: "find the process that should receive them (ss -xp), or that has the io_uring"
    case .unknown: "tcplinger leaks --each shows each of them"
    }
  }

  var certainty: Finding.Certainty {
    switch self {
    case .notAccepted, .blockedInSend, .inFlight: .certain
    case .idlePool, .dataUnread, .eofUnread, .eofRead: .likely
    case .unknown: .possible
    }
  }

  var grounds: Text {
    switch self {
    case .eofRead:
      "the kernel counts the end of file as read with the last byte: read() need not have returned 0 yet"
    case .idlePool: "the state and what is unread are the socket's own; that it is a pool is a guess"
    default: "the state, and how far the application has read, are the socket's own"
    }
  }
}

/// The services that connections are of, for people and for JSON.
enum Services {
  static func of(_ leaks: [Leak]) -> [Finding.Service] {
    var counts: [LeakReport.Peer: (server: Bool, count: Int)] = [:]
    for leak in leaks {
      let isServer = leak.group.clients < leak.group.count
      for (service, count) in leak.group.busiestServices(.max) {
        counts[service, default: (isServer, 0)].count += count
      }
    }
    return counts.map { service, known in
      Finding.Service(
        family: service.family, address: service.address, port: service.port, isServer: known.server,
        count: known.count)
    }.sorted { ($1.count, $0.address.low, $0.port ?? 0) < ($0.count, $1.address.low, $1.port ?? 0) }
  }
}

extension Finding.Service {
  /// `10.0.0.1:80`, `[2001:db8::1]:443`.
  var text: String {
    let name = address.text(family)
    guard let port else { return name }
    return family == .ipv6 ? "[\(name)]:\(port)" : "\(name):\(port)"
  }
}
