import Glibc
import Stage
import Testing

extension KernelTests {
  /// `tcplinger top`, by the tables that it prints without a terminal.
  @Suite struct TopTests {
    @Test("Every TIME_WAIT of a burst is counted, for the process that closed", arguments: Role.allCases)
    func burst(role: Role) throws {
      let connections = Machine.isEmulated ? 2_000 : 5_000
      let home = try Player("home")
      try home.enterNewNetworkNamespace()
      try home.setSysctl("net/ipv4/tcp_max_tw_buckets", 2 * connections)
      let top = try Child.top(["--netns", "\(home.pid)"])
      let account = try Workload.run(connections, closer: role.rawValue, in: home)
      let closer = account.pid(of: role.rawValue)
      let other = account.pid(of: role == .client ? "server" : "client")

      // Counted after the table: no less is finished then than the table has. A CLOSE_WAIT of the burst may be shown until
      // the next look at open files.
      var finished = 0
      let table = try top.table { table in
        finished = connections - ((try? unfinished(in: home)) ?? connections)
        return (table.row(of: closer)?.timeWaits ?? -1) >= finished && table.row(of: other)?.closeWaits == 0
      }
      let row = try #require(table.row(of: closer))
      #expect(row.timeWaits == finished)
      #expect(row.role == role.rawValue)
      #expect(row.comm == "workload-\(role.rawValue)")
      #expect(table.row(of: other)?.timeWaits == 0)
      // Each was counted once, in whichever table.
      let tables = TopTable.all(in: top.output.lines)
      let opened = tables.contains { ($0.row(of: account.pid(of: "client"))?.connectsPerSecond ?? 0) > 0 }
      let accepted = tables.contains { ($0.row(of: account.pid(of: "server"))?.acceptsPerSecond ?? 0) > 0 }
      #expect(opened && accepted)
      // Of the clients' addresses none is busier than the others.
      #expect(
        role == .client ? row.peer == "127.0.0.1:\(account.port)" : row.peer.hasPrefix("127.0.0."))
      #expect(table.losses == "Nothing was lost.")
      top.send(SIGINT)
      #expect(try top.end() == .status(0))
    }

    @Test("The share of the ports is of what clients of the namespace have, whoever takes them", .onceIsEnough)
    func ports() throws {
      let home = try Player("home")
      try home.enterNewNetworkNamespace()
      try home.setSysctl("net/ipv4/tcp_max_tw_buckets", 1000)
      try writeInNamespace(of: home, "net/ipv4/ip_local_port_range", "40000 40059")
      try writeInNamespace(of: home, "net/ipv4/ip_local_reserved_ports", "40000,40010-40018,50000")
      let listener = try home.listen()
      let (one, two) = (try home.fork(), try home.fork())
      let top = try Child.top(["--netns", "\(home.pid)"])
      for _ in 0..<5 { _ = try closeFirst(one, listener) }
      for _ in 0..<15 { _ = try closeFirst(two, listener) }

      // 20 of 50.
      let table = try top.table { $0.row(of: one.pid)?.timeWaits == 5 && $0.row(of: two.pid)?.timeWaits == 15 }
      #expect(table.row(of: one.pid)?.ports == "40%")
      #expect(table.row(of: two.pid)?.ports == "40%")
      #expect(table.row(of: two.pid)?.peer == "127.0.0.1:\(listener.local.port)")
    }

    @Test(
      "A CLOSE_WAIT is there at once, leaked when it is old enough, and gone when it is closed", .onceIsEnough)
    func closeWait() throws {
      let leaker = try Player("leaker")
      let top = try Child.top(["--pid", "\(leaker.pid)", "--min-age", "3s"])
      let talk = try Conversation(Player("client"), leaker)
      let beforeEnd = Moment.now
      try talk.client.close()
      try talk.server.awaitState(.closeWait)

      let young = try top.table { $0.row(of: leaker.pid)?.closeWaits == 1 }
      #expect(young.row(of: leaker.pid)?.leaked == 0)
      let age = try #require(young.row(of: leaker.pid)?.milliseconds)
      #expect(age <= Moment.now.milliseconds(since: beforeEnd))
      #expect(young.row(of: leaker.pid)?.role == "server")
      _ = try top.table { $0.row(of: leaker.pid)?.leaked == 1 }
      try talk.server.close()
      let tables = TopTable.all(in: top.output.lines).count
      _ = try top.table { _ in
        TopTable.all(in: top.output.lines).suffix(from: tables).contains { $0.rows.isEmpty }
      }
    }

    @Test("A CLOSE_WAIT older than the command is shown, with an estimate of its age")
    func older() throws {
      let leaker = try Player("leaker")
      let talk = try Conversation(Player("client"), leaker)
      try talk.client.close()
      try talk.server.awaitState(.closeWait)
      let top = try Child.top(["--pid", "\(leaker.pid)"])
      let table = try top.table { $0.row(of: leaker.pid) != nil }
      #expect(table.row(of: leaker.pid)?.closeWaits == 1)
      #expect(table.row(of: leaker.pid)?.oldest.hasPrefix("~") == true)
    }

