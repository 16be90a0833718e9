/// A line of `--json`, as the output contract has it.
public struct TracedEvent: Decodable, Sendable {
  public struct Process: Decodable, Equatable, Sendable {
    public var pid: Int32
    public var tid: Int32
    public var comm: String
    /// nil: such a thread is over.
    public var thread: String?
    public var started: String?
    /// Only of an opener: how it is known.
    public var seen: String?
    public var cmdline: String?
    public var exe: String?
    public var user: String?
    public var unit: String?
    public var container: Container?
    public var pod: Pod?

    public var actor: Actor { Actor(pid: pid, tid: tid, comm: comm) }
  }

  public struct Container: Decodable, Equatable, Sendable {
    public var id: String
    public var name: String?
    public var runtime: String?

    public init(id: String, name: String?, runtime: String?) {
      (self.id, self.name, self.runtime) = (id, name, runtime)
    }
  }

  public struct Pod: Decodable, Equatable, Sendable {
    public var name: String?
    public var namespace: String?
    public var uid: String?

    public init(name: String?, namespace: String?, uid: String?) {
      (self.name, self.namespace, self.uid) = (name, namespace, uid)
    }
  }

  public struct Peer: Decodable, Equatable, Sendable {
    public var pid: Int32
    public var comm: String
    public var cmdline: String?
    public var unit: String?

    public init(pid: Int32, comm: String) { (self.pid, self.comm) = (pid, comm) }

    public static func == (one: Peer, other: Peer) -> Bool { (one.pid, one.comm) == (other.pid, other.comm) }
  }

  public struct Holder: Decodable, Hashable, Sendable {
    public var pid: Int32
    public var comm: String
    public var fd: Int
    /// Present only if it is so.
    public var inherited: Bool?

    public init(pid: Int32, comm: String, fd: Int, inherited: Bool? = nil) {
      self.pid = pid
      self.comm = comm
      self.fd = fd
      self.inherited = inherited
    }
  }

  public struct Account: Decodable, Equatable, Sendable {
    public var seen: Int
    public var attributed: Int

    public init(seen: Int, attributed: Int) {
      self.seen = seen
      self.attributed = attributed
    }
  }

  public struct ProcessAccount: Decodable, Equatable, Sendable {
    public var pid: Int32?
    public var comm: String?
    public var timeWait: Int
    public var closeWait: Int
    public var finWait2: Int

    enum CodingKeys: String, CodingKey {
      case pid, comm
      case timeWait = "time_wait"
      case closeWait = "close_wait"
      case finWait2 = "fin_wait2"
    }
  }

  public struct ServiceAccount: Decodable, Equatable, Sendable {
    public var name: String
    public var processes: Int
    public var timeWait: Int

    enum CodingKeys: String, CodingKey {
      case name, processes
      case timeWait = "time_wait"
    }
  }

  public var event: String
  public var time: String?
  public var family: String?
  public var mapped: Bool?
  public var netns: Int?
  public var role: String?
  public var local: Endpoint?
  public var peer: Endpoint?
  public var process: Process?
  public var opener: Process?
  public var peerProcess: Peer?
  public var attribution: String?
  public var cause: String?
  public var enteredFrom: String?
  public var reason: String?
  public var unreadBytes: Int?
  public var holders: [Holder]?
  public var lifetimeMilliseconds: Double?
  public var ageMilliseconds: Double?
  public var heldMilliseconds: Double?
  public var bytesSent: Int?
  public var bytesReceived: Int?
  public var count: Int?
  public var place: String?
  public var version: String?
  public var kernel: String?
  public var hooks: [String]?
  public var durationSeconds: Double?
  public var timeWaits: Account?
  public var closeWaits: Account?
  public var resets: Account?
  public var lost: Int?
  /// Of a followed command.
  public var leaked: Bool?
  /// Of `leaks --each`: which look it is of.
  public var look: Int?
  public var processes: [ProcessAccount]?
  public var services: [ServiceAccount]?

  enum CodingKeys: String, CodingKey {
    case event, time, family, mapped, netns, role, local, peer, process, opener, attribution, cause
    case reason, holders, count, version, kernel, hooks, lost, processes, leaked, look, services
    case place = "where"
    case enteredFrom = "entered_from"
    case unreadBytes = "unread_bytes"
    case lifetimeMilliseconds = "lifetime_ms"
    case ageMilliseconds = "age_ms"
    case heldMilliseconds = "held_ms"
    case bytesSent = "bytes_sent"
    case bytesReceived = "bytes_received"
    case durationSeconds = "duration_s"
    case timeWaits = "time_wait"
    case closeWaits = "close_wait"
    case resets = "reset"
    case peerProcess = "peer_process"
  }

  /// The line of the summary about this process.
  public func account(of pid: Int32) -> ProcessAccount? {
    processes?.first { $0.pid == pid }
  }
}
