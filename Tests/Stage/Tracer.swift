import FoundationEssentials
import Glibc

/// The program under test, tracing.
public final class Tracer {
  private let child: Child
  private let decoder = JSONDecoder()
  /// All of them so far, the first is `start`.
  public private(set) var events: [TracedEvent] = []

  public convenience init(_ options: String...) throws {
    try self.init(options)
  }

  /// Returns when every hook is attached.
  public init(_ options: [String]) throws {
    guard geteuid() == 0 else {
      throw Failure("this test watches the kernel, which needs root: sudo make test")
    }
    child = try Child(Programs.tcplinger, ["--json"] + options)
    _ = try wait("the start line") { $0.event == "start" }
  }

  /// The one event of this kind about this end, which has come or will.
  public func event(_ kind: String, of socket: Socket) throws -> TracedEvent {
    do {
      return try wait("\(kind) of \(socket.local.port) -> \(socket.peer.port)") {
        $0.event == kind && $0.isAbout(socket)
      }
    } catch let failure as Failure {
      // A host whose table of TIME_WAITs is full makes none: then it is not the tracer that is wrong.
      let shown = socket.tabledState.map { "\($0)" } ?? "nothing"
      throw Failure("\(failure); the kernel shows \(shown) for it")
    }
  }

  /// All of them about this end, so far.
  public func events(of socket: Socket) -> [TracedEvent] {
    events.filter { $0.isAbout(socket) }
  }

  public func wait(
    _ what: String, _ isWanted: (TracedEvent) -> Bool
  ) throws -> TracedEvent {
    if let known = events.first(where: isWanted) { return known }
    let deadline = Moment.inSeconds(patience)
    while let line = child.nextLine(by: deadline) {
      let event = try decode(line)
      if isWanted(event) { return event }
    }
    let seen = events.map(Self.summary).suffix(20).joined(separator: ", ")
    throw Failure("no \(what); came: \(seen); \(child.report())")
  }

  /// Takes in what has been written, until this process has ended.
  public func follow(_ other: Child) throws -> Ending {
    while true {
      while let line = child.nextLine(by: .inSeconds(0.01)) { _ = try decode(line) }
      if let ending = try? other.end(by: .now) { return ending }
    }
  }

  /// Ctrl-C: the summary comes last. Anything but an orderly end without losses is a failure.
  @discardableResult
  public func stop(_ signal: Int32 = SIGINT) throws -> TracedEvent {
    child.send(signal)
    let ending = try child.end()
    while let line = child.output.takeLine() { _ = try decode(line) }
    guard ending == .status(0), let summary = events.last, summary.event == "summary" else {
      let last = child.output.lines.suffix(3)
      throw Failure("ended with \(ending), the summary is not last: \(last); \(child.report())")
    }
    guard summary.lost == 0, !events.contains(where: { $0.event == "lost" }) else {
      let losses = events.filter { $0.event == "lost" }.map { "\($0.count ?? 0) (\($0.place ?? "?"))" }
      throw Failure("events were lost: \(losses.joined(separator: ", "))")
    }
    return summary
  }

  private func decode(_ line: ArraySlice<UInt8>) throws -> TracedEvent {
    do {
      let event = try decoder.decode(TracedEvent.self, from: Data(line))
      events.append(event)
      return event
    } catch {
      throw Failure("not as the contract has it: \(String(decoding: line, as: UTF8.self)); \(error)")
    }
  }

  private static func summary(_ event: TracedEvent) -> String {
    guard let local = event.local, let peer = event.peer else { return event.event }
    return "\(event.event) of \(local.port) -> \(peer.port)"
  }
}
