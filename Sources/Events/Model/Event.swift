/// What every output prints, live or replayed. docs/events.md is the contract for the fields.
public enum Event: Sendable {
  case start(Start)
  case origin(Origin)
  case lost(Loss)
  case summary(Summary)
}

/// Tracing has begun: what happens from here on is seen.
public struct Start: Sendable {
  public var time: WallTime
  public var version: String
  public var kernel: String
  public var hooks: [String]
  /// Better hooks that are not used, each with why.
  public var refusals: [Refusal]

  public struct Refusal: Sendable, Equatable {
    public var hook: String
    public var reason: String
    /// What is degraded without it; nil: nothing.
    public var lost: String?
    /// No other program stands in for it.
    public var isFelt: Bool

    public init(hook: String, reason: String, lost: String? = nil, isFelt: Bool = false) {
      self.hook = hook
      self.reason = reason
      self.lost = lost
      self.isFelt = isFelt
    }
  }

  public init(time: WallTime, version: String, kernel: String, hooks: [String], refusals: [Refusal]) {
    self.time = time
    self.version = version
    self.kernel = kernel
    self.hooks = hooks
    self.refusals = refusals
  }
}

/// A connection in a state that a process is responsible for.
public struct Origin: Sendable {
  public var time: WallTime
  public var connection: Connection
  public var role: Role
  /// The process held responsible; nil if it is not known.
  public var process: Process?
  public var attribution: Attribution
  public var opener: Opener?
  /// From connect(), or the end of a passive handshake; nil for a connection older than the tracer.
  public var lifetimeNanoseconds: UInt64?
  /// Payload, each byte once; nil where the kernel no longer knows (a time_wait socket older than the tracer).
  public var bytesSent: UInt64?
  public var bytesReceived: UInt64?
  public var kind: Kind
  /// The process at the other end, if that is on this host and known.
  public var peerProcess: Process?
  /// Where address translation (NAT) lies between: the connection as the other end has it.
  public var farEnd: Connection?
  /// The names of the threads that acted; nil: such a thread is over.
  public var thread: Comm?
  public var openerThread: Comm?

  /// What happened to it: a state was entered, or left, or a reset was sent.
  public enum Kind: Sendable {
    case timeWait(cause: Cause, enteredFrom: TCPState?)
    case finWait2(cause: Cause, age: Age)
    case closeWait(CloseWait)
    case closeWaitEnd(cause: Cause, held: Age)
    /// This end has sent a reset.
    case reset(cause: Cause)
  }

  public struct CloseWait: Sendable {
    public var reason: Reason
    public var age: Age
    public var unreadBytes: UInt32
    /// Written by the application, and not acknowledged by the peer (ss: Send-Q).
    public var unsentBytes: UInt32
    public var holders: [Holder]
    /// For `notAccepted`: how full the listener's queue is.
    public var acceptQueue: AcceptQueue?
    /// For `notAccepted`: everybody who has the listener, and could accept.
    public var listeners: [Holder]

    public init(
      reason: Reason, age: Age, unreadBytes: UInt32, unsentBytes: UInt32 = 0, holders: [Holder],
      acceptQueue: AcceptQueue? = nil, listeners: [Holder] = []
    ) {
      self.listeners = listeners
      self.unsentBytes = unsentBytes
      self.acceptQueue = acceptQueue
      self.reason = reason
      self.age = age
      self.unreadBytes = unreadBytes
      self.holders = holders
    }
  }

  public init(
    time: WallTime, connection: Connection, role: Role, process: Process?, attribution: Attribution,
    opener: Opener?, lifetimeNanoseconds: UInt64?, bytesSent: UInt64?, bytesReceived: UInt64?, kind: Kind
  ) {
    self.time = time
    self.connection = connection
    self.role = role
    self.process = process
    self.attribution = attribution
    self.opener = opener
    self.lifetimeNanoseconds = lifetimeNanoseconds
    self.bytesSent = bytesSent
    self.bytesReceived = bytesReceived
    self.kind = kind
  }
}

extension Origin {
  /// Adds to everybody who is named in it what that process is.
  mutating func describeProcesses(_ context: (Process) -> ProcessContext?) {
    if let process { self.process?.context = context(process) }
    if let opener = opener?.process {
      self.opener?.process.context = opener == process ? process?.context : context(opener)
    }
    if let peerProcess { self.peerProcess?.context = context(peerProcess) }
    guard case .closeWait(var closeWait) = kind else { return }
    for index in closeWait.holders.indices {
      closeWait.holders[index].process.context = context(closeWait.holders[index].process)
    }
    for index in closeWait.listeners.indices {
      closeWait.listeners[index].process.context = context(closeWait.listeners[index].process)
    }
    kind = .closeWait(closeWait)
  }
}

