import Glibc
import Stage
import Testing

extension KernelTests {
  /// Programs as they come from Debian.
  @Suite struct RealProgramTests {
    @Test("curl ends a kept-alive connection to nginx: curl is the origin")
    func curlCloses() throws {
      let nginx = try Nginx()
      let tracer = try Tracer("--min-age", "30s")

      let curl = try Curl(nginx.port, [])
      let event = try tracer.wait("time_wait") {
        $0.event == "time_wait" && $0.peer?.port == nginx.port
      }
      try tracer.passSentinel(waitingStates: false)
      try tracer.stop()

      #expect(event.process?.pid == curl.pid)
      #expect(event.process?.comm == "curl")
      #expect(event.role == "client")
      #expect(!tracer.events.contains { $0.local?.port == nginx.port })
      #expect(tracer.events.filter { $0.peer?.port == nginx.port }.count == 1)
    }

    @Test("nginx ends a connection that is not to be kept: its worker is the origin, not its master")
    func nginxCloses() throws {
      let nginx = try Nginx()
      let tracer = try Tracer("--min-age", "30s")

      // Only the end of file tells curl then that this is all.
      let curl = try Curl(nginx.port, ["-H", "Connection: close", "--ignore-content-length"])
      let event = try tracer.wait("time_wait") {
        $0.event == "time_wait" && $0.local?.port == nginx.port
      }
      try tracer.passSentinel(waitingStates: false)
      try tracer.stop()

      // nginx writes the pid of the worker that answers.
      let worker = try #require(Int32(curl.answer))
      #expect(worker != nginx.pid)
      #expect(event.process?.pid == worker)
      #expect(event.opener?.pid == worker)
      #expect(event.process?.comm == "nginx")
      #expect(event.role == "server")
      #expect(!tracer.events.contains { $0.peer?.port == nginx.port })
      #expect(tracer.events.filter { $0.local?.port == nginx.port }.count == 1)
    }

    @Test("An HTTP/1.0 server ends first: it is the origin")
    func pythonCloses() throws {
      let python = try Child(
        Programs.system("python3", package: "python3"), ["-u", "-c", Self.serverProgram])
      let line = try #require(python.nextLine(by: .inSeconds(patience)))
      let port = try #require(Int(String(decoding: line, as: UTF8.self)))
      let tracer = try Tracer("--min-age", "30s")

      _ = try Curl(port, [])
      let event = try tracer.wait("time_wait") {
        $0.event == "time_wait" && $0.local?.port == port
      }
      try tracer.passSentinel(waitingStates: false)
      try tracer.stop()

      #expect(event.process?.pid == python.pid)
      #expect(event.opener?.pid == python.pid)
      #expect(event.role == "server")
      #expect(!tracer.events.contains { $0.peer?.port == port })
    }

    /// Python's http.server, without a Content-Length: only the end of file tells curl that this is all.
    private static let serverProgram = """
      from http.server import BaseHTTPRequestHandler, HTTPServer
      class Handler(BaseHTTPRequestHandler):
          def do_GET(self):
              self.send_response(200)
              self.end_headers()
              self.wfile.write(b"hello\\n")
      server = HTTPServer(("127.0.0.1", 0), Handler)
      print(server.server_port)
      server.serve_forever()
      """

    /// One request, answered.
    private struct Curl {
      let pid: Int32
      let answer: String

      init(_ port: Int, _ options: [String]) throws {
        let child = try Child(
          Programs.system("curl", package: "curl"),
          options + ["-sS", "--noproxy", "*", "http://127.0.0.1:\(port)/"])
        guard try child.end() == .status(0) else { throw Failure("curl failed: \(child.report())") }
        pid = child.pid
        answer = child.output.text.split(separator: "\n").first.map(String.init) ?? ""
      }
    }

    /// A master with two workers, on a port of its own, that answers with the worker's pid.
    private final class Nginx {
      let port: Int
      private let directory = try? TemporaryDirectory()
      private let child: Child

      var pid: Int32 { child.pid }

      init() throws {
        guard let path = directory?.path else { throw Failure("no temporary directory") }
        port = try Self.freePort()
        try writeFile(
          "\(path)/nginx.conf",
          """
          daemon off;
          worker_processes 2;
          pid \(path)/pid;
          error_log stderr;
          events {}
          http {
            access_log off;
            client_body_temp_path \(path); proxy_temp_path \(path); fastcgi_temp_path \(path);
            uwsgi_temp_path \(path); scgi_temp_path \(path);
            server {
              listen 127.0.0.1:\(port);
              location / { return 200 "$pid\\n"; }
            }
          }

          """)
        child = try Child(
          Programs.system("nginx", package: "nginx-light"),
          ["-p", path, "-c", "\(path)/nginx.conf", "-e", "stderr"])
        let probe = try Player("probe")
        let endpoint = Endpoint(address: "127.0.0.1", port: port)
        var trial: Socket?
        _ = eventually {
          trial = try? probe.connect(to: endpoint)
          return trial != nil
        }
        guard let trial else { throw Failure("nginx does not listen: \(child.report())") }
        // Leaves nothing behind.
        try trial.resetOnClose()
        try trial.close()
      }

      /// The master ends its workers.
      deinit {
        child.send(SIGTERM)
        _ = try? child.end()
      }

      private static func freePort() throws -> Int {
        let player = try Player("port")
        return try player.listen().local.port
      }
    }
  }
}