    @Test("Of the other family, role or name nothing is counted", .onceIsEnough)
    func filters() throws {
      let home = try Player("home")
      try home.enterNewNetworkNamespace()
      let listener = try home.listen()
      let client = try home.fork()
      try client.rename(Array("chosen".utf8))
      let all = ["--netns", "\(home.pid)"]
      let options = [["-6"], ["--role", "server"], ["--comm", "other"], ["-D", "1"], ["--comm", "chosen"]]
      let tops = try options.map { try Child.top(all + $0) }
      _ = try closeFirst(client, listener)
      let chosen = try #require(tops.last)
      let table = try chosen.table { $0.row(of: client.pid) != nil }
      #expect(table.rows.count == 1)
      for (top, option) in zip(tops.dropLast(), options) {
        let before = TopTable.all(in: top.output.lines).count
        // Two tables that began after the one above.
        _ = try top.table { _ in TopTable.all(in: top.output.lines).count >= before + 2 }
        let rows = TopTable.all(in: top.output.lines).flatMap(\.rows)
        // The server's end is in CLOSE_WAIT for a moment, which a look may meet.
        #expect(option == ["--role", "server"] ? rows.allSatisfy { $0.timeWaits == 0 } : rows.isEmpty)
      }
    }

    /// How `--peer` may be written; the connections to count are those to 127.0.0.2, or those from IPv4.
    enum PeerOption: CaseIterable {
      case address, network, addressAndPort, networkOfClients

      var role: Role { self == .networkOfClients ? .server : .client }
      var addresses: (wanted: String, other: String) {
        switch self {
        case .address, .network: ("127.0.0.2", "127.0.0.4")
        case .addressAndPort: ("127.0.0.2", "127.0.0.2")
        case .networkOfClients: ("127.0.0.1", "::1")
        }
      }

      func pattern(_ wanted: Endpoint) -> String {
        switch self {
        case .address: wanted.address
        case .network: "127.0.0.3/31"
        case .addressAndPort: "\(wanted.address):\(wanted.port)"
        case .networkOfClients: "127.0.0.0/8"
        }
      }
    }

    @Test(
      "With --peer every column is of connections to that peer alone", .onceIsEnough,
      arguments: PeerOption.allCases)
    func peer(option: PeerOption) throws {
      let home = try Player("home")
      try home.enterNewNetworkNamespace()
      let wanted = try home.listen(at: option.addresses.wanted)
      let other = try home.listen(at: option.addresses.other)
      let client = try home.fork()
      let observed = option.role == .client ? client : home
      let top = try Child.top([
        "--netns", "\(home.pid)", "--role", option.role.rawValue, "--peer", option.pattern(wanted.local),
        "--min-age", "0",
      ])
      for (listener, times) in [(wanted, 1), (other, 3)] {
        for isLeak in [false, true] {
          for _ in 0..<times {
            let talk = try Conversation(client, listener, listener.local.address)
            let (first, second) = option.role.order(talk)
            // Who closes first has a TIME_WAIT; who does not close, a CLOSE_WAIT.
            if !isLeak { try first.close() }
            try second.close()
          }
        }
      }

      _ = try top.table { $0.row(of: observed.pid).map { $0.timeWaits == 1 && $0.closeWaits == 1 } ?? false }
      // What is not to be counted has had the time of two looks to be.
      let later = TopTable.all(in: top.output.lines).count + 2
      _ = try top.table { _ in TopTable.all(in: top.output.lines).count >= later }
      let rows = TopTable.all(in: top.output.lines).compactMap { $0.row(of: observed.pid) }
      let peer = option.role == .client ? "127.0.0.2:\(wanted.local.port)" : "127.0.0.1"
      for row in rows {
        #expect(row.timeWaits <= 1 && row.closeWaits <= 1 && row.leaked <= 1)
        // Alone: the busiest one is followed by the number of the others.
        #expect(row.peer == peer)
      }
      let row = try #require(rows.last)
      #expect(row.timeWaits == 1 && row.closeWaits == 1 && row.leaked == 1)
      #expect((row.ports == "-") == (option.role == .server))
    }

    private func closeFirst(_ client: Player, _ listener: Socket) throws -> Conversation {
      let talk = try Conversation(client, listener)
      try talk.client.close()
      try talk.server.close()
      return talk
    }

    private func writeInNamespace(of player: Player, _ name: String, _ value: String) throws {
      let write = try Run(
        Programs.system("nsenter", package: "util-linux"),
        ["--net=/proc/\(player.pid)/ns/net", "sh", "-c", "echo '\(value)' >/proc/sys/\(name)"])
      try #require(write.ending == .status(0), "\(write.errors.text)")
    }
  }
}