/// How the process held responsible is known.
public enum Attribution: String, Sendable {
  case traced, seeded, holder, listener, unknown
}

/// The process that made the connection usable, and how it was seen to.
public struct Opener: Sendable, Equatable {
  public enum Evidence: String, Sendable {
    case connect, accept
    case firstRead = "first_read"
  }

  public var process: Process
  public var evidence: Evidence

  public init(process: Process, evidence: Evidence) {
    self.process = process
    self.evidence = evidence
  }
}

public enum Cause: String, Sendable {
  case close, shutdown, exit, reset, unknown
  /// SO_LINGER with a time of 0.
  case linger
  case unreadData = "unread_data"
  case dataAfterClose = "data_after_close"
  /// Its listener was closed before it was accepted.
  case listenerClosed = "listener_closed"
  /// connect() to AF_UNSPEC.
  case disconnect
  /// TCP_LINGER2 below 0.
  case linger2 = "tcp_linger2"
}

/// Why a connection stays in CLOSE_WAIT, read from the socket itself.
public enum Reason: String, Sendable {
  case notAccepted = "not_accepted"
  case dataUnread = "data_unread"
  case eofUnread = "eof_unread"
  case eofRead = "eof_read"
  case unknown
}

/// Connections that wait for accept(). Source: `sock.sk_ack_backlog` and `sk_max_ack_backlog` of the listener.
public struct AcceptQueue: Sendable, Equatable {
  public var length: UInt32
  /// The backlog of listen(), cut to net.core.somaxconn.
  public var limit: UInt32

  public init(length: UInt32, limit: UInt32) {
    self.length = length
    self.limit = limit
  }
}

/// How long a state has lasted.
public struct Age: Sendable, Equatable {
  public var nanoseconds: UInt64
  /// Derived from the peer's last packet or from a timer, because the state began before the trace.
  public var isEstimate: Bool

  public init(nanoseconds: UInt64, isEstimate: Bool = false) {
    self.nanoseconds = nanoseconds
    self.isEstimate = isEstimate
  }
}

/// A process that has a descriptor of the socket open.
public struct Holder: Sendable, Equatable {
  public var process: Process
  public var descriptor: UInt32
  /// Who started it, or adopted it, by pid; nil if that was not asked.
  public var parent: UInt32?
  /// It got the socket from its parent. False also where that is not known.
  public var isInherited = false

  public init(process: Process, descriptor: UInt32, parent: UInt32? = nil) {
    self.process = process
    self.descriptor = descriptor
    self.parent = parent
  }
}

/// Events that could not be kept.
public struct Loss: Sendable, Equatable {
  public enum Place: String, Sendable, CaseIterable {
    /// The ring buffer was full: the reader was too slow.
    case ringBuffer = "ring_buffer"
    /// No room to remember a connection: it is missing, or its opener is.
    case socketMemory = "socket_memory"
    /// A record that this build cannot read.
    case malformed
    /// A process that a followed command started could not be added to those that are followed.
    case followedProcesses = "followed_processes"
    /// A connection that had sent the first FIN vanished between two looks: whether it reached TIME_WAIT is unknown.
    case unconfirmed
    /// The kernel skipped a program because it interrupted the same program on the same processor.
    case skippedRun = "skipped_run"
    /// The map that TIME_WAITs are counted in was full: some were not counted.
    case counts
    /// The output was slower than the events: a slow terminal, a blocked pipe.
    case output
  }

  public var time: WallTime
  public var count: UInt64
  public var place: Place

  /// May a CLOSE_WAIT, or its process, be among the lost events?
  public var mayHideLeak: Bool {
    switch place {
    case .ringBuffer, .socketMemory, .malformed, .followedProcesses, .skippedRun: true
    case .unconfirmed, .counts: false  // what is missing is a TIME_WAIT
    case .output: false  // it was counted
    }
  }

  /// For the line below a table.
  public static func summary(of lost: [Place: UInt64]) -> String {
    let parts = Place.allCases.compactMap { place in lost[place].map { "\(place.rawValue) \($0)" } }
    return parts.isEmpty ? "Nothing was lost." : "lost: " + parts.joined(separator: ", ")
  }

  public init(time: WallTime, count: UInt64, place: Place) {
    self.time = time
    self.count = count
    self.place = place
  }
}
