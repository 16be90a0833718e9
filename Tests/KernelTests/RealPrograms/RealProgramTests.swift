import Glibc
import Stage
import Testing

extension KernelTests {
  /// Programs as they come from Debian.
  @Suite(.onceIsEnough) struct RealProgramTests {
    @Test("curl ends a kept-alive connection to nginx: curl is the origin")
    func curlCloses() throws {
      let nginx = try Nginx()
      let tracer = try Tracer("--min-age", "30s")

      let curl = try Curl(nginx.port, [])
      let event = try tracer.event(Question("time_wait", peer: nginx.port))
      try tracer.passSentinel(waitingStates: false)
      try tracer.stop()

      #expect(event.process?.pid == curl.pid)
      #expect(event.process?.comm == "curl")
      #expect(event.role == "client")
      #expect(try tracer.events(Question(local: nginx.port)).isEmpty)
      #expect(try tracer.events(Question(peer: nginx.port)).count == 1)
    }

    @Test("nginx ends a connection that is not to be kept: its worker is the origin, not its master")
    func nginxCloses() throws {
      let nginx = try Nginx()
      let tracer = try Tracer("--min-age", "30s")

      // Only the end of file tells curl then that this is all.
      let curl = try Curl(nginx.port, ["-H", "Connection: close", "--ignore-content-length"])
      let event = try tracer.event(Question("time_wait", local: nginx.port))
      try tracer.passSentinel(waitingStates: false)
      try tracer.stop()

      // nginx writes the pid of the worker that answers.
      let worker = try #require(Int32(curl.answer))
      #expect(worker != nginx.pid)
      #expect(event.process?.pid == worker)
      #expect(event.opener?.pid == worker)
      #expect(event.process?.comm == "nginx")
      #expect(event.role == "server")
      #expect(try tracer.events(Question(peer: nginx.port)).isEmpty)
      #expect(try tracer.events(Question(local: nginx.port)).count == 1)
    }

    @Test("An HTTP/1.0 server ends first: it is the origin")
    func pythonCloses() throws {
      let python = try closingServer()
      let port = python.number
      let tracer = try Tracer("--min-age", "30s")

      _ = try Curl(port, [])
      let event = try tracer.event(Question("time_wait", local: port))
      try tracer.passSentinel(waitingStates: false)
      try tracer.stop()

      #expect(event.process?.pid == python.pid)
      #expect(event.opener?.pid == python.pid)
      #expect(event.role == "server")
      #expect(try tracer.events(Question(peer: port)).isEmpty)
    }
  }
}
