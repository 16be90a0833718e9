import Glibc
import Render
import System

/// Why an output takes no more.
enum OutputEnd: Error, Equatable {
  /// The reader has gone: the orderly end of `| head`.
  case closed
  /// The user wants to leave while the reader does not read.
  case interrupted
  case failed(SystemError)
}

/// Where events go, written so that a reader who does not read cannot keep the tool from ending.
struct Output: ~Copyable {
  /// POSIX promises that a pipe which polls as writable takes this much at once. Source: PIPE_BUF, limits.h.
  private static let portion = 4096
  let descriptor: Int32
  private let name: String
  private let interrupt: Int32
  private let mayBlock: Bool

  /// - Parameter interrupt: a descriptor that becomes readable when the user wants to leave.
  init(descriptor: Int32, name: String, interruptedBy interrupt: Int32) {
    self.descriptor = descriptor
    self.name = name
    self.interrupt = interrupt
    var facts = stat()
    mayBlock = fstat(descriptor, &facts) != 0 || facts.st_mode & S_IFMT != S_IFREG
  }

  static func standard(interruptedBy interrupt: Int32) -> Output {
    Output(descriptor: STDOUT_FILENO, name: "standard output", interruptedBy: interrupt)
  }

  var isTerminal: Bool { isatty(descriptor) == 1 }

  /// Columns of the terminal; nil: not a terminal, or unknown.
  var columns: Int? { StandardStreams.columns(of: descriptor) }

  func write(_ bytes: [UInt8]) throws(OutputEnd) {
    if !bytes.isEmpty { Progress.clear() }
    var start = 0
    while start < bytes.count {
      if mayBlock { try waitUntilWritable() }
      let length = mayBlock ? min(Self.portion, bytes.count - start) : bytes.count - start
      let written = bytes[start..<start + length].withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if written >= 0 {
        start += written
      } else if errno == EPIPE {
        throw .closed
      } else if errno != EINTR && errno != EAGAIN {
        throw .failed(SystemError("write", name))
      }
    }
  }

  /// How long a reader who reads nothing is waited for once the user wants to leave.
  private static let graceMilliseconds: Int32 = 2000

  private func waitUntilWritable() throws(OutputEnd) {
    var waits = [
      pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0),
      pollfd(fd: interrupt, events: Int16(POLLIN), revents: 0),
    ]
    while true {
      let ready = poll(&waits, 2, -1)
      if ready < 0 && errno == EINTR { continue }
      if waits[0].revents != 0 { return }
      if waits[1].revents != 0 && poll(&waits, 1, Self.graceMilliseconds) == 0 { throw .interrupted }
    }
  }
}

enum StandardStreams {
  /// A standard stream that is closed would be the next file that is opened. What stands in for it cannot be
  /// written to, so that output is missed, and said to be.
  static func fill() {
    for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) < 0 { _ = open("/dev/null", O_RDONLY) }
  }

  /// Columns of a terminal; nil: not a terminal, or unknown.
  static func columns(of descriptor: Int32) -> Int? {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }
}

enum StandardError {
  /// A line under the tool's name; words of users and files may be in it. What cannot be written there cannot be
  /// told anywhere.
  static func print(_ line: String) {
    var escaped = LineBuffer()
    escaped.append("tcplinger: ")
    escaped.append(escaping: line)
    escaped.append("\n")
    Progress.clear()
    write(escaped.bytes)
  }

  /// In a container, as a rule: what its pids are, and what cannot be seen from there.
  static func notePidNamespace() {
    guard !PidNamespace.isInitial else { return }
    print(
      "pids are those of the initial pid namespace, not of this one; "
        + "of processes outside this one, neither holders nor older connections are found")
  }

  static func write(_ bytes: [UInt8]) {
    _ = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }
}
