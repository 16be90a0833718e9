import FoundationEssentials
import Glibc
import Stage
import Testing

extension KernelTests {
  /// What processes are, beside their pid and name.
  @Suite struct ContextTests {
    /// A program that connects, closes first and is over: bash, in a control group if one is given.
    ///
    /// - Parameter isContained: in namespaces of its own, as in a container; it shares the network, to be reached.
    private func client(
      _ listener: Socket, in group: ControlGroup? = nil, _ words: [String] = [], isContained: Bool = false
    ) throws -> Child {
      let enter = group.map { "echo 0 > '\($0.folder)/cgroup.procs'; " } ?? ""
      let script =
        "\(enter)exec 3<>/dev/tcp/127.0.0.1/\(listener.local.port); sleep 0.05; exec 3>&-"
      let bash = try Programs.system("bash", package: "bash")
      let arguments = ["-c", script, "client"] + words
      guard isContained else { return try Child(bash, arguments) }
      return try Child(
        Programs.system("unshare", package: "util-linux"),
        ["--pid", "--mount", "--uts", "--ipc", "--fork", bash] + arguments)
    }

    /// Its TIME_WAIT.
    private func told(_ tracer: Tracer, _ client: Child, by listener: Socket) throws -> TracedEvent {
      let accepted = try listener.accept()
      try accepted.awaitState(.closeWait)
      try accepted.close()
      #expect(try client.end() == .status(0))
      return try tracer.event(Question("time_wait", local: accepted.peer.port, peer: accepted.local.port))
    }

