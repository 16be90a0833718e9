import Glibc
import Stage
import Testing

extension KernelTests {
  /// Leaks as programs make them, and what looks like one and is none.
  @Suite(.onceIsEnough) struct RealLeakTests {
    @Test("A pool of Python's requests, left open, keeps what the server has closed")
    func requestsPool() throws {
      let nginx = try Nginx(keepAlive: "300ms")
      let tracer = try Tracer("--min-age", "200ms", "-D", "\(nginx.port)")
      let python = try Python(
        """
        import requests, signal, sys
        session = requests.Session()
        session.trust_env = False
        print(session.get(sys.argv[1]).status_code)
        signal.pause()
        """, "http://127.0.0.1:\(nginx.port)/")
      let event = try tracer.event(Question("close_wait", peer: nginx.port))
      try tracer.stop()

      #expect(python.number == 200)
      #expect(event.process?.pid == python.pid)
      #expect(event.role == "client")
      // Nobody reads from a connection that lies in a pool.
      #expect(event.reason == "eof_unread")
      #expect(event.holders?.map(\.pid) == [python.pid])
      let groups = try LeakList.take("-p", "\(python.pid)").closeWait
      #expect(groups.map(\.count) == [1])
      #expect(groups.first?.reason == "eof_unread")
    }

    @Test("A stream of Java's HttpURLConnection that is not closed keeps its connection")
    func javaStream() throws {
      let nginx = try Nginx(keepAlive: "300ms")
      let folder = try TemporaryDirectory()
      let source = "\(folder.path)/Leak.java"
      try writeFile(
        source,
        """
        import java.io.InputStream;
        import java.net.HttpURLConnection;
        import java.net.URL;

        class Leak {
          static InputStream stream;

          public static void main(String[] words) throws Exception {
            HttpURLConnection connection = (HttpURLConnection) new URL(words[0]).openConnection();
            stream = connection.getInputStream(); // not read to its end, and not closed
            System.out.println(connection.getResponseCode());
            Thread.sleep(Long.MAX_VALUE);
          }
        }

        """)
      let tracer = try Tracer("--min-age", "200ms", "-D", "\(nginx.port)")
      let java = try Child(
        Programs.system("java", package: "default-jdk-headless"),
        ["-Djava.net.useSystemProxies=false", source, "http://127.0.0.1:\(nginx.port)/"])
      // It compiles the source first.
      let answer = java.nextLine(by: .inSeconds(3 * patience)).map { String(decoding: $0, as: UTF8.self) }
      try #require(answer == "200", "\(java.report())")
      let event = try tracer.event(Question("close_wait", peer: nginx.port))
      try tracer.stop()

      #expect(event.process?.pid == java.pid)
      #expect(event.process?.comm == "java")
      // The answer is short, and lies in the buffer of the stream.
      #expect(event.reason == "eof_unread")
      #expect(event.holders?.map(\.pid) == [java.pid])
    }

    enum Proxy: String, CaseIterable, CustomTestStringConvertible {
      case nginx, haproxy

      var testDescription: String { rawValue }
    }

    @Test("A proxy whose backend closes first leaks nothing", arguments: Proxy.allCases)
    func proxy(proxy: Proxy) throws {
      let backend = try closingServer()
      let (nginx, haproxy) =
        proxy == .nginx
        ? (try Nginx(backend: backend.number), nil) : (nil, try HAProxy(backend: backend.number))
      let port = try #require(nginx?.port ?? haproxy?.port)
      let tracer = try Tracer("--min-age", "2s", "-D", "\(backend.number)")
      // The same, of the backend's end: that it closed first.
      let other = try Tracer("--state", "time_wait", "-L", "\(backend.number)")
      for _ in 0..<10 {
        #expect(try Curl(port, []).answer == "hello")
      }
      let closed = Question("time_wait", local: backend.number)
      try #require(eventually { try other.events(closed).count == 10 })
      // A leak that begins later than any of the proxy's would: once it is told, so would they have been.
      let leaker = try Python(
        """
        import signal, socket, sys
        one = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        one.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        print(0)
        signal.pause()
        """, "\(backend.number)")
      let told = Question("close_wait", peer: backend.number)
      try #require(eventually { try tracer.events(told).contains { $0.process?.pid == leaker.pid } })
      let list = try LeakList.take("-D", "\(backend.number)", "--min-age", "2s")
      try other.stop()
      try tracer.stop()

      #expect(try other.events(closed).allSatisfy { $0.process?.pid == backend.pid })
      #expect(try tracer.events(told).map(\.process?.pid) == [leaker.pid])
      #expect(list.closeWait.map(\.pid) == [leaker.pid])
    }

    @Test("A thread pool whose workers are all blocked: what waits for one is unread")
    func blockedPool() throws {
      let python = try Python(
        """
        import concurrent.futures, socket, threading
        never = threading.Event()
        pool = concurrent.futures.ThreadPoolExecutor(4)
        def serve(connection):
            never.wait()
            connection.recv(100)
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        print(listener.getsockname()[1])
        while True:
            pool.submit(serve, listener.accept()[0])
        """)
      let client = try Player("client")
      for _ in 0..<10 {
        let socket = try client.connect(to: Endpoint(address: "127.0.0.1", port: python.number))
        try socket.write(100)
        try socket.close()
      }
      var groups: [LeakList.Group] = []
      let isComplete = try eventually {
        groups = try LeakList.take("-p", "\(python.pid)").closeWait
        return groups.first { $0.reason == "data_unread" }?.count == 10
      }
      #expect(isComplete)
      #expect(groups.map(\.reason) == ["data_unread"])
      #expect(groups.first?.unreadBytes == 1000)
      #expect(groups.first?.pid == python.pid)
    }
  }
}
