import CSystem
import Glibc
import Testing

@testable import System

/// Two sockets that are connected to each other over loopback, and the listener, until the value dies.
private struct Pair: ~Copyable {
  let (listener, client, server): (Int32, Int32, Int32)

  /// `mapped`: both have the family IPv6, and IPv4 underneath.
  init(ipv6: Bool = false, mapped: Bool = false) throws {
    let ipv6 = ipv6 || mapped
    let family = ipv6 ? AF_INET6 : AF_INET
    let listener = socket(family, Int32(SOCK_STREAM.rawValue), 0)
    let client = socket(family, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_storage()
    var length = socklen_t(ipv6 ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size)
    address.ss_family = sa_family_t(family)
    if mapped {
      withUnsafeMutableBytes(of: &address) {  // ::ffff:127.0.0.1
        ($0[8 + 10], $0[8 + 11], $0[8 + 12], $0[8 + 15]) = (0xff, 0xff, 127, 1)
      }
    } else if ipv6 {
      withUnsafeMutableBytes(of: &address) { $0[8 + 15] = 1 }  // ::1
    } else {
      withUnsafeMutableBytes(of: &address) { ($0[4], $0[7]) = (127, 1) }
    }
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(listener, address, length) + listen(listener, 1) + getsockname(listener, address, &length)
          + connect(client, address, length)
      }
    }
    let server = accept(listener, nil, nil)
    try #require(result == 0 && server >= 0)
    (self.listener, self.client, self.server) = (listener, client, server)
  }

  deinit { for descriptor in [listener, client, server] { close(descriptor) } }

  /// The client first, which is left with TIME_WAIT.
  func closeBoth() {
    var byte: UInt8 = 0
    shutdown(client, Int32(SHUT_WR))
    _ = recv(server, &byte, 1, 0)
    shutdown(server, Int32(SHUT_WR))
    _ = recv(client, &byte, 1, 0)
  }

  static func inode(_ descriptor: Int32) -> UInt32 {
    var facts = stat()
    fstat(descriptor, &facts)
    return UInt32(truncatingIfNeeded: facts.st_ino)
  }
}

private let established: UInt32 = 1
private let timeWait: UInt32 = 6
private let closeWait: UInt32 = 8
private let listening: UInt32 = 10

/// Glibc's module leaves it out; one int in and out is the same in C and in Swift.
@_silgen_name("unshare") private func unshare(_ flags: Int32) -> Int32
/// Source: include/uapi/linux/sched.h, CLONE_NEWNET.
private let cloneNewNet: Int32 = 0x4000_0000

@Suite struct `The kernel, asked for its sockets` {
  private func socket(_ inode: UInt32, _ states: UInt32...) throws -> DiagnosedSocket {
    var found: [DiagnosedSocket] = []
    let mask = states.reduce(UInt32(0)) { $0 | 1 << $1 }
    try SocketDiagnosis.open().forEachSocket(states: mask) { if $0.inode == inode { found.append($0) } }
    return try #require(found.first)
  }

  @Test(arguments: [false, true]) func `gives a socket with its tuple, state, counts and file`(ipv6: Bool)
    throws
  {
    let pair = try Pair(ipv6: ipv6)
    #expect(send(pair.client, "hello", 5, 0) == 5)
    shutdown(pair.client, Int32(SHUT_WR))
    let (listener, server) = (
      try socket(Pair.inode(pair.listener), listening),
      try socket(Pair.inode(pair.server), closeWait)
    )
    #expect(listener.local_port == server.local_port && server.family == (ipv6 ? 6 : 4))
    #expect(UInt32(server.state) == closeWait && !server.is_time_wait)
    // The peer's FIN counts as a byte.
    #expect(server.receive_queue == 6 && server.has_counts && server.bytes_received == 6)
    #expect(server.cookie != 0)
  }

  @Test(arguments: [false, true]) func `finds a socket by its tuple and cookie, and no other`(ipv6: Bool) throws
  {
    let pair = try Pair(ipv6: ipv6)
    let wanted = try socket(Pair.inode(pair.server), established)
    let diagnosis = try SocketDiagnosis.open()
    #expect(try diagnosis.find(wanted)?.inode == wanted.inode)
    var other = wanted
    other.cookie += 1
    #expect(try diagnosis.find(other) == nil)
    other.cookie = SocketDiagnosis.anyCookie
    #expect(try diagnosis.find(other)?.inode == wanted.inode)
    // Nobody has this one, and its listener is no answer.
    other.peer_port ^= 1
    #expect(try diagnosis.find(other)?.inode != wanted.inode)
  }

  @Test func `finds a v4-mapped socket by its mapped addresses`() throws {
    let pair = try Pair(mapped: true)
    let wanted = try socket(Pair.inode(pair.server), established)
    #expect(wanted.family == 6)
    let address = withUnsafeBytes(of: wanted.peer_address) { Array($0) }
    #expect(address == [UInt8](repeating: 0, count: 10) + [0xff, 0xff, 127, 0, 0, 1])
    let found = try #require(try SocketDiagnosis.open().find(wanted))
    #expect(found.inode == wanted.inode && found.cookie == wanted.cookie && found.family == 6)
  }

