import Events
import Testing

@testable import Render

private func process(_ context: ProcessContext?) -> Process {
  var process = Process(pid: 7, tid: 7, comm: Comm("python3"), startedNanoseconds: 1)
  process.context = context
  return process
}

private let known = ProcessContext(
  comm: Comm("python3"), commandLine: ["/usr/bin/python3", "/srv/worker.py", "\u{1b}[31m\"x\""],
  isCommandCut: true,
  executable: "/usr/bin/python3.11", user: .init(id: 33, name: "www-data"),
  cgroup: Cgroup(
    path: "/system.slice/docker-abc.scope", units: ["docker-abc.scope"],
    container: Container(id: "abc", name: "api", runtime: "docker"),
    pod: Pod(uid: "u1", name: "api-7", namespace: "shop")))

@Suite struct `What a process is` {
  private func json(_ context: ProcessContext?) -> String {
    var line = LineBuffer()
    line.fields(process(context))
    return String(decoding: line.bytes, as: UTF8.self)
  }

  @Test func `is in JSON beside its name, with null for what is not known`() {
    #expect(
      json(known) == #"""
        "pid":7,"comm":"python3","cmdline":"/usr/bin/python3 /srv/worker.py \u001b[31m\"x\"","cmdline_cut":true,\#
        "exe":"/usr/bin/python3.11","user":"www-data","unit":"docker-abc.scope",\#
        "container":{"id":"abc","name":"api","runtime":"docker"},\#
        "pod":{"name":"api-7","namespace":"shop","uid":"u1"}
        """#)
    #expect(
      json(ProcessContext(comm: Comm("x"))) == #"""
        "pid":7,"comm":"python3","cmdline":null,"exe":null,"user":null,"unit":null,"container":null,"pod":null
        """#)
    #expect(json(nil) == #""pid":7,"comm":"python3""#)
  }

  private func text(_ context: ProcessContext?, isWhole: Bool = false) -> String {
    var line = LineBuffer()
    line.append(context, isWhole: isWhole)
    return String(decoding: line.bytes, as: UTF8.self)
  }

  @Test func `is said in words, harmless ones`() {
    #expect(text(known) == "python3 worker.py, container api (docker), pod shop/api-7, user www-data")
    #expect(
      text(known, isWhole: true)
        == #"/usr/bin/python3 /srv/worker.py \x1b[31m"x"…, container api (docker), pod shop/api-7, user www-data"#
    )
    let unit = ProcessContext(
      comm: Comm("nginx"), commandLine: [String(repeating: "n", count: 100)],
      user: .init(id: 99, name: nil), cgroup: Cgroup(path: "/x", units: ["nginx.service"]))
    #expect(text(unit) == String(repeating: "n", count: 80) + "…, unit nginx.service, user 99")
    #expect(text(ProcessContext(comm: Comm("x"))).isEmpty)
    #expect(text(ProcessContext(comm: Comm("x"), executable: "/tmp/p")) == "/tmp/p")
  }
}

@Suite struct `Columns of a terminal` {
  @Test(arguments: [
    ("abc", 3), ("连接", 4), ("é", 1), ("e\u{301}", 1), ("ｆｕｌｌ", 8), ("한글", 4), ("→", 1), ("…", 1), ("", 0),
    ("🚀", 2),
  ])
  func `are counted by the width of each character`(text: String, columns: Int) {
    #expect(Width.of(text) == columns)
  }

  @Test func `are kept by padding and by cutting`() {
    var line = LineBuffer()
    line.append("连接")
    line.pad(from: 0, to: 8)
    line.append("x")
    #expect(String(decoding: line.bytes, as: UTF8.self) == "连接    x")
    #expect(Width.fit("连接数", 5) == "连接+")
    #expect(Width.fit("连接数", 6) == "连接数")
    #expect(Width.fit("abcdef", 4) == "abc+")
  }

  @Test func `are what lines are broken at, between words and around wide characters`() {
    #expect(Wrapping.lines("one two three", columns: 8) == ["one two", "three"])
    #expect(Wrapping.lines("端口耗尽，请复用连接", columns: 8) == ["端口耗", "尽，请复", "用连接"])
    #expect(Wrapping.lines("对端 close() 之后", columns: 12) == ["对端 close()", "之后"])
    #expect(Wrapping.lines("aa bb", columns: 6, first: 4, rest: 2) == ["aa", "bb"])
    #expect(Wrapping.lines("averylongword", columns: 4) == ["averylongword"])
  }
}
