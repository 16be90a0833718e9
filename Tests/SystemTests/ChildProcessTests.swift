import Glibc
import Testing

@testable import System

@Suite struct `A command that was started` {
  private func end(of child: ChildProcess) throws -> Int32? {
    for _ in 0..<1000 {
      if let status = try child.statusIfEnded() { return status }
      usleep(10_000)
    }
    return nil
  }

  @Test(arguments: [("exit 7", 7), ("kill -KILL $$", 137)] as [(String, Int32)])
  func `has the status that a shell would give it`(script: String, status: Int32) throws {
    let child = try ChildProcess.start(["/bin/sh", "-c", script])
    #expect(try end(of: child) == status)
  }

  @Test func `is not waited for any more where the kernel has kept no status`() throws {
    let child = try ChildProcess.start(["/bin/true"])
    // As where SIGCHLD is ignored: it has ended, and waitpid() knows nothing of it.
    try #require(waitpid(child.pid, nil, 0) == child.pid)
    let error = #expect(throws: SystemError.self) { try child.statusIfEnded() }
    #expect(error?.code == ECHILD)
  }
}
