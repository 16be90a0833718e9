import Glibc
import Stage
import Testing

extension EndToEndTests {
  /// Real output of every command, checked against docs/schema by Python's jsonschema.
  @Suite struct SchemaTests {
    private let folder: TemporaryDirectory
    private let home: Player

    init() throws {
      folder = try TemporaryDirectory()
      home = try Player("home")
      try home.enterNewNetworkNamespace()
    }

    private func validation(of output: String, _ schema: String) throws -> Run {
      let file = try folder.write("lines", output)
      let program = Programs.source("Tests/Schema/validate.py")
      return try Run(
        Programs.system("sh", package: "dash"), ["-c", "exec \"$0\" \"$1\" < \"$2\"", program, schema, file])
    }

    /// How many objects of each kind there were; a failure if one is not as the schema says.
    private func kinds(in output: String, _ schema: String) throws -> String {
      let run = try validation(of: output, schema)
      guard run.ending == .status(0) else { throw Failure("\(schema): \(run.errors.text)") }
      return run.output.text
    }

    /// One of each kind: a TIME_WAIT, a CLOSE_WAIT that ends and one that nobody accepts, a FIN_WAIT2, a reset.
    private func makeTrouble() throws -> [Any] {
      let (client, server) = (try home.fork(), try home.fork())
      let done = try Conversation(client, server)
      try done.client.close()
      try done.server.close()
      let reset = try Conversation(client, server)
      try reset.client.resetOnClose()
      try reset.client.close()
      let leak = try Conversation(client, server)
      try leak.client.close()
      let listener = try server.listen()
      let queued = try client.connect(to: listener.local)
      try queued.close()
      return [client, server, leak, listener]
    }

    @Test("Every event of a trace")
    func trace() throws {
      let trace = try Child(
        Programs.tcplinger,
        [
          "--json", "--netns", "\(home.pid)", "--min-age", "200ms", "--state",
          "time_wait,close_wait,fin_wait2,reset",
        ])
      _ = try #require(trace.nextLine(by: .inSeconds(patience)))
      let leftovers = try makeTrouble()
      let hasAll = eventually {
        trace.output.fill(within: 50)
        let text = trace.output.text
        return ["time_wait", "fin_wait2", "reset"].allSatisfy { text.contains("\"event\":\"\($0)\"") }
          && text.split(separator: "\"event\":\"close_wait\"").count > 2
      }
      #expect(hasAll)
      for case let player as Player in leftovers { _ = try player.exit() }
      #expect(
        eventually {
          trace.output.fill(within: 50)
          return trace.output.text.contains("\"close_wait_end\"")
        })
      trace.send(SIGINT)
      #expect(try trace.end() == .status(0))
      let text = trace.output.text
      let kinds = try kinds(in: text, "trace.json")
      for kind in ["start", "time_wait", "fin_wait2", "close_wait", "close_wait_end", "reset", "summary"] {
        #expect(kinds.contains("\"\(kind)\""), "\(kinds)")
      }
      #expect(text.hasPrefix("{\"event\":\"start\",\"schema\":1,"))
    }

    @Test(
      "The answer of every other command, with the version first",
      arguments: [
        ("leaks", ["leaks", "--netns"]),
        ("leaks", ["leaks", "--count", "2", "--interval", "200ms", "--netns"]),
        ("census", ["census", "--netns"]), ("census", ["census", "--by", "process", "--netns"]),
        ("census", ["census", "--by", "tuple", "--netns"]), ("census", ["census", "--by", "peer", "--netns"]),
        ("census", ["census", "--by", "netns", "--netns"]),
        ("doctor", ["doctor", "--duration", "1s", "--netns"]),
        ("top", ["top", "--count", "2", "--interval", "300ms", "--netns"]), ("check", ["check"]),
        ("explain", ["doctor", "--explain", "CLOSE_WAIT"]),
      ])
    func others(kind: String, command: [String]) throws {
      let trouble = try makeTrouble()
      let run = try Run.tcplinger(command + (command.last == "--netns" ? ["\(home.pid)"] : []) + ["--json"])
      #expect(run.ending == .status(0))
      #expect(run.output.text.hasPrefix("{\"event\":\"\(kind)\",\"schema\":1,"))
      let count = command.contains("2") ? 2 : 1
      #expect(try kinds(in: run.output.text, "\(kind).json") == "{\"\(kind)\": \(count)}\n")
      withExtendedLifetime(trouble) {}
    }

