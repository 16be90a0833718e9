import CWire
import Testing

@testable import Events

private func context(
  _ words: [String] = [], exe: String? = nil, user: (UInt32, String?)? = nil, cgroup: Cgroup? = nil
) -> ProcessContext {
  ProcessContext(
    comm: Comm("x"), commandLine: words.isEmpty ? nil : words, executable: exe,
    user: user.map { .init(id: $0.0, name: $0.1) }, cgroup: cgroup)
}

@Suite struct `A command line` {
  @Test(
    arguments: [
      (Array("python3\0worker.py\0".utf8), false, ["python3", "worker.py"]),
      (Array("sh\0-c\0\0x\0".utf8), false, ["sh", "-c", "", "x"]),
      (Array("nginx: worker process\0\0\0\0".utf8), false, ["nginx: worker process"]),
      (Array("postgres: walwriter   ".utf8), false, ["postgres: walwriter"]),
      ([], false, []), ([0, 0, 0], false, []), (Array("   \0".utf8), false, []),
      ([0x61, 0xff, 0x62, 0], false, ["a\u{fffd}b"]),
      (Array("caf\u{e9}".utf8.dropLast()), true, ["caf"]),
    ] as [([UInt8], Bool, [String])])
  func `is taken apart at its zeros`(bytes: [UInt8], isCut: Bool, words: [String]) {
    #expect([String](commandLine: bytes, isCut: isCut) == words)
  }

  @Test(
    arguments: [
      (
        ["/usr/bin/python3.11", "-u", "-X", "dev", "/srv/worker.py", "--queue", "mail"], "python3.11 worker.py"
      ),
      (["python3", "-m", "http.server", "8000"], "python3 -m http.server"),
      (["python3", "-c", "import os"], "python3 -c \u{2026}"),
      (
        ["java", "-Xmx2g", "-cp", "/a.jar:/b.jar", "-Dx=y", "com.example.Main", "arg"], "java com.example.Main"
      ),
      (["/opt/jdk/bin/java", "-server", "-jar", "/opt/billing.jar", "--port=1"], "java -jar billing.jar"),
      (["node", "--max-old-space-size=512", "-r", "dotenv/config", "/app/server.js"], "node server.js"),
      (["ruby", "bin/rails", "server"], "ruby rails"), (["perl", "-e", "1"], "perl -e \u{2026}"),
      (["bash", "/usr/local/bin/backup.sh"], "bash backup.sh"),
      (["bash", "-lc", "exec /bin/x"], "bash -lc \u{2026}"),
      (["sshd: alice@pts/0"], "sshd: alice@pts/0"),
      (["postgres: 15/main: walwriter"], "postgres: 15/main: walwriter"),
      (["nginx: master process /usr/sbin/nginx -g x"], "nginx: master process /usr/sbin/nginx -g x"),
      (["python3"], "python3"), (["node", "--version"], "node --version"),
      (["/usr/sbin/nginx", "-g", "daemon off;"], "nginx -g daemon off;"),
      (["nginx: worker process"], "nginx: worker process"), (["pythonic", "x"], "pythonic x"),
      ([""], nil), ([], nil),
    ] as [([String], String?)])
  func `has a title by which a person knows it`(words: [String], title: String?) {
    #expect(CommandTitle.of(words) == title)
  }
}

@Suite struct `A filter by what processes are` {
  private static let process = context(
    ["python3", "worker.py"], exe: "/usr/bin/python3.11", user: (33, "www-data"),
    cgroup: Cgroup(
      path: "/kubepods.slice/a/b",
      units: ["user@1000.service", "php8.2-fpm.service", "a\\x2db.service", "worker@3.service"],
      container: Container(id: "3f2a9c0b1d4e", name: "api", runtime: "docker"),
      pod: Pod(uid: "u-1", name: "api-7", namespace: "shop")))

