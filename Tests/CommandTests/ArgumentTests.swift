import Glibc
import Testing

@testable import tcplinger

@Suite struct `A length of time` {
  @Test(
    arguments: [
      ("500ms", 500_000_000), ("1s", 1_000_000_000), ("30s", 30_000_000_000), ("5m", 300_000_000_000),
      ("2h", 7_200_000_000_000), ("2d", 172_800_000_000_000), ("1.5s", 1_500_000_000),
      ("0.25m", 15_000_000_000),
      ("1.5ms", 1_500_000), ("0.000001s", 1000), ("10", 10_000_000_000), ("0", 0), ("0s", 0),
    ] as [(String, UInt64)])
  func `is a number and a unit`(text: String, nanoseconds: UInt64) {
    #expect(DurationArgument(argument: text)?.nanoseconds == nanoseconds)
  }

  @Test(arguments: [
    "", "soon", "s", "ms", "-1s", "+1s", ".5s", "1.s", "1.2.3s", "1.0000001s", "1e3s", "1 s", "1w",
    "99999999999999999999s",
    "9999999h", "99999d",
  ])
  func `is nothing else`(text: String) {
    #expect(DurationArgument(argument: text) == nil)
  }
}

@Suite struct `The name of a network namespace` {
  @Test func `may be an inode number`() throws {
    #expect(try NamespaceArgument.parse("4026531840") == NamespaceArgument(inode: 4_026_531_840))
  }

  @Test func `may be a file, or a pid`() throws {
    let pid = getpid()
    #expect(try NamespaceArgument.parse("/proc/\(pid)/ns/net") == NamespaceArgument.parse("\(pid)"))
  }

  @Test(arguments: ["", "/no/such", "4000000", "-1"])
  func `that stands for none is refused`(text: String) {
    #expect(throws: (any Error).self) { try NamespaceArgument.parse(text) }
  }
}