  @Test func `finds the time_wait socket under the cookie of the one that was closed`() throws {
    let pair = try Pair()
    let wanted = try socket(Pair.inode(pair.client), established)
    pair.closeBoth()
    let diagnosis = try SocketDiagnosis.open()
    let found = try #require(try diagnosis.find(wanted))
    #expect(UInt32(found.state) == timeWait && found.is_time_wait)
    #expect(found.inode == 0 && !found.has_counts)
    #expect((1...60_000).contains(found.timer_ms))
    var dumped: [UInt64] = []
    try diagnosis.forEachSocket(states: 1 << timeWait) { if $0.is_time_wait { dumped.append($0.cookie) } }
    #expect(dumped.contains(wanted.cookie))
  }

  @Test func `finds a listener only by its cookie`() throws {
    let pair = try Pair()
    var wanted = try socket(Pair.inode(pair.listener), listening)
    let diagnosis = try SocketDiagnosis.open()
    #expect(try diagnosis.find(wanted)?.inode == wanted.inode)
    wanted.cookie = SocketDiagnosis.anyCookie
    #expect(try diagnosis.find(wanted) == nil)
  }

  @Test func `leaves the counts out when they are not asked for`() throws {
    let pair = try Pair()
    let wanted = try socket(Pair.inode(pair.server), established)
    let diagnosis = try SocketDiagnosis.open()
    #expect(try diagnosis.find(wanted)?.has_counts == true)
    #expect(try diagnosis.find(wanted, withCounts: false)?.has_counts == false)
  }

  /// More than fit into one request, every third of them gone.
  private func questions(about pair: borrowing Pair) throws -> [DiagnosedSocket] {
    let (client, server) = (
      try socket(Pair.inode(pair.client), established), try socket(Pair.inode(pair.server), established)
    )
    return (0..<200).map { index in
      var wanted = index.isMultiple(of: 2) ? client : server
      if index.isMultiple(of: 3) { wanted.cookie += 1 << 40 }
      return wanted
    }
  }

  @Test func `answers many questions in their order`() throws {
    let pair = try Pair()
    let open = try questions(about: pair)
    let found = try SocketDiagnosis.open().find(open)
    #expect(found.map { $0?.cookie } == open.enumerated().map { $0.isMultiple(of: 3) ? nil : $1.cookie })
    #expect(try SocketDiagnosis.open().find([]).isEmpty)
  }

  @Test func `asks again when the queue has no room for the answers`() throws {
    let pair = try Pair()
    let wanted = try questions(about: pair)
    let descriptor = csystem_diagnosis_open()
    defer { close(descriptor) }
    var size: Int32 = 1  // the kernel makes it its least, about 2 KB
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout.size(ofValue: size)))
    var found = [DiagnosedSocket](repeating: DiagnosedSocket(), count: wanted.count)
    #expect(csystem_diagnosis_find(descriptor, wanted, &found, wanted.count, true) == 0)
    #expect(found.map(\.cookie) == wanted.enumerated().map { $0.isMultiple(of: 3) ? 0 : $1.cookie })
    #expect(csystem_diagnosis_each(descriptor, 1 << established, true, { _, _ in }, nil) == 0)
  }

  @Test(.enabled(if: geteuid() == 0, "needs root"))
  func `goes on asking in the network namespace in which it was opened`() throws {
    let pair = try Pair()
    let question = Question(try socket(Pair.inode(pair.server), established))
    var thread = pthread_t()
    // The thread ends in its own namespace and is joined below, until when `question` lives.
    let result = pthread_create(
      &thread, nil,
      { context in
        guard let context else { return nil }
        Unmanaged<Question>.fromOpaque(context).takeUnretainedValue().askFromBothSides()
        return nil
      }, Unmanaged.passUnretained(question).toOpaque())
    try #require(result == 0)
    withExtendedLifetime(question) { _ = pthread_join(thread, nil) }
    #expect(question.outside == question.wanted.cookie)
    #expect(question.inside == 0)
  }

  private final class Question {
    let wanted: DiagnosedSocket
    var (outside, inside): (UInt64?, UInt64?) = (nil, nil)
    init(_ wanted: DiagnosedSocket) { self.wanted = wanted }

    func askFromBothSides() {
      guard let outer = try? SocketDiagnosis.open(), unshare(cloneNewNet) == 0,
        let inner = try? SocketDiagnosis.open()
      else { return }
      outside = (try? outer.find(wanted))?.cookie
      inside = (try? inner.find([wanted])).map { $0.first??.cookie ?? 0 }
    }
  }

  @Test func `names who has a socket open by /proc`() throws {
    let pair = try Pair()
    let inode = Pair.inode(pair.server)
    var found: [OpenSockets.Descriptor] = []
    OpenSockets.forEach { if $0.inode == inode { found.append($0) } }
    #expect(found.map(\.pid) == [UInt32(getpid())])
    #expect(found.first?.number == UInt32(pair.server) && found.first?.parent == UInt32(getppid()))
  }

  @Test func `knows a family by its parents`() {
    let family = ProcessFamily(of: UInt32(getppid()))
    #expect(family.contains(UInt32(getpid())) && family.contains(UInt32(getppid())))
    #expect(!family.contains(1) || getppid() == 1)
    #expect(!family.contains(4_000_000_000))
  }
}