  @Test(
    arguments: [
      (["worker@3.service"], true), (["worker@*"], true), (["php8.2-fpm"], true), (["a\\x2db"], true),
      (["a\\\\x2db"], true), (["user@1000.service/*"], true),
      (["worker@3"], true), (["user@1000"], true),
      (["nginx"], false),
      (["nginx", "worker@*.service"], true), (["*"], true), (["WORKER*"], false),
    ] as [([String], Bool)])
  func `goes by unit`(units: [String], passes: Bool) {
    var filter = ContextFilter()
    filter.units = units
    #expect(filter.passes(Self.process) == passes)
    #expect(filter.asksForGroup)
  }

  @Test func `goes by container, pod, cgroup, user and program`() {
    let cases: [(WritableKeyPath<ContextFilter, [String]>, String, Bool)] = [
      (\.containers, "api", true), (\.containers, "shop/api-7/api", true), (\.containers, "a?i", true),
      (\.containers, "3f2a", true),
      (\.containers, "3f2a9c0b1d4e", true), (\.containers, "3f2", false), (\.containers, "docker", false),
      (\.pods, "api-*", true), (\.pods, "shop/api-7", true), (\.pods, "shop/*", true), (\.pods, "u-1", true),
      (\.pods, "mall/*", false), (\.cgroups, "/kubepods.slice", true), (\.cgroups, "kubepods.slice/a/", true),
      (\.cgroups, "/kubepods.slice/a/b", true), (\.cgroups, "/kube*", true), (\.cgroups, "/", true),
      (\.cgroups, "/kubepods", false), (\.users, "www-data", true), (\.users, "33", true),
      (\.users, "www*", true),
      (\.users, "0", false), (\.executables, "python3*", true), (\.executables, "/usr/bin/*", true),
      (\.executables, "/usr/bin/python3", false), (\.executables, "python3.11", true),
    ]
    for (kind, pattern, passes) in cases {
      var filter = ContextFilter()
      filter[keyPath: kind] = [pattern]
      #expect(filter.passes(Self.process) == passes, "\(pattern)")
    }
  }

  @Test func `takes nothing that is not known, and everything without a pattern`() {
    #expect(ContextFilter().passes(nil))
    var filter = ContextFilter()
    filter.users = ["*"]
    #expect(!filter.passes(nil))
    #expect(!filter.passes(context()))
    filter = ContextFilter()
    filter.units = ["worker@*"]
    filter.users = ["root"]
    #expect(!filter.passes(Self.process))
  }
}

@Suite struct `What the kernel tells of a process` {
  private func decoded(_ text: String, length: Int? = nil) throws -> KernelContext {
    var wire = wire_context()
    (wire.process.pid, wire.process.tid, wire.process.started_ns) = (7, 8, 9)
    (wire.cgroup_id, wire.uid, wire.command_length) = (11, 1000, UInt32(length ?? text.utf8.count))
    withUnsafeMutableBytes(of: &wire.command) { $0.copyBytes(from: text.utf8.prefix(256)) }
    return try withUnsafeBytes(of: wire) { try KernelContext(RawSpan(_unsafeBytes: $0)) }
  }

  @Test func `is read field by field`() throws {
    let record = try decoded("sh\0-c\0true\0")
    #expect((record.process.pid, record.process.tid, record.process.startedNanoseconds) == (7, 8, 9))
    #expect((record.cgroup, record.user) == (11, 1000))
    #expect(record.commandLine == ["sh", "-c", "true"])
    #expect(!record.isCommandCut)
  }

  @Test func `says whether the command line is longer, or could not be read`() throws {
    let long = try decoded(String(repeating: "a", count: 300))
    #expect(long.isCommandCut)
    #expect(long.commandLine == [String(repeating: "a", count: 256)])
    // The process has written a title over its words, which goes on behind them.
    #expect(try decoded("nginx:").isCommandCut)
    #expect(try decoded("garbage", length: 0).commandLine == nil)
  }

  @Test func `is refused at another length`() {
    let bytes = [UInt8](repeating: 0, count: 303)
    #expect(throws: RecordError.wrongLength(303)) {
      try bytes.withUnsafeBytes { _ = try KernelContext(RawSpan(_unsafeBytes: $0)) }
    }
  }
}

