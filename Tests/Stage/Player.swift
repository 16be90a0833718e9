import Glibc

/// A thread of a player as it was when it acted.
public struct Actor: Equatable, Sendable {
  public var pid: Int32
  public var tid: Int32
  public var comm: String

  public init(pid: Int32, tid: Int32, comm: String) {
    self.pid = pid
    self.tid = tid
    self.comm = comm
  }
}

/// What a player answered.
public struct Answer {
  public let actor: Actor
  let innerPid: Int32
  let values: [String: String]
  let passed: Int32?

  public func text(_ key: String) throws -> String {
    guard let value = values[key] else { throw Failure("the player's answer has no \(key)") }
    return value
  }

  public func number(_ key: String) throws -> Int {
    guard let number = Int(try text(key)) else { throw Failure("\(key) is no number") }
    return number
  }
}

/// A process that holds sockets and does with them what the test says: see Tests/Player.
public final class Player {
  /// In the initial pid namespace, as the tracer shows it.
  public let pid: Int32
  private let channel: Channel
  private let child: Child?
  /// Of the process, as last set; a thread has its own.
  public private(set) var comm: String
  /// Its inode number.
  public private(set) var networkNamespace = 0

  public init(_ name: String = "player") throws {
    let (ours, theirs) = try Channel.pair()
    defer { Glibc.close(theirs) }
    let child = try Child(
      Programs.player, [], input: theirs, output: .descriptor(theirs), errors: .descriptor(2))
    self.child = child
    pid = child.pid
    channel = ours
    comm = name
    try rename(Array(name.utf8))
    networkNamespace = try obey("whichns").number("netns")
  }

  private init(forkedFrom parent: Player, pid: Int32, channel: Channel) {
    self.pid = pid
    self.channel = channel
    child = nil
    comm = parent.comm
    networkNamespace = parent.networkNamespace
  }

  /// Does the command and returns the answer; an error in the answer is thrown.
  @discardableResult
  public func obey(_ command: String) throws -> Answer {
    try channel.send(command)
    return try answer(to: command)
  }

  private func answer(to command: String) throws -> Answer {
    let (text, passed) = try channel.receive()
    let words = text.split { $0 == " " || $0 == "\n" }.map(String.init)
    guard words.count >= 3, let inner = Int32(words[0]), let tid = Int32(words[1]) else {
      throw Failure("\(comm) answers “\(text)” to “\(command)”")
    }
    guard words[2] == "ok" else {
      throw Failure("\(comm) cannot \(command): \(words.dropFirst(4).joined(separator: " "))")
    }
    var values: [String: String] = [:]
    for word in words.dropFirst(3) {
      let halves = word.split(separator: "=", maxSplits: 1).map(String.init)
      if halves.count == 2 { values[halves[0]] = halves[1] }
    }
    // In a pid namespace of its own it knows neither number; its first thread has the process's.
    let actor = Actor(pid: pid, tid: inner == pid ? tid : pid, comm: comm)
    return Answer(actor: actor, innerPid: inner, values: values, passed: passed)
  }

  /// Names the process; any bytes but zero, at most 15.
  public func rename(_ bytes: [UInt8]) throws {
    let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    try obey("name \(digits)")
    comm = String(decoding: bytes, as: UTF8.self)
  }

  /// A child with copies of all descriptors.
  public func fork(_ kind: String = "") throws -> Player {
    let answer = try obey("fork \(kind)")
    guard let passed = answer.passed else { throw Failure("no channel came with a fork") }
    return Player(
      forkedFrom: self, pid: Int32(try answer.number("pid")), channel: Channel(owning: passed))
  }

  /// The program starts anew, with the same pid and descriptors, and gets its name again.
  public func exec() throws {
    try obey("exec")
    try rename(Array(comm.utf8))
  }

  /// The process ends itself.
  @discardableResult
  public func exit() throws -> Actor {
    let actor = try obey("exit").actor
    try awaitEnd()
    return actor
  }

  @discardableResult
  public func kill() throws -> Actor {
    Glibc.kill(pid, SIGKILL)
    try awaitEnd()
    return Actor(pid: pid, tid: pid, comm: comm)
  }

  private func awaitEnd() throws {
    if let child {
      _ = try child.end()
    } else if !eventually({ Glibc.kill(self.pid, 0) != 0 }) {
      throw Failure("\(comm) does not end")
    }
  }

  /// Its pid as it sees it itself.
  public var innerPid: Int32 {
    get throws { try obey("whichns").innerPid }
  }

  /// A new network namespace with lo up, for this player and the children it has from now on.
  public func enterNewNetworkNamespace() throws {
    networkNamespace = try obey("netns").number("netns")
  }

  /// A counter of the player's network namespace, such as TCPTimeWaitOverflow. Source: /proc/PID/net/netstat.
  public func networkCounter(_ name: String) throws -> Int {
    let rows = (readFile("/proc/\(pid)/net/netstat") ?? "").split(separator: "\n")
      .filter { $0.hasPrefix("TcpExt:") }.map { $0.split(separator: " ") }
    guard rows.count == 2, let column = rows[0].firstIndex(of: Substring(name)),
      let count = Int(rows[1][column])
    else { throw Failure("there is no counter \(name)") }
    return count
  }

  /// Of the player's network namespace.
  public func setSysctl(_ path: String, _ values: Int...) throws {
    // A space would end the word; to the kernel a tab is as good.
    try obey("sysctl \(path) \(values.map(String.init).joined(separator: "\t"))")
  }

  public func listen(
    at address: String = "127.0.0.1", port: Int = 0, _ options: String = ""
  ) throws -> Socket {
    try Socket(self, obey("listen \(address) \(port) \(options)"))
  }

  public func connect(to endpoint: Endpoint) throws -> Socket {
    try connectAs(to: endpoint).socket
  }

  /// With the thread that did it, which is another one if wanted.
  public func connectAs(
    to endpoint: Endpoint, inThread: Bool = false
  ) throws -> (socket: Socket, actor: Actor) {
    let prefix = inThread ? "thread " : ""
    let answer = try obey("\(prefix)connect \(endpoint.address) \(endpoint.port)")
    return (try Socket(self, answer), answer.actor)
  }

  /// Two unix sockets to pass descriptors through, for this player and a child that it has afterwards.
  public func makeChannel() throws -> (one: Int, other: Int) {
    let answer = try obey("channel")
    return (try answer.number("one"), try answer.number("other"))
  }

  public func pass(_ socket: Socket, through channel: Int) throws {
    try pass(descriptor: socket.fd, through: channel)
  }

  public func pass(descriptor: Int, through channel: Int) throws {
    try obey("sendfd \(channel) \(descriptor)")
  }

  public func close(_ descriptor: Int) throws {
    try obey("close \(descriptor)")
  }

  public func receive(_ socket: Socket, through channel: Int) throws -> Socket {
    socket.held(by: self, as: try obey("recvfd \(channel)").number("fd"))
  }
}
