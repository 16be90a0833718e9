import Stage
import Testing

extension KernelTests {
  /// Whichever hooks are used, the same is told. docs/kernels.md has a row for each of these.
  @Suite struct RungTests {
    enum Rung: String {
      case auto, fentry, kprobe, tracepoint

      /// A rung that this kernel does not have ends with one line, which CheckTests looks at.
      var isThere: Bool {
        (try? Run.tcplinger(["--hooks", rawValue, "--duration", "100ms"]).ending) == .status(0)
      }

      /// How an accepting process may be known, with these hooks.
      var evidence: [String] {
        switch self {
        case .auto: ["accept", "first_read"]
        case .fentry, .kprobe: ["accept"]
        case .tracepoint: ["first_read"]
        }
      }
    }

    @Test("Rung auto: the best hooks there are")
    func auto() throws { try play(.auto) }

    @Test("Rung fentry: exits of kernel functions", .enabled(if: Rung.fentry.isThere, "not on this kernel"))
    func fentry() throws { try play(.fentry) }

    @Test("Rung kprobe: return probes", .enabled(if: Rung.kprobe.isThere, "not on this kernel"))
    func kprobe() throws { try play(.kprobe) }

    @Test("Rung tracepoint: nothing but tracepoints")
    func tracepoint() throws { try play(.tracepoint) }

    @Test("No iterator goes over socket storage where the kernel would die of it")
    func storage() throws {
      let tracer = try Tracer()
      let hooks = try #require(try tracer.start().hooks)
      try tracer.stop()
      if !linesOfFile("/proc/kallsyms", with: [" bpf_selem_unlink_nofail"]).isEmpty {
        #expect(!hooks.contains("iter/bpf_sk_storage_map"))
      }
    }

    private func play(_ rung: Rung) throws {
      let (client, parent) = (try Player("client"), try Player("parent"))
      let listener = try parent.listen()
      let worker = try parent.fork()
      // Long enough that the other end closes before a FIN_WAIT2 is told.
      let tracer = try Tracer("--hooks", rung.rawValue, "--min-age", "1500ms")

      // Who closes first, by each end and each way.
      let ends: [(Role, Way)] = [
        (.client, .close), (.server, .close), (.client, .shutdownWrite), (.server, .exit),
      ]
      for (role, way) in ends {
        let accepting = way == .exit ? try parent.fork() : worker
        let talk = try Conversation(client, listener.held(by: accepting))
        try talk.exchange()
        let (first, second) = role.order(talk)
        let closer = try way.end(first)
        try second.awaitState(.closeWait)
        try second.close()
        let event = try tracer.event("time_wait", of: first)
        #expect(event.process?.actor == closer)
        #expect(event.cause == way.cause)
        #expect(event.role == role.rawValue)
        #expect(event.attribution == "traced")
        #expect(event.opener?.pid == first.player.pid)
        #expect((role == .client ? ["connect"] : rung.evidence).contains(event.opener?.seen ?? "nothing"))
        #expect(try tracer.events(of: first).map(\.event) == ["time_wait"])
      }
      // What stays, with who holds it, and its end.
      let talk = try Conversation(client, listener.held(by: worker))
      try talk.exchange()
      try talk.client.close()
      let told = try tracer.event("close_wait", of: talk.server)
      #expect(told.holders == [.init(pid: worker.pid, comm: "parent", fd: talk.server.fd)])
      #expect(try tracer.event("fin_wait2", of: talk.client).process?.pid == client.pid)
      let ender = try talk.server.close()
      #expect(try tracer.event("close_wait_end", of: talk.server).process?.actor == ender)
      #expect(try tracer.event("time_wait", of: talk.client).process?.pid == client.pid)
      try tracer.stop()
    }
  }
}