    @Test("a process that is over when its end is told has its command line, program and user")
    func shortLived() throws {
      let listener = try Player("server").listen()
      let tracer = try Tracer("-D", "\(listener.local.port)")
      let client = try client(listener, ["--queue", "two words"])
      let event = try told(tracer, client, by: listener)
      let process = try #require(event.process)
      #expect(process.pid == client.pid)
      #expect(process.cmdline?.hasSuffix("exec 3>&- client --queue two words") == true)
      #expect(process.user == "root")
      // Where a machine is emulated the process may be over before the reader has read it.
      if !Machine.isEmulated { #expect(process.exe?.hasSuffix("/bash") == true) }
      #expect(event.peerProcess?.cmdline?.contains("tcplinger-player") == true)
      #expect((process.unit, process.container, process.pod) == (nil, nil, nil))
      try tracer.stop()
    }

    @Test("without the kernel's help it is what /proc has, of a process that is there")
    func withoutIntroduction() throws {
      let (client, server) = (try Player("client"), try Player("server"))
      let tracer = try Tracer("--without", "introduce_tracer")
      let talk = try Conversation(client, server)
      try talk.client.close()
      try talk.server.close()
      let process = try tracer.event("time_wait", of: talk.client).process
      #expect(process?.cmdline?.contains("tcplinger-player") == true)
      #expect(process?.user == "root")
      try tracer.stop()
    }

    @Test("a process that calls exec() is another program from then on", .onceIsEnough)
    func exec() throws {
      let (client, server) = (try Player("before"), try Player("server"))
      let tracer = try Tracer()
      let first = try Conversation(client, server)
      let second = try Conversation(client, server)
      try first.client.close()
      try first.server.close()
      try client.exec()
      try client.rename(Array("after".utf8))
      try second.client.close()
      try second.server.close()
      let old = try tracer.event("time_wait", of: first.client)
      let new = try tracer.event("time_wait", of: second.client)
      #expect(old.process?.cmdline?.hasSuffix(" again") == false)
      #expect(new.process?.cmdline?.hasSuffix(" again") == true)
      #expect(new.process?.pid == old.process?.pid)
      // It connected as what it was then.
      #expect(new.opener?.cmdline == old.process?.cmdline)
      try tracer.stop()
    }

    @Test("the unit is that of its control group, also of a process that is over", .onceIsEnough)
    func unit() throws {
      let group = try ControlGroup("/system.slice/tcplinger-shop.service")
      let listener = try Player("server").listen()
      let tracer = try Tracer("-D", "\(listener.local.port)")
      let event = try told(tracer, try client(listener, in: group), by: listener)
      #expect(event.process?.unit == "tcplinger-shop.service")
      #expect(event.process?.container == nil)
      try tracer.stop()
    }

    private static let id = "5ca1ab1e" + String(repeating: "0", count: 48) + "5ca1ab1e"

    @Test("containers have the names of their runtime's files, and of the pod they are in", .onceIsEnough)
    func containers() throws {
      let uid = "0badcafe-0000-4000-8000-000000000000"
      let podSlice = "kubepods-burstable-pod\(uid.map { $0 == "-" ? "_" : $0 }.map(String.init).joined())"
      let docker = try ControlGroup("/system.slice/docker-\(Self.id).scope")
      let pod = try ControlGroup(
        "/kubepods.slice/kubepods-burstable.slice/\(podSlice).slice/cri-containerd-\(Self.id).scope")
      let files = try StateFiles([
        "/var/lib/docker/containers/\(Self.id)/config.v2.json": #"{"Name":"/billing"}"#,
        "/run/containerd/io.containerd.runtime.v2.task/k8s.io/\(Self.id)/config.json": """
        {"annotations":{"io.kubernetes.cri.container-name":"web","io.kubernetes.cri.sandbox-name":"web-1",
        "io.kubernetes.cri.sandbox-namespace":"shop"}}
        """,
      ])
      try withExtendedLifetime(files) {
        let listener = try Player("server").listen()
        let tracer = try Tracer("-D", "\(listener.local.port)")
        let first = try told(tracer, try client(listener, in: docker, isContained: true), by: listener)
        #expect(first.process?.container == .init(id: Self.id, name: "billing", runtime: "docker"))
        #expect(first.process?.pod == nil)
        let second = try told(tracer, try client(listener, in: pod, isContained: true), by: listener)
        #expect(second.process?.container == .init(id: Self.id, name: "web", runtime: "containerd"))
        #expect(second.process?.pod == .init(name: "web-1", namespace: "shop", uid: uid))
        try tracer.stop()
      }
    }

    @Test(
      "hostile command lines are shown, harmless", .onceIsEnough,
      arguments: [
        ["\u{1b}[31mred\u{1b}[0m\u{7}"], ["two\nlines", "q\"uo\\te"], [String(repeating: "a", count: 100_000)],
        Array(repeating: String(repeating: "b", count: 100_000), count: 10), [""], ["连接", "\u{202e}gnp.exe"],
      ])
    func hostile(words: [String]) throws {
      let listener = try Player("server").listen()
      let tracer = try Tracer("-D", "\(listener.local.port)")
      let event = try told(tracer, try client(listener, words), by: listener)
      let command = try #require(event.process?.cmdline)
      #expect(command.utf8.count <= 4096 + 64)
      let whole = (["client"] + words).joined(separator: " ")
      if whole.utf8.count < 2000 {
        let trimmed = whole.hasSuffix(" ") ? String(whole.dropLast()) : whole
        #expect(command.hasSuffix(trimmed))
      }
      try tracer.stop()
    }

    @Test("filters by unit, cgroup, user and program keep what they name, from the kernel on", .onceIsEnough)
    func filters() throws {
      let group = try ControlGroup("/system.slice/tcplinger-shop.service")
      let listener = try Player("server").listen()
      let port = "\(listener.local.port)"
      for (options, passes) in [
        (["--unit", "tcplinger-sh*"], true), (["--unit", "tcplinger-other"], false),
        (["--cgroup", "/system.slice"], true), (["--cgroup", "/user.slice"], false),
        (["--user", "root"], true),
        (["--user", "0"], true), (["--user", "nobody"], false), (["--exe", "bash"], true),
        (["--exe", "/nowhere/*"], false),
        (["--unit", "tcplinger-shop", "--user", "nobody"], false), (["--container", "*"], false),
      ] {
        let tracer = try Tracer(["-D", port] + options)
        let child = try client(listener, in: group)
        let accepted = try listener.accept()
        try accepted.awaitState(.closeWait)
        try accepted.close()
        #expect(try child.end() == .status(0))
        let question = Question("time_wait", local: accepted.peer.port, peer: accepted.local.port)
        if passes {
          #expect(try tracer.event(question).process?.unit == "tcplinger-shop.service", "\(options)")
        }
        try tracer.stop()
        if !passes { #expect(try tracer.events(question).isEmpty, "\(options)") }
      }
    }

    @Test("a census counts by unit, container, pod and user", .onceIsEnough)
    func census() throws {
      let group = try ControlGroup("/system.slice/tcplinger-shop.service")
      let (one, two, server) = (try Player("one"), try Player("two"), try Player("server"))
      for player in [one, two] { try group.add(player.pid) }
      let talks = try [Conversation(one, server), Conversation(one, server), Conversation(two, server)]
      let port = "\(talks[0].listener.local.port)"
      try withExtendedLifetime(talks) {
        let ports = talks.map { "\($0.listener.local.port)" }.joined(separator: ",")
        let rows = try CensusList.take(of: server, "--by", "unit", "--state", "established", "-D", ports).rows
        #expect(rows.map(\.name) == ["tcplinger-shop.service"])
        #expect(rows.map(\.count) == [3])
        let users = try CensusList.take(of: server, "--by", "user", "--state", "established", "-D", ports).rows
        #expect(users.map(\.name) == ["root"])
        let mine = try CensusList.take(
          of: server, "--by", "process", "--unit", "tcplinger-shop", "--state", "established", "-D", port)
        #expect(mine.rows.allSatisfy { $0.pid == one.pid || $0.pid == two.pid })
        let none = try CensusList.take(of: server, "--by", "container", "--state", "established", "-D", ports)
          .rows
        #expect(none.map(\.name) == [nil])
      }
      for player in [one, two] { _ = try player.exit() }
    }

    @Test("leaks says what the holder is, and filters by it", .onceIsEnough)
    func leaks() throws {
      let group = try ControlGroup("/system.slice/tcplinger-shop.service")
      let (client, server) = (try Player("client"), try Player("server"))
      try group.add(client.pid)
      let talk = try Conversation(client, server)
      try talk.server.close()
      try talk.client.awaitState(.closeWait)
      let text = try Run.tcplinger(["leaks", "--unit", "tcplinger-shop", "-p", "\(client.pid)"])
      let line = text.output.lines.first { $0.contains("unit tcplinger-shop.service") }
      #expect(line?.contains("tcplinger-player") == true)
      #expect(line?.contains("user root") == true)
      #expect(try LeakList.take("--unit", "tcplinger-other").leaks(of: client.pid).isEmpty)
      #expect(try LeakList.take("--user", "root").leaks(of: client.pid).map(\.count) == [1])
      let chinese = try Run.tcplinger(["leaks", "--lang", "zh", "-p", "\(client.pid)"])
      #expect(chinese.output.lines.contains { $0.hasPrefix("CLOSE_WAIT：") })
      _ = try client.exit()
    }

    @Test("the summary and top take the processes of one unit together", .onceIsEnough)
    func groups() throws {
      let group = try ControlGroup("/system.slice/tcplinger-shop.service")
      let server = try Player("server")
      let clients = try (0..<5).map { try Player("worker\($0)") }
      for client in clients { try group.add(client.pid) }
      let tracer = try Tracer("--unit", "tcplinger-shop")
      let top = try Child(
        Programs.tcplinger,
        ["top", "--by", "unit", "--batch", "--interval", "1s", "--count", "4", "--unit", "tcplinger-shop"])
      // Until it has looked often enough.
      for _ in 0..<40 {
        let talk = try Conversation(clients[0], server)
        try talk.client.close()
        try talk.server.close()
        usleep(100_000)
      }
      for client in clients {
        let talk = try Conversation(client, server)
        try talk.client.close()
        try talk.server.close()
        _ = try tracer.event("time_wait", of: talk.client)
      }
      let services = try tracer.stop().services
      #expect(services?.map(\.name) == ["tcplinger-shop.service"])
      #expect(services?.map(\.processes) == [5])
      #expect(try top.end() == .status(0))
      let row = top.output.lines.last { $0.contains("tcplinger-shop.service") }
      #expect(row != nil)
      for client in clients { _ = try client.exit() }
    }

    @Test("of 5,000 processes that live for 3 ms each 99 % keep their command lines", .onceIsEnough)
    func burst() throws {
      let count = 5000
      let port = 17_788
      let sink = try Child(
        Programs.system("python3", package: "python3"), ["-c", Self.sink, "\(port)"])
      #expect(
        eventually {
          readFile("/proc/net/tcp")?.contains(String(port, radix: 16).uppercased()) == true
        })
      let tracer = try Tracer("-D", "\(port)", "--state", "time_wait")
      let burst = try Run(
        Programs.system("python3", package: "python3"),
        ["-c", Self.burst, try Programs.player, "\(port)", "\(count)"])
      #expect(burst.ending == .status(0), "\(burst.errors.lines)")
      let summary = try tracer.stop()
      #expect(summary.timeWaits?.seen == count)
      let events = try tracer.events(Question("time_wait", peer: port))
      let known = events.filter { $0.process?.cmdline?.contains("brief 127.") == true }
      #expect(events.count == count)
      #expect(known.count * 100 >= count * 99, "\(known.count) of \(count)")
      sink.send(SIGTERM)
      _ = try sink.end()
    }

    private static let sink = """
      import socket, sys
      listener = socket.socket()
      listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
      listener.bind(("0.0.0.0", int(sys.argv[1])))
      listener.listen(4096)
      while True:
          connection, _ = listener.accept()
          connection.recv(1)
          connection.close()
      """

    private static let burst = """
      import subprocess, sys
      player, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
      running = []
      for number in range(count):
          running.append(subprocess.Popen([player, "brief", f"127.0.{number // 250 % 250}.{number % 250 + 1}", port]))
          if len(running) > 32 and running.pop(0).wait():
              sys.exit(1)
      sys.exit(any(process.wait() for process in running))
      """
  }
}

/// State files of runtimes that this machine does not have, with the folders that were missing; removed when nobody refers to
/// them any more.
private final class StateFiles {
  private var made: [String] = []

  init(_ files: [String: String]) throws {
    for (path, text) in files {
      var folder = ""
      for part in path.split(separator: "/").dropLast() {
        folder += "/\(part)"
        if mkdir(folder, 0o711) == 0 { made.append(folder) }
      }
      try writeFile(path, text)
      made.append(path)
    }
  }

  deinit { for path in made.reversed() { if unlink(path) != 0 { rmdir(path) } } }
}
