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
