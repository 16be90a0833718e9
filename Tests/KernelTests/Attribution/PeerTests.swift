import Glibc
import Stage
import Testing

extension KernelTests {
  /// The process at the other end, where that is on this host.
  @Suite(.traced("--min-age", "200ms")) struct PeerTests {
    @Test(
      "A TIME_WAIT names the process that closed second", arguments: ["127.0.0.1", "::1", "::ffff:127.0.0.1"],
      Role.allCases)
    func timeWait(address: String, role: Role) throws {
      let tracer = try SharedTracer.current
      let talk = try Conversation(Player("client"), Player("server"), at: address, listeningAt: "::")
      let (first, second) = role.order(talk)
      try first.close()
      try second.close()
      let event = try tracer.event("time_wait", of: first)
      #expect(event.peerProcess?.pid == second.player.pid)
      #expect(event.peerProcess?.comm == second.player.comm)
    }

    @Test("The peer is named long after the close as well, through a time_wait socket")
    func timeWaitSocket() throws {
      let tracer = try SharedTracer.current
      let talk = try Conversation(Player("client"), Player("server"))
      try talk.client.close()
      try talk.client.awaitTabledState(.finWait2)
      usleep(1_300_000)
      try talk.server.close()
      let event = try tracer.event("time_wait", of: talk.client)
      #expect(event.peerProcess?.pid == talk.server.player.pid)
    }

    @Test("Both ends that wait for each other are named in each other's event")
    func waiting() throws {
      let tracer = try SharedTracer.current
      let talk = try Conversation(Player("client"), Player("server"))
      try talk.client.shutdown(.write)
      try talk.server.readEnd()
      let closeWait = try tracer.event("close_wait", of: talk.server)
      let finWait2 = try tracer.event("fin_wait2", of: talk.client)
      #expect(closeWait.peerProcess?.pid == talk.client.player.pid)
      #expect(finWait2.peerProcess?.pid == talk.server.player.pid)
    }

    @Test("The same addresses and ports in two network namespaces are two connections")
    func loopbacks() throws {
      let tracer = try SharedTracer.current
      let homes = [try Player("one"), try Player("two")]
      var talks: [Conversation] = []
      for home in homes {
        try home.enterNewNetworkNamespace()
        talks.append(try Conversation(home.fork(), home.fork()))
      }
      for talk in talks { try talk.client.close() }
      for talk in talks { try talk.server.close() }
      for talk in talks {
        let event = try tracer.event("time_wait", of: talk.client)
        #expect(event.netns == talk.client.player.networkNamespace)
        #expect(event.peerProcess?.pid == talk.server.player.pid)
      }
    }

    @Test(
      "Through address translation the other end is known by connection tracking",
      .disabled(if: Machine.isEmulated, "its kernels have no nft"))
    func translated() throws {
      let (router, one, two) = (try Player("router"), try Player("one"), try Player("two"))
      for player in [router, one, two] { try player.enterNewNetworkNamespace() }
      func run(_ player: Player, _ command: String) throws {
        let child = try Child(in: player, "/bin/sh", ["-c", command])
        guard try child.end() == .status(0) else { throw Failure("\(command): \(child.report())") }
      }
      try run(
        router,
        """
        for link in "a 10.77.1 \(one.pid)" "b 10.77.2 \(two.pid)"; do
          set -- $link
          ip link add v$1 type veth peer name v0 netns $3 && ip addr add $2.1/24 dev v$1 && ip link set v$1 up || exit
        done
        echo 1 > /proc/sys/net/ipv4/ip_forward
        nft -f - << END
        table ip nat {
          chain pre { type nat hook prerouting priority dstnat; ip daddr 10.99.0.1 dnat to 10.77.2.2; }
          chain post { type nat hook postrouting priority srcnat; ip daddr 10.77.2.2 masquerade; }
        }
        END
        """)
      for (player, net) in [(one, "10.77.1"), (two, "10.77.2")] {
        try run(
          player, "ip addr add \(net).2/24 dev v0; ip link set v0 up; ip route add default via \(net).1")
      }
      let listener = try two.listen(at: "10.77.2.2")
      let (client, server) = (try one.fork(), try two.fork())
      func talk() throws -> (client: Socket, server: Socket) {
        let end = try client.connect(to: Endpoint(address: "10.99.0.1", port: listener.local.port))
        return (end, try listener.held(by: server).accept())
      }
      // Where nothing is tracked nothing is asked.
      let earlier = try talk()
      let tracer = try Child(in: router, Programs.tcplinger, ["--json", "--min-age", "200ms"])
      guard tracer.nextLine(by: .inSeconds(patience)) != nil else { throw Failure(tracer.report()) }
      let closed = try talk()
      try closed.client.close()
      try closed.server.close()
      let half = try talk()
      try half.client.write(1)
      try half.server.read(1)
      try half.client.shutdown(.write)
      try half.server.readEnd()

      func expectPeer(_ event: String, of pid: Int32, _ port: Int, _ peer: Int32) {
        let words = [
          "\"event\":\"\(event)\"", "\"pid\":\(pid),", "\"port\":\(port)}",
          "\"peer_process\":{\"pid\":\(peer),",
        ]
        let isThere = eventually {
          tracer.output.fill(within: 50)
          return tracer.output.lines.contains { line in words.allSatisfy { line.contains($0) } }
        }
        #expect(isThere, "\(event): \(tracer.output.lines.suffix(4))")
      }
      expectPeer("time_wait", of: client.pid, closed.client.local.port, server.pid)
      expectPeer("fin_wait2", of: client.pid, half.client.local.port, server.pid)
      expectPeer("close_wait", of: server.pid, listener.local.port, client.pid)
      tracer.send(SIGINT)
      #expect(try tracer.end() == .status(0))
      try earlier.client.close()
    }

    @Test("The name of the thread that acted stands beside its number")
    func thread() throws {
      let tracer = try SharedTracer.current
      let server = try Player("server")
      let listener = try server.listen()
      let python = try Python(
        """
        import ctypes, socket, sys, threading, time
        def work():
            ctypes.CDLL(None).prctl(15, b"pool-7", 0, 0, 0)
            talk = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
            print(talk.getsockname()[1], flush=True)
            talk.recv(1)
            talk.close()
            time.sleep(60)
        threading.Thread(target=work, daemon=True).start()
        time.sleep(60)
        """, "\(listener.local.port)")
      let accepted = try listener.accept()
      try accepted.write(1)
      try accepted.readEnd()
      try accepted.close()
      let event = try tracer.event(Question("time_wait", local: python.number))
      #expect(event.process?.thread == "pool-7")
      #expect(event.process?.tid != event.process?.pid)
      #expect(event.opener?.thread == "pool-7")
    }
  }
}
