import CWire
import Testing

@testable import Events

/// A record as the kernel writes it: bytes with what they mean beside them.
enum Records {
  static func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.split(separator: "\n").flatMap { line in
      (line.split(separator: "|", omittingEmptySubsequences: false).first ?? "").filter { $0.isHexDigit }
    }
    return stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0..<$0 + 2]), radix: 16) }
  }

  static func decode(_ bytes: [UInt8]) throws -> KernelOrigin { try KernelOrigin(bytes.span.bytes) }

  /// A TIME_WAIT that nginx (pid 4123, thread 4125) closed, opened by itself.
  static let timeWait = bytes(
    """
    00e40b5402000000                          | opener: started 10 s after boot
    1b100000 1b100000                         |   pid 4123, tid 4123
    6e67696e780000000000000000000000          |   "nginx"
    00e40b5402000000                          | closer: started 10 s after boot
    1b100000 1d100000                         |   pid 4123, tid 4125
    6e67696e780000000000000000000000          |   "nginx"
    00f8ce0a8088ffff                          | key
    0000000000000000 0000000000000000         | address, namespace
    40a6b3ca04000000                          | time: 20.58 s
    c0b682ca04000000                          | opened: 3.2 ms before
    0000000000000000                          | since
    7800000000000000                          | 120 bytes sent
    0014000000000000                          | 5120 bytes received
    0a000001000000000000000000000000          | local 10.0.0.1
    0a000005000000000000000000000000          | peer 10.0.0.5
    f9ffffef 00000000                         | netns 4026531833, bound to no interface
    00000000 50000000                         | nothing unread, 80 bytes unsent
    22c8 901f                                 | local port 51234, peer port 8080
    01 04 00 01 01 05 01 05 00 00 00 00       | TIME_WAIT, IPv4, client, connect, close, close, FIN_WAIT2
    00000000 00000000                         | hash, phase
    """)
}

@Suite struct `A record of the kernel` {
  @Test func `gives every field of a TIME_WAIT`() throws {
    let origin = try Records.decode(Records.timeWait)
    #expect(origin.kind == .timeWait)
    #expect(origin.opener?.pid == 4123)
    #expect(origin.openerSource == .connect)
    #expect(
      origin.closer == Process(pid: 4123, tid: 4125, comm: Comm("nginx"), startedNanoseconds: 10_000_000_000))
    #expect(origin.cause == .close)
    #expect(origin.enteredFrom == .finWait2)
    #expect(origin.role == .client)
    #expect(
      origin.connection
        == Connection(
          family: .ipv4, netns: 4_026_531_833,
          local: Endpoint(address: Address(ipv4: 10, 0, 0, 1), port: 51234),
          peer: Endpoint(address: Address(ipv4: 10, 0, 0, 5), port: 8080)))
    #expect(origin.unsentBytes == 80)
    #expect(origin.bytesSent == 120)
    #expect(origin.bytesReceived == 5120)
    let opened = try #require(origin.openedNanoseconds)
    #expect(origin.timeNanoseconds - opened == 3_207_040)
  }

  @Test func `names no process where the kernel named none`() throws {
    var record = Records.timeWait
    record.replaceSubrange(0..<64, with: repeatElement(0, count: 64))
    let origin = try Records.decode(record)
    #expect(origin.opener == nil)
    #expect(origin.closer == nil)
  }

  /// Before Linux 5.17 the kernel writes a new name over an old one.
  @Test func `has no more of a name than goes before its end`() throws {
    var record = Records.timeWait
    for (index, byte) in "-master\0\0".utf8.enumerated() { record[48 + 6 + index] = byte }
    let comm = try #require(try Records.decode(record).closer?.comm)
    #expect(comm == Comm("nginx"))
    #expect(Set([comm]).contains(Comm("nginx")))
  }

  @Test func `of a mapped IPv6 socket has the plain IPv4 addresses`() throws {
    var record = Records.timeWait
    record.replaceSubrange(128..<144, with: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1])
    record[181] = 6
    record[182] = 1
    let connection = try Records.decode(record).connection
    #expect(connection.family == .ipv4)
    #expect(connection.isMapped)
    #expect(connection.local.address == Address(ipv4: 127, 0, 0, 1))
  }

  @Test func `of an IPv6 socket keeps all sixteen bytes`() throws {
    var record = Records.timeWait
    let address: [UInt8] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]
    record.replaceSubrange(144..<160, with: address)
    record[181] = 6
    let connection = try Records.decode(record).connection
    #expect(connection.family == .ipv6)
    #expect(connection.peer.address == Address(ipv6: address))
  }

  @Test(arguments: [0, 1, 199, 201, 400])
  func `of another length is refused`(length: Int) {
    let record = [UInt8](repeating: 1, count: length)
    #expect(throws: RecordError.wrongLength(length)) { try Records.decode(record) }
  }

  @Test func `of a kind that this build does not know is refused`() {
    let record = Records.timeWait.enumerated().map { $0 == 180 ? 99 : $1 }
    #expect(throws: RecordError.unknownKind(99)) { try Records.decode(record) }
  }

  @Test func `with a cause beyond the known ones has an unknown cause`() throws {
    var record = Records.timeWait
    record[186] = 200
    #expect(try Records.decode(record).cause == .unknown)
  }
}

@Suite struct `A name of a process` {
  @Test(arguments: ["", "a", "nginx", "exactly-15-char"])
  func `comes back as it went in`(name: String) {
    #expect(Comm(name).bytes == Array(name.utf8))
    #expect(Comm(name).count == name.utf8.count)
  }

  @Test func `ends after fifteen bytes`() {
    #expect(Comm("a name that is too long").bytes == Array("a name that is ".utf8))
  }
}
