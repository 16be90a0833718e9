import Glibc
import Testing

@testable import System

@Suite struct `The host` {
  @Test func `has a kernel of some version`() throws {
    let version = try #require(Host.kernelVersion)
    #expect(Host.kernelRelease.hasPrefix("\(version.major).\(version.minor)"))
  }

  @Test func `counts time from boot as the kernel does`() {
    var uptime = timespec()
    clock_gettime(CLOCK_BOOTTIME, &uptime)
    let boot = Host.bootNanoseconds
    #expect(boot / 1_000_000_000 >= UInt64(uptime.tv_sec))
    #expect(Int64(boot) + Host.bootClockOffsetNanoseconds > 1_700_000_000_000_000_000)
  }
}

@Suite struct `A network namespace` {
  @Test func `is found by its file, and is among all of them`() throws {
    let own = try NetworkNamespace(path: "/proc/self/ns/net")
    var facts = stat()
    #expect(stat("/proc/self/ns/net", &facts) == 0)
    #expect(UInt64(own.inode) == UInt64(facts.st_ino))
    #expect(NetworkNamespace.all().contains { $0.inode == own.inode })
  }

  @Test(arguments: ["/no/such/file", "/proc/self/status", "/", "/proc/self/ns"])
  func `is not made of something else`(path: String) {
    #expect(throws: SystemError.self) { try NetworkNamespace(path: path) }
  }
}

@Suite struct `The use of sockets` {
  private let plain = """
    sockets: used 47
    TCP: inuse 3 orphan 0 tw 17 alloc 4 mem 2
    UDP: inuse 1 mem 0

    """

  @Test func `is the sum of both families`() throws {
    let usage = try #require(SocketUsage(sockstat: plain, sockstat6: "TCP6: inuse 2\nUDP6: inuse 9\n"))
    #expect(usage.inUse == 5)
    #expect(usage.timeWaitSockets == 17)
    #expect(SocketUsage(sockstat: plain, sockstat6: "")?.inUse == 3)
  }

  @Test func `is not made up`() {
    #expect(SocketUsage(sockstat: "", sockstat6: "") == nil)
    #expect(SocketUsage(sockstat: "TCP: inuse\n", sockstat6: "") == nil)
  }

  @Test func `counts a listener of this process`() throws {
    let listener = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    try #require(listener >= 0 && listen(listener, 1) == 0)
    let usage = try #require(SocketUsage.ofThread)
    #expect(usage.inUse > 0)
  }
}