@Suite struct `Processes of one service` {
  private func origin(_ pid: UInt32, _ unit: String?) -> Origin {
    var process = Process(pid: pid, tid: pid, comm: Comm("w"), startedNanoseconds: UInt64(pid))
    process.context = context(cgroup: unit.map { Cgroup(path: "/\($0)", units: [$0]) })
    let end = Endpoint(address: Address(ipv4: 10, 0, 0, 1), port: 1)
    return Origin(
      time: WallTime(nanoseconds: 0), connection: Connection(family: .ipv4, netns: 1, local: end, peer: end),
      role: .client, process: process, attribution: .traced, opener: nil, lifetimeNanoseconds: nil,
      bytesSent: nil,
      bytesReceived: nil, kind: .timeWait(cause: .close, enteredFrom: nil))
  }

  @Test func `are summed up if there are more than three`() {
    var tally = Tally()
    for pid: UInt32 in 1...4 { for _ in 0..<pid { tally.count(origin(pid, "many.service")) } }
    for pid: UInt32 in 11...13 { tally.count(origin(pid, "few.service")) }
    for pid: UInt32 in 21...25 { tally.count(origin(pid, nil)) }
    let services = tally.summary(time: WallTime(nanoseconds: 0), durationNanoseconds: 1).services
    #expect(services.map(\.name) == ["many.service"])
    #expect(services.map(\.processes) == [4])
    #expect(services.map(\.sum.timeWait) == [10])
  }

  @Test func `have a name that no other group has`() {
    let pod = Pod(uid: "u", name: "api-7", namespace: "shop")
    let proxy = context(
      cgroup: Cgroup(path: "/x", container: Container(id: "1", name: "proxy"), pod: pod))
    #expect(Grouping.container.name(of: proxy) == "shop/api-7/proxy")
    let user = context(cgroup: Cgroup(path: "/x", units: ["user@1000.service", "init.scope"]))
    #expect(Grouping.unit.name(of: user) == "user@1000.service/init.scope")
    #expect(proxy.service == "shop/api-7/proxy")
    #expect(user.service == "user@1000.service/init.scope")
  }

  @Test func `are one row of top, with all of their peers`() {
    func row(_ pid: UInt32, _ unit: String?) -> TopReport.Row {
      var row = TopReport.Row(id: ProcessKey(pid: pid, startedNanoseconds: 1), comm: Comm("w"))
      row.context = context(user: (33, nil), cgroup: unit.map { Cgroup(path: "/\($0)", units: [$0]) })
      (row.timeWaits, row.timeWaitsPerSecond, row.acceptsPerSecond, row.leaked) = (10, 1.5, 2, 1)
      var peer = TopReport.Peer(
        name: .init(role: .client, family: .ipv4, address: Address(ipv4: 127, 0, 0, 1), port: 80))
      (peer.timeWaits, peer.portShare, peer.ends) = (
        10, Double(pid) / 10, [ProcessKey(pid: 99, startedNanoseconds: 1)]
      )
      row.peers = [peer]
      return row
    }
    let rows = [row(1, "a.service"), row(2, "a.service"), row(3, nil)].grouped(by: .unit).sorted {
      $0.processes > $1.processes
    }
    #expect(rows.map(\.group) == ["a.service", ""])
    #expect(rows.map(\.processes) == [2, 1])
    #expect(
      (rows[0].timeWaits, rows[0].timeWaitsPerSecond, rows[0].acceptsPerSecond, rows[0].leaked) == (20, 3, 4, 2)
    )
    #expect(rows[0].peers.map(\.timeWaits) == [20])
    #expect(rows[0].peers[0].portShare == 0.2)
    #expect(rows[0].peers[0].ends.count == 1)
    #expect(rows[0].context?.unit == "a.service")
    #expect(rows[0].context?.user == nil)
    #expect([row(1, nil), row(2, nil)].grouped(by: .user).map(\.group) == ["33"])
    #expect([row(1, nil)].grouped(by: .process).map(\.id?.pid) == [1])
  }
}
