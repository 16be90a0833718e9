import Glibc
import Stage
import Testing

extension KernelTests {
  /// `tcplinger leaks`: all of these connections are older than the command.
  @Suite struct LeaksTests {
    @Test("A leak is counted by process and reason", arguments: CloseWaitTests.Neglect.allCases)
    func reasons(neglect: CloseWaitTests.Neglect) throws {
      let (client, server) = (try Player("client"), try Player("leaker"))
      let sockets = try (0..<3).map { _ in try neglect.play(client, server) }
      let groups = try LeakList.take().leaks(of: server.pid)

      let group = try #require(groups.first)
      #expect(groups.count == 1)
      #expect(group.reason == neglect.rawValue)
      #expect(group.comm == "leaker")
      #expect(group.count == sockets.count)
      #expect(group.isEstimate == true)
      #expect(group.unreadBytes == (neglect == .dataUnread ? 3 * 60 : 0))
      #expect(group.peers.map(\.count).reduce(0, +) == 3)
      #expect(group.descriptorsOpen == namesIn("/proc/\(server.pid)/fd").count)
      #expect((group.acceptQueue != nil) == (neglect == .notAccepted))
    }

    @Test("A listener that stopped accepting shows how full its queue is", .onceIsEnough)
    func fullQueue() throws {
      let (client, server) = (try Player("client"), try Player("asleep"))
      let listener = try server.listen()
      for _ in 0..<50 { try client.connect(to: listener.local).close() }
      let group = try #require(try LeakList.take().leaks(of: server.pid).first)
      #expect(group.count == 50)
      #expect(group.reason == "not_accepted")
      #expect(group.acceptQueue?.length == 50)
    }

    @Test("Of two holders one closes, and the other is the one who leaks")
    func oneOfTwoCloses() throws {
      let parent = try Player("parent")
      let talk = try Conversation(Player("client"), parent)
      let child = try parent.fork()
      try talk.client.close()
      try talk.server.awaitState(.closeWait)
      let both = try LeakList.take()
      #expect((both.leaks(of: parent.pid) + both.leaks(of: child.pid)).map(\.shared) == [1])

      try talk.server.close()
      let one = try LeakList.take()
      #expect(one.leaks(of: parent.pid).isEmpty)
      #expect(one.leaks(of: child.pid).map(\.count) == [1])
      #expect(one.leaks(of: child.pid).map(\.shared) == [0])
    }

    @Test("--each names every holder of every connection, and what came over it")
    func each() throws {
      let parent = try Player("parent")
      let talk = try Conversation(Player("client"), parent)
      let child = try parent.fork()
      try talk.client.close()
      try talk.server.awaitState(.closeWait)
      let run = try Run.tcplinger(["leaks", "--each", "--json", "-L", "\(talk.server.local.port)"])
      let events = try tracedEvents(in: run.output.lines).filter(Question(of: talk.server).isAnswered)
      #expect(events.count == 1)
      #expect(Set(events.first?.holders?.map(\.pid) ?? []) == [parent.pid, child.pid])
      #expect(events.first?.bytesSent == Conversation.responseBytes)
      #expect(events.first?.bytesReceived == Conversation.requestBytes)
    }

    @Test("What is closed is no leak, and neither is what has not lasted", .onceIsEnough)
    func nothing() throws {
      let (client, server) = (try Player("client"), try Player("server"))
      let talk = try Conversation(client, server)
      try talk.client.close()
      try talk.server.awaitState(.closeWait)
      let young = try LeakList.take("--min-age", "1h").leaks(of: server.pid)
      #expect(young.isEmpty)
      try talk.server.close()
      let closed = try LeakList.take().leaks(of: server.pid)
      #expect(closed.isEmpty)
    }

    @Test("A peer that does not close is told apart: the connection is stuck in FIN_WAIT2", .onceIsEnough)
    func stuck() throws {
      let (client, server) = (try Player("polite"), try Player("server"))
      let talk = try Conversation(client, server)
      try talk.client.shutdown(.write)
      try talk.client.awaitState(.finWait2)
      let list = try LeakList.take()
      let group = try #require(list.finWait2.first { $0.pid == client.pid })
      #expect(group.count == 1)
      #expect(list.leaks(of: client.pid).isEmpty)
    }

    @Test("--exit-code is 3 for a leak and 0 for none", .onceIsEnough)
    func exitCode() throws {
      let talk = try Conversation(Player("client"), Player("server"))
      let port = "\(talk.server.local.port)"
      #expect(try Run.tcplinger(["leaks", "--exit-code", "-L", port]).ending == .status(0))
      try talk.client.close()
      try talk.server.awaitState(.closeWait)
      #expect(try Run.tcplinger(["leaks", "--exit-code", "-L", port]).ending == .status(3))
      #expect(try Run.tcplinger(["leaks", "-L", port]).ending == .status(0))
    }

    @Test("In a pid namespace of its own it says so, and shows no descriptors of a namesake", .onceIsEnough)
    func nestedPidNamespace() throws {
      // A leak inside, and the command beside it.
      let program = try """
      import os, socket, subprocess, sys
      l = socket.socket(); l.bind(("127.0.0.1", 0)); l.listen(5)
      c = socket.create_connection(l.getsockname()); s, _ = l.accept(); s.close()
      while c.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) != b"\\x08": pass
      port = str(l.getsockname()[1])
      sys.exit(subprocess.run(["\(Programs.tcplinger)", "leaks", "--json", "-D", port]).returncode)
      """
      let python = try Programs.system("python3", package: "python3")
      let unshare = try Programs.system("unshare", package: "util-linux")
      let run = try Run(unshare, ["--pid", "--fork", "--mount-proc", python, "-c", program])
      #expect(run.ending == .status(0))
      #expect(run.errors.lines.count == 1)
      #expect(run.errors.text.contains("initial pid namespace"))
      let group = try #require(try LeakList.all(in: run.output.lines).first?.closeWait.first)
      #expect(group.comm == "python3")
      #expect(group.count == 1)
      #expect(group.descriptorsOpen == nil)
      #expect(group.descriptorLimit == nil)
    }

