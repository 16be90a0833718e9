import Testing

@testable import System

@Suite struct `The tables of the kernel` {
  @Test func `are read by name, whatever the order of the columns`() {
    let counters = KernelTables.counters(
      """
      TcpExt: SyncookiesSent ListenDrops TW
      TcpExt: 1 18446744073709551615 3
      IpExt: InOctets
      IpExt: 9

      """)
    #expect(
      counters == [
        "TcpExt.SyncookiesSent": 1, "TcpExt.ListenDrops": .max, "TcpExt.TW": 3, "IpExt.InOctets": 9,
      ])
  }

  @Test(
    arguments: [
      ("", [:]),
      ("TcpExt: A B C\nTcpExt: 1\n", ["TcpExt.A": 1]),
      ("TcpExt: A\nTcpExt: 1 2 3\n", ["TcpExt.A": 1]),
      ("TcpExt: A B\nTcpExt: 18446744073709551616 2\n", ["TcpExt.B": 2]),
      ("Tcp: MaxConn A\nTcp: -1 5\n", ["Tcp.A": 5]),
      ("TcpExt: A\nIpExt: B\nIpExt: 2\n", ["IpExt.B": 2]),
      ("no colon\n\u{0}\u{1b}[31m: x\n", [:]),
      ("TcpExt:\nTcpExt:\n", [:]),
    ] as [(String, [String: UInt64])])
  func `leave out what is missing, too large or no number`(text: String, counters: [String: UInt64]) {
    #expect(KernelTables.counters(text) == counters)
  }

  @Test(
    arguments: [
      ("sockets: used 25\nTCP: inuse 1 orphan 2 tw 3 alloc 4 mem 175\n", "TCP.orphan", 2),
      ("TCP: inuse 1 orphan\n", "TCP.inuse", 1), ("TCP: inuse 1 orphan\n", "TCP.orphan", nil),
      ("TCP: inuse many\n", "TCP.inuse", nil), ("", "TCP.inuse", nil), ("TCP:\n", "TCP.inuse", nil),
    ] as [(String, String, Int?)]) func `of sockets`(text: String, name: String, count: Int?)
  {
    #expect(KernelTables.socketStatistics(text)[name] == count)
  }

  @Test(
    arguments: [
      ("slabinfo - version: 2.1\ntw_sock_TCPv6 0 0 264 1\ntw_sock_TCP 160 240 256 16 1 : tunables\n", 256),
      ("tw_sock_TCP 160 240\n", nil), ("tw_sock_TCP 1 2 big 4\n", nil), ("", nil),
    ] as [(String, Int?)]) func `of caches`(text: String, size: Int?)
  {
    #expect(KernelTables.objectSize(of: "tw_sock_TCP", text) == size)
  }

  @Test(
    arguments: [
      ("32768\t60999\n", [32_768, 60_999]), ("-262144\n", [-262_144]), ("", nil), ("\n", nil), ("1 two\n", nil),
      ("99999999999999999999\n", nil),
    ] as [(String, [Int]?)]) func `of settings`(text: String, numbers: [Int]?)
  {
    #expect(KernelTables.numbers(text) == numbers)
  }

  @Test func `of this host have what every kernel has`() {
    let reading = NetworkReading()
    #expect(reading.settings["ip_local_port_range"]?.count == 2)
    #expect(reading.settings["no_such_setting"] == nil)
    #expect(reading.counters["TcpExt.ListenDrops"] != nil)
    #expect(reading.statistics["TCP.orphan"] != nil)
    #expect(reading.listeners != nil)
    #expect(reading.reservedPorts != nil)
  }
}
