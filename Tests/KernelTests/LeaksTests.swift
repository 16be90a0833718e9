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

    @Test("A listener that stopped accepting shows how full its queue is")
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

    @Test("--each names every holder of every connection")
    func each() throws {
      let parent = try Player("parent")
      let talk = try Conversation(Player("client"), parent)
      let child = try parent.fork()
      try talk.client.close()
      try talk.server.awaitState(.closeWait)
      let run = try Run.tcplinger(["leaks", "--each", "--json", "-L", "\(talk.server.local.port)"])
      let events = try tracedEvents(in: run.output.lines).filter { $0.isAbout(talk.server) }
      #expect(events.count == 1)
      #expect(Set(events.first?.holders?.map(\.pid) ?? []) == [parent.pid, child.pid])
    }

    @Test("What is closed is no leak, and neither is what has not lasted")
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

    @Test("A peer that does not close is told apart: the connection is stuck in FIN_WAIT2")
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

    @Test("--exit-code is 3 for a leak and 0 for none")
    func exitCode() throws {
      let talk = try Conversation(Player("client"), Player("server"))
      let port = "\(talk.server.local.port)"
      #expect(try Run.tcplinger(["leaks", "--exit-code", "-L", port]).ending == .status(0))
      try talk.client.close()
      try talk.server.awaitState(.closeWait)
      #expect(try Run.tcplinger(["leaks", "--exit-code", "-L", port]).ending == .status(3))
      #expect(try Run.tcplinger(["leaks", "-L", port]).ending == .status(0))
    }

    @Test("--watch shows growth and when the descriptors run out, also of leaks that begin meanwhile")
    func growth() throws {
      let (client, server) = (try Player("client"), try Player("leaker"))
      let listener = try server.listen()
      let watch = try Child(
        Programs.tcplinger, ["leaks", "--json", "--watch", "500ms", "-L", "\(listener.local.port)"])
      let deadline = Moment.inSeconds(patience)
      var growing: LeakList.Group?
      while growing == nil, Moment.now < deadline {
        for _ in 0..<5 {
          let talk = try Conversation(client, listener)
          try talk.client.close()
        }
        guard let line = watch.nextLine(by: deadline) else { break }
        let list = try LeakList.all(in: [String(decoding: line, as: UTF8.self)])
        growing = list.first?.leaks(of: server.pid).first { ($0.growthPerSecond ?? 0) > 0 }
      }
      watch.send(SIGINT)
      #expect(try watch.end() == .status(0))

      let group = try #require(growing)
      let (rate, left) = (group.growthPerSecond ?? 0, group.exhaustedInSeconds ?? -1)
      let free = Double((group.descriptorLimit ?? 0) - (group.descriptorsOpen ?? 0))
      #expect(abs(left - free / rate) <= 1 + left / 100)
    }
  }
}
