import Stage
import Testing

extension KernelTests {
  /// Each program but the one on states is refused in turn, and then all: what is told is right, or missing where
  /// docs/kernels.md says so.
  @Suite struct WithoutTests {
    /// What docs/kernels.md names, and what only together leaves nothing.
    private static let all =
      "iter/tcp,iter/task_file,iter/task,tc,kfree_skb,tcp_rcv_space_adjust,inet_csk_accept,tcp_timewait_state_process,"
      + "audit,sched_process_fork"

    /// An emulated machine plays all at once only.
    private static let each =
      Machine.isEmulated
      ? [all]
      : [
        "iter/tcp", "iter/task_file", "kfree_skb", "tcp_rcv_space_adjust", "inet_csk_accept",
        "tcp_timewait_state_process", "audit", "tp_btf/inet_sock_set_state", "tp_btf", all, all + ",tp_btf",
      ]

    @Test("A trace is right without", arguments: each) func trace(without: String) throws {
      let (client, server) = (try Player("client"), try Player("server"))
      let older = try Conversation(client, server)
      try older.client.close()
      try older.server.readEnd()
      let tracer = try Tracer("--without", without, "--min-age", "300ms")
      let start = try tracer.start()
      // Linux 5.10 has no cookies to give.
      let isRaw = without.contains("tp_btf") || start.kernel?.hasPrefix("5.10.") == true
      #expect(start.hooks?.contains("\(isRaw ? "raw_tp" : "tp_btf")/inet_sock_set_state") == true)

      // A leak of before.
      let leak = try tracer.event("close_wait", of: older.server)
      #expect(leak.holders?.map(\.pid) == [server.pid])
      #expect(leak.reason == "eof_read")

      // TIME_WAIT through a time_wait socket in FIN_WAIT2.
      let talk = try Conversation(client, server)
      let closer = try talk.client.close()
      try talk.client.awaitTabledState(.finWait2)
      try talk.server.close()
      let event = try tracer.event("time_wait", of: talk.client)
      #expect(event.process?.actor == closer)
      #expect(event.opener?.pid == client.pid)
      #expect(event.cause == "close" && event.role == "client")

      // Resets leave none.
      let reset = try Conversation(client, server)
      try reset.client.resetOnClose()
      try reset.client.close()
      let half = try Conversation(client, server)
      // Without a hook what becomes of a time_wait socket that is gone between two looks is counted as unknown.
      if start.hooks?.contains(where: { $0.contains("kfree_skb") || $0.contains("timewait") }) == true {
        try half.client.close()
        try half.client.awaitTabledState(.finWait2)
        try half.server.resetOnClose()
        try half.server.close()
      }

      // Each reason.
      let listener = try server.listen()
      let waiting = try client.connect(to: listener.local)
      try waiting.close()
      let unread = try Conversation(client, server)
      try unread.client.write(10)
      try unread.client.close()
      let endUnread = try Conversation(client, server)
      try endUnread.client.close()
      for (socket, reason) in [
        (waiting.endInQueue(of: server), "not_accepted"), (unread.server, "data_unread"),
        (endUnread.server, "eof_unread"),
      ] {
        let event = try tracer.event("close_wait", of: socket)
        #expect(event.reason == reason)
        #expect(event.process?.pid == server.pid)
      }
      // Their ends.
      let ender = try endUnread.server.close()
      #expect(try tracer.event("close_wait_end", of: endUnread.server).process?.actor == ender)
      try tracer.passSentinel(waitingStates: false)
      try tracer.stop()
      for socket in [reset.client, reset.server, half.client, half.server] {
        #expect(try !tracer.events(of: socket).contains { $0.event == "time_wait" })
      }
      #expect(try tracer.events(of: talk.client).map(\.event).filter { $0 == "time_wait" }.count == 1)
    }

    @Test(
      "The other commands are right without any",
      arguments: Machine.isEmulated ? [all] : [all, all + ",tp_btf"])
    func commands(without: String) throws {
      let (client, server) = (try Player("client"), try Player("leaker"))
      let talk = try Conversation(client, server)
      try talk.client.close()
      try talk.server.readEnd()
      let leaks = try Run.tcplinger(["leaks", "--json", "--without", without, "--min-age", "0"])
      #expect(leaks.ending == .status(0))
      #expect(try LeakList.all(in: leaks.output.lines).first?.leaks(of: server.pid).first?.reason == "eof_read")
      let census = try Run.tcplinger([
        "census", "--by", "process", "--state", "close_wait", "--without", without,
      ])
      #expect(census.output.lines.contains { $0.contains("CLOSE_WAIT") && $0.contains(" \(server.pid) ") })
      let top = try Run.tcplinger(["top", "--batch", "--count", "2", "--without", without])
      #expect(top.output.lines.contains { $0.contains("leaker") })
      let doctor = try Run.tcplinger(["doctor", "--json", "--duration", "1s", "--without", without])
      #expect(doctor.output.text.contains("leaker"))
      let run = try Run.tcplinger(["run", "--without", without, "--", "true"])
      #expect(run.ending == .status(0))
    }
  }
}
