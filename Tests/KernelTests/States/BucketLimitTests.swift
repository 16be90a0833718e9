import Stage
import Testing

extension KernelTests {
  /// net.ipv4.tcp_max_tw_buckets: past it the kernel makes no time_wait socket, and so no TIME_WAIT.
  @Suite struct BucketLimitTests {
    @Test("Past the limit nothing is told, as there is no TIME_WAIT", arguments: [Way.close, .shutdownWrite])
    func limit(way: Way) throws {
      let home = try Player("home")
      try home.enterNewNetworkNamespace()
      try home.setSysctl("net/ipv4/tcp_max_tw_buckets", 5)
      let client = try home.fork()
      let server = try home.fork()
      let tracer = try Tracer("--min-age", "30s")
      let talks = try (0..<12).map { _ in try Conversation(client, server) }

      for talk in talks {
        _ = try way.end(talk.client)
        try talk.server.readEnd()
        try talk.server.close()
      }
      let kept = try talks.filter { talk in
        try #require(eventually { [.timeWait, nil].contains(talk.client.tabledState) })
        return talk.client.tabledState == .timeWait
      }
      #expect(kept.count == 5)
      for talk in kept { _ = try tracer.event("time_wait", of: talk.client) }
      try tracer.passSentinel(waitingStates: false)
      try tracer.stop()

      let told = try talks.flatMap { try tracer.events(of: $0.client) }
      #expect(told.count == 5)
      #expect(told.allSatisfy { $0.event == "time_wait" && $0.process?.pid == client.pid })
      #expect(try home.networkCounter("TCPTimeWaitOverflow") == talks.count - kept.count)
    }
  }
}
