import Glibc
import Stage

/// One request, answered.
struct Curl {
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

/// A program in Python, as Debian has it; it says first at which port it listens, or what else is known then.
struct Python {
  let child: Child
  let number: Int

  var pid: Int32 { child.pid }

  init(_ program: String, _ arguments: String...) throws {
    // Not a Python that was installed by hand: what is imported comes from Debian's packages.
    let path = try Programs.system("python3", package: "python3 python3-requests", in: ["/usr/bin"])
    child = try Child(path, ["-u", "-c", program] + arguments)
    let line = child.nextLine(by: .inSeconds(patience)).map { String(decoding: $0, as: UTF8.self) }
    guard let number = line.flatMap({ Int($0) }) else {
      throw Failure("Python said \(line ?? "nothing"): \(child.report())")
    }
    self.number = number
  }
}

/// Answers each request, and ends the connection first.
func closingServer() throws -> Python {
  // Without a Content-Length: only the end of file tells the client that this is all.
  try Python(
    """
    from http.server import BaseHTTPRequestHandler, HTTPServer
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello\\n")
    server = HTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port)
    server.serve_forever()
    """)
}

func freePort() throws -> Int {
  let player = try Player("port")
  return try player.listen().local.port
}

/// Until somebody listens there; leaves nothing behind.
func awaitListener(at port: Int, _ child: Child) throws {
  let probe = try Player("probe")
  let endpoint = Endpoint(address: "127.0.0.1", port: port)
  var trial: Socket?
  _ = eventually {
    trial = try? probe.connect(to: endpoint)
    return trial != nil
  }
  guard let trial else { throw Failure("nobody listens at \(port): \(child.report())") }
  try trial.resetOnClose()
  try trial.close()
}

/// A master with two workers, on a port of its own, that answers with the worker's pid, or what a backend answers.
final class Nginx {
  let port: Int
  private let directory = try? TemporaryDirectory()
  private let child: Child

  var pid: Int32 { child.pid }

  init(backend: Int? = nil, keepAlive: String = "75s") throws {
    guard let path = directory?.path else { throw Failure("no temporary directory") }
    port = try freePort()
    let answer = backend.map { "proxy_pass http://127.0.0.1:\($0)/;" } ?? #"return 200 "$pid\n";"#
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
        keepalive_timeout \(keepAlive);
        client_body_temp_path \(path); proxy_temp_path \(path); fastcgi_temp_path \(path);
        uwsgi_temp_path \(path); scgi_temp_path \(path);
        server {
          listen 127.0.0.1:\(port);
          location / { \(answer) }
        }
      }

      """)
    child = try Child(
      Programs.system("nginx", package: "nginx-light"),
      ["-p", path, "-c", "\(path)/nginx.conf", "-e", "stderr"])
    try awaitListener(at: port, child)
  }

  /// The master ends its workers.
  deinit {
    child.send(SIGTERM)
    _ = try? child.end()
  }
}

/// One process in front of a backend, on a port of its own.
final class HAProxy {
  let port: Int
  private let directory = try? TemporaryDirectory()
  private let child: Child

  init(backend: Int) throws {
    guard let path = directory?.path else { throw Failure("no temporary directory") }
    port = try freePort()
    try writeFile(
      "\(path)/haproxy.cfg",
      """
      defaults
        mode http
        timeout connect 5s
        timeout client 30s
        timeout server 30s
      listen front
        bind 127.0.0.1:\(port)
        server back 127.0.0.1:\(backend)

      """)
    child = try Child(
      Programs.system("haproxy", package: "haproxy"), ["-db", "-f", "\(path)/haproxy.cfg"])
    try awaitListener(at: port, child)
  }
}
