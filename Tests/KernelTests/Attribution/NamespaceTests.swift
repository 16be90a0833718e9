import Stage
import Testing

extension KernelTests {
  @Suite(.traced("--min-age", "200ms")) struct NamespaceTests {
    @Test("Another network namespace is traced and named", arguments: Role.allCases, Way.allCases.sampled)
    func networkNamespace(role: Role, way: Way) throws {
      let home = try Player("home")
      try home.enterNewNetworkNamespace()
      let tracer = try SharedTracer.current
      let talk = try Conversation(home.fork(), home.fork())
      let (first, second) = role.order(talk)

      let closer = try way.end(first)
      let leak = try tracer.event("close_wait", of: second)
      try second.close()
      let event = try tracer.event("time_wait", of: first)

      #expect(event.netns == home.networkNamespace)
      #expect(event.process?.actor == closer)
      #expect(leak.netns == home.networkNamespace)
      #expect(leak.holders?.map(\.pid) == [second.player.pid])
    }

    @Test("What was there before is found in other network namespaces as well")
    func seededElsewhere() throws {
      let home = try Player("home")
      try home.enterNewNetworkNamespace()
      let leak = try Conversation(home.fork(), home.fork())
      try leak.client.shutdown(.write)
      try leak.server.readEnd()
      let listener = try home.listen()
      let queued = try home.connect(to: listener.local)
      try queued.shutdown(.write)
      let small = try Conversation(home.fork(), home.fork())
      try small.client.close()
      try small.client.awaitTabledState(.finWait2)
      let tracer = try Tracer("--min-age", "200ms")

      let leakEvent = try tracer.event("close_wait", of: leak.server)
      let queuedEvent = try tracer.event("close_wait", of: queued.endInQueue(of: home))
      try small.server.close()
      let timeWaitSocketEvent = try tracer.event("time_wait", of: small.client)
      try leak.server.close()
      let halfClosedEvent = try tracer.event("time_wait", of: leak.client)
      try tracer.stop()

      #expect(leakEvent.process?.pid == leak.server.player.pid)
      #expect(queuedEvent.process?.pid == home.pid)
      #expect(queuedEvent.attribution == "listener")
      #expect(timeWaitSocketEvent.process == nil)
      #expect(halfClosedEvent.process?.pid == leak.client.player.pid)
      for event in [leakEvent, queuedEvent, timeWaitSocketEvent, halfClosedEvent] {
        #expect(event.netns == home.networkNamespace)
      }
    }

    @Test("A network namespace that appears after the start is traced like any other")
    func laterNamespace() throws {
      let tracer = try SharedTracer.current
      let home = try Player("home")
      try home.enterNewNetworkNamespace()
      let talk = try Conversation(home.fork(), home.fork())

      let closer = try talk.client.close()
      try talk.client.awaitTabledState(.finWait2)
      try talk.server.close()
      let event = try tracer.event("time_wait", of: talk.client)

      #expect(event.process?.actor == closer)
      #expect(event.netns == home.networkNamespace)
    }

    @Test(
      "A process in another pid namespace has its pid of the initial one", arguments: Role.allCases,
      Way.allCases.sampled)
    func pidNamespace(role: Role, way: Way) throws {
      let parent = try Player("parent")
      let tracer = try SharedTracer.current
      let inner = try parent.fork("pidns")
      try inner.rename(Array("inner".utf8))
      let outer = try Player("outer")
      let talk = try role == .client ? Conversation(inner, outer) : Conversation(outer, inner)
      let (first, second) = role.order(talk)
      #expect(try inner.innerPid == 1)

      let closer = try way.end(first)
      try second.close()
      let event = try tracer.event("time_wait", of: first)

      #expect(closer.pid != 1)
      #expect(event.process?.actor == closer)
      #expect(event.opener?.pid == inner.pid)
    }

    @Test("A leak in another pid namespace is found")
    func leakInPidNamespace() throws {
      let parent = try Player("parent")
      let tracer = try SharedTracer.current
      let inner = try parent.fork("pidns")
      try inner.rename(Array("inner".utf8))
      let talk = try Conversation(Player("client"), inner)

      try talk.client.close()
      let event = try tracer.event("close_wait", of: talk.server)

      #expect(event.process?.pid == inner.pid)
      #expect(event.holders == [.init(pid: inner.pid, comm: "inner", fd: talk.server.fd)])
    }
  }
}
