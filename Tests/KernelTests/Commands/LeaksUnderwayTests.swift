import Glibc
import Stage
import Testing

extension KernelTests {
  /// `tcplinger leaks` on a host that does not stand still, and on one with much to read.
  @Suite(.onceIsEnough) struct LeaksUnderwayTests {
    /// Looks, often, while a program is at work, and takes every line: so many, and more until it is enough.
    private func watch(
      _ options: [String], looks: Int, until isEnough: ([String]) throws -> Bool = { _ in true }
    ) throws -> [String] {
      let child = try Child(Programs.tcplinger, ["leaks", "--json", "--watch", "100ms"] + options)
      var lines: [String] = []
      var enough = false
      let deadline = Moment.inSeconds(10 * patience)
      while lines.count < looks || !enough, let line = child.nextLine(by: deadline) {
        lines.append(String(decoding: line, as: UTF8.self))
        enough = try isEnough(lines)
      }
      child.send(SIGINT)
      #expect(try child.end() == .status(0))
      #expect(child.errors.text.isEmpty)
      #expect(lines.count >= looks)
      return lines
    }

    @Test("Leaks that end while they are listed are listed truly, or not")
    func endingLeaks() throws {
      // Two threads have twenty leaks each, all of the time another one.
      let python = try Python(
        """
        import socket, threading
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        def leak():
            held = []
            while True:
                one = socket.create_connection(listener.getsockname())
                held.append(one)
                if len(held) > 20: held.pop(0).close()
        for _ in range(2): threading.Thread(target=leak, daemon=True).start()
        print(listener.getsockname()[1])
        while True: listener.accept()[0].close()
        """)
      let lines = try watch(["--each", "-D", "\(python.number)"], looks: 400)
      let events = try tracedEvents(in: lines).filter { $0.event == "close_wait" }
      #expect(!events.isEmpty)
      for event in events {
        #expect(event.process?.pid == python.pid)
        #expect(event.role != "server")
        #expect(event.reason == "eof_unread")
        // It has been closed since the look began, or has one descriptor.
        #expect((event.holders ?? []).map(\.pid).allSatisfy { $0 == python.pid })
        #expect((event.holders ?? []).count <= 1)
      }
      for (_, look) in Dictionary(grouping: events, by: \.look) {
        // Each connection once a look.
        #expect(Set(look.map(\.local?.port)).count == look.count)
      }
    }

    @Test("Processes that die while they are read disturb nothing")
    func dyingProcesses() throws {
      var seen: Set<Int32?> = []
      // Processes that leak for some milliseconds, a new one for each that has ended.
      let python = try Python(
        """
        import os, socket, time
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        print(listener.getsockname()[1])
        running = 0
        while True:
            if os.fork() == 0:
                one = socket.create_connection(listener.getsockname())
                listener.accept()[0].close()
                time.sleep(\(Machine.isEmulated ? 0.2 : 0.02))
                os._exit(0)
            running += 1
            while running >= 8:
                os.wait()
                running -= 1
        """)
      let lines = try watch(["-D", "\(python.number)"], looks: 30) { lines in
        // Only what is new could make it enough.
        seen.formUnion(try LeakList.all(in: lines.suffix(1)).flatMap(\.closeWait).map(\.pid))
        return seen.count > 10
      }
      let groups = try LeakList.all(in: lines).flatMap(\.closeWait)
      #expect(Set(groups.map(\.pid)).count > 10)
      // A child has its parent's, and two connections of its own.
      let most = namesIn("/proc/\(python.pid)/fd").count + 2
      for group in groups where group.pid != nil {
        #expect(group.comm == "python3")
        #expect(group.count == 1)
        // Gone when its files were to be counted, or really its own.
        #expect(group.descriptorsOpen.map { $0 <= most } ?? true)
      }
    }

    @Test("A process with 100,000 descriptors, or as many as it may have, is read like any other")
    func manyDescriptors() throws {
      // Several, where one may not have as many.
      let program = """
        import os, resource, signal, socket, sys
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        wanted = min(100000, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        listener = socket.create_server(("127.0.0.1", 0))
        one = socket.create_connection(listener.getsockname())
        listener.accept()[0].close()
        try:
            while True: os.dup(0)
        except OSError: pass
        print(wanted)
        signal.pause()
        """
      var pythons = [try Python(program)]
      while pythons.count * pythons[0].number < 100_000 { pythons.append(try Python(program)) }
      let list = try LeakList.take()
      for python in pythons {
        let group = try #require(list.leaks(of: python.pid).first)
        #expect(group.count == 1)
        #expect(group.descriptorsOpen == python.number)
        #expect(group.descriptorLimit == python.number)
      }
    }
  }
}