    @Test("leaks --each, and the report of run")
    func lines() throws {
      let trouble = try makeTrouble()
      let each = try Run.tcplinger(["leaks", "--each", "--json", "--netns", "\(home.pid)"])
      #expect(try kinds(in: each.output.text, "trace.json") == "{\"close_wait\": 2, \"fin_wait2\": 2}\n")
      #expect(each.output.lines.allSatisfy { $0.contains("\"schema\":1,\"look\":1}") })
      let python = try Programs.system("python3", package: "python3")
      let program = """
        import os, select, socket
        l = socket.socket(); l.bind(("127.0.0.1", 0)); l.listen(5)
        c = socket.create_connection(l.getsockname()); s, _ = l.accept(); s.close(); select.select([c], [], [])
        os._exit(0)
        """
      let run = try Run.tcplinger(["run", "--json", "--", python, "-c", program])
      #expect(run.ending == .status(3))
      let kinds = try kinds(in: run.errors.text, "trace.json")
      for kind in ["start", "close_wait", "close_wait_end", "summary"] {
        #expect(kinds.contains("\"\(kind)\": 1"))
      }
      withExtendedLifetime(trouble) {}
    }

    @Test(
      "What is not as the schema says is found",
      arguments: [
        ("trace.json", #"{"event":"lost","time":"2026-11-21T02:36:15.1Z","count":1}"#, "where"),
        ("trace.json", #"{"event":"lost","time":"now","count":1,"where":"output"}"#, "now"),
        (
          "trace.json", #"{"event":"lost","time":"2026-11-21T02:36:15.1Z","count":1,"where":"output","x":1}"#,
          "x"
        ),
        (
          "trace.json", #"{"event":"lost","time":"2026-11-21T02:36:15.1Z","count":"1","where":"output"}"#,
          "integer"
        ),
        (
          "top.json",
          #"{"event":"top","time":"2026-11-21T02:36:15.1Z","interval_s":1,"processes":[],"lost":0}"#, "schema"
        ),
      ])
    func broken(schema: String, line: String, fault: String) throws {
      let run = try validation(of: line + "\n", schema)
      #expect(run.ending == .status(1))
      #expect(run.errors.text.contains(fault))
    }

    @Test("Losses are as the schema says, wherever they were")
    func losses() throws {
      let places = [
        "ring_buffer", "socket_memory", "unconfirmed", "skipped_run", "malformed", "followed_processes",
        "counts",
        "output",
      ]
      let lines = places.map {
        #"{"event":"lost","time":"2026-11-21T02:36:15.1Z","count":1,"where":"\#($0)"}"# + "\n"
      }
      #expect(try kinds(in: lines.joined(), "trace.json") == "{\"lost\": \(places.count)}\n")
    }

    @Test("Every field of a schema is in docs/events.md")
    func documented() throws {
      let script = """
        import json, pathlib, re, sys
        root = pathlib.Path(sys.argv[1])
        words = set(re.findall(r"[a-z_0-9]+", (root / "docs/events.md").read_text()))
        def fields(node):
            if isinstance(node, dict):
                if isinstance(node.get("properties"), dict): yield from node["properties"]
                for value in node.values(): yield from fields(value)
            elif isinstance(node, list):
                for value in node: yield from fields(value)
        found = {f for p in (root / "docs/schema").glob("*.json") for f in fields(json.loads(p.read_text()))}
        print(len(found) > 50, *sorted(found - words))
        """
      let run = try Run("/usr/bin/python3", ["-c", script, Programs.source("")])
      #expect(run.output.text == "True\n")
    }
  }
}