    @Test(
      "--exit-code is 3 also if nobody reads what is printed", .onceIsEnough,
      arguments: [[], ["--each"], ["--json"]])
    func unreadOutput(options: [String]) throws {
      let talk = try Conversation(Player("client"), Player("server"))
      try talk.client.close()
      try talk.server.awaitState(.closeWait)
      var ends: [Int32] = [-1, -1]
      try #require(pipe(&ends) == 0)
      close(ends[0])
      defer { close(ends[1]) }
      let arguments = ["leaks", "--exit-code", "-L", "\(talk.server.local.port)"] + options
      let run = try Run.tcplinger(arguments, output: .descriptor(ends[1]))
      #expect(run.ending == .status(3))
      #expect(run.errors.text.isEmpty)
    }

    @Test("--each --watch tells its looks apart, also where there is nothing to list", .onceIsEnough)
    func separateLooks() throws {
      let talk = try Conversation(Player("client"), Player("leaker"))
      try talk.client.close()
      try talk.server.awaitState(.closeWait)
      let options = ["leaks", "--each", "--watch", "100ms", "-L", "\(talk.server.local.port)"]

      let json = try Child(Programs.tcplinger, options + ["--json"])
      let text = try Child(Programs.tcplinger, options)
      for child in [json, text] {
        try #require(
          eventually {
            child.output.fill(within: 10)
            return child.output.lines.filter { $0.contains("eof_unread") }.count >= 3
          })
      }
      try talk.server.close()
      try #require(
        eventually {
          text.output.fill(within: 10)
          return text.output.lines.contains { $0.hasPrefix("No connection") }
        })
      for child in [json, text] {
        child.send(SIGINT)
        #expect(try child.end() == .status(0))
      }
      let looks = try tracedEvents(in: json.output.lines).filter { $0.event == "close_wait" }.map(\.look)
      #expect(looks == Array(1...looks.count))
      let lines = text.output.lines
      let leaks = lines.indices.filter { lines[$0].contains("eof_unread") }
      for (one, next) in zip(leaks, leaks.dropFirst()) {
        #expect(lines[one..<next].contains(""))
        #expect(lines[one..<next].contains { $0.hasPrefix("At ") })
      }
    }

    @Test("A leak that grows is shown with how fast it does, and when the descriptors run out", .onceIsEnough)
    func growth() throws {
      let (client, server) = (try Player("client"), try Player("leaker"))
      let listener = try server.listen()
      let watch = try Child(
        Programs.tcplinger, ["leaks", "--json", "--watch", "1s", "-L", "\(listener.local.port)"])
      let start = Moment.now
      var leaked: [(at: Moment, count: Int)] = [(start, 0)]
      var looks: [(at: Moment, group: LeakList.Group?)] = []
      while looks.count < 5, Moment.now < .inSeconds(patience) {
        // As many as are due by now: twenty a second, or what this machine can do.
        let due = Int(Moment.now.milliseconds(since: start) / 50)
        while leaked.last.map({ $0.count < due }) ?? false, !watch.hasLine {
          let talk = try Conversation(client, listener)
          try talk.client.close()
          try talk.server.awaitState(.closeWait)
          leaked.append((.now, leaked.count))
        }
        guard let line = watch.nextLine(by: .inSeconds(0.02)) else { continue }
        let list = try LeakList.all(in: [String(decoding: line, as: UTF8.self)])
        looks.append((.now, list.first?.leaks(of: server.pid).first))
      }
      watch.send(SIGINT)
      #expect(try watch.end() == .status(0))

      // The first look has nothing before it, the second may have no descriptors before it.
      let groups = try looks.dropFirst(2).map { try #require($0.group) }
      try #require(groups.count == 3)
      for (index, (before, group)) in zip(groups, groups.dropFirst()).enumerated() {
        let rate = try #require(group.growthPerSecond)
        let seconds = Double(group.count - before.count) / rate
        // It is the difference of the counts over the time between two looks: one was taken after the line before
        // the last had come, the other before its own had.
        #expect(group.count > before.count)
        #expect(seconds > 0.9 && seconds < looks[index + 3].at.milliseconds(since: looks[index + 1].at) / 1000)
        let descriptorRate = try #require(group.descriptorsGrowthPerSecond)
        let opened = try #require(group.descriptorsOpen) - (before.descriptorsOpen ?? 0)
        #expect(abs(descriptorRate - Double(opened) / seconds) < 0.01)
        let free = Double((group.descriptorLimit ?? 0) - (group.descriptorsOpen ?? 0))
        #expect(
          abs(try #require(group.exhaustedInSeconds) - free / descriptorRate) <= 1 + free / descriptorRate / 100
        )
      }
      // And the counts are those of what had leaked when the looks were taken.
      for index in 2..<5 {
        let count = groups[index - 2].count
        let possible = [index - 1, index].map { index in leaked.last { $0.at <= looks[index].at }?.count ?? 0 }
        #expect(count >= possible[0] && count <= possible[1])
      }
    }
  }
}
