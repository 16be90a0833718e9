import FoundationEssentials
import Glibc

/// The program under test, tracing. It sees the whole host: what it writes is kept as it is, and only what a
/// test asks for is decoded, so that this process does not fall behind whatever others do meanwhile.
public final class Tracer {
  private let child: Child
  private let transcript: Transcript
  private let decoder = JSONDecoder()
  /// Has both ends of the connections that show that earlier events would have come.
  public private(set) lazy var sentinel = Result { try Player("sentinel") }

  public convenience init(_ options: String...) throws {
    try self.init(options)
  }

  /// Returns when every hook is attached.
  public init(_ options: [String]) throws {
    guard geteuid() == 0 else {
      throw Failure("this test watches the kernel, which needs root: sudo make test")
    }
    transcript = try Transcript()
    child = try Child(
      Programs.tcplinger, ["--json"] + options, output: .descriptor(transcript.descriptor))
    _ = try start()
  }

  /// The first line.
  public func start() throws -> TracedEvent {
    try first("start line", Self.words("start")) { $0.event == "start" }
  }

  /// The one event of this kind about this end, which has come or will.
  public func event(_ kind: String, of socket: Socket) throws -> TracedEvent {
    do {
      return try event(Question(kind, of: socket))
    } catch let failure as Failure {
      // A host whose table of TIME_WAITs is full makes none: then it is not the tracer that is wrong.
      let shown = socket.tabledState.map { "\($0)" } ?? "nothing"
      throw Failure("\(failure); the kernel shows \(shown) for it")
    }
  }

  /// The first answer, which has come or will.
  public func event(_ question: Question) throws -> TracedEvent {
    do {
      return try first("\(question)", question.words, question.isAnswered)
    } catch let failure as Failure {
      let others = try events(question.ofAnyKind).map(\.event)
      throw Failure("\(failure); of the same came \(others), lost were \(try losses())")
    }
  }

  /// All of them about this end, so far.
  public func events(of socket: Socket) throws -> [TracedEvent] {
    try events(Question(of: socket))
  }

  /// All answers so far.
  public func events(_ question: Question) throws -> [TracedEvent] {
    var offset = 0
    return try decoded(from: &offset, question.words).filter(question.isAnswered)
  }

  /// How many lines may be answers, without a look into them: a bound for `events`, from above.
  public func count(_ question: Question) throws -> Int {
    var offset = 0
    return try transcript.lines(from: &offset, with: question.words).count
  }

  /// Ctrl-C: the summary comes last. Anything but an orderly end without losses is a failure.
  @discardableResult
  public func stop(_ signal: Int32 = SIGINT) throws -> TracedEvent {
    child.send(signal)
    let ending = try child.end()
    let last = try transcript.lastLine() ?? []
    guard ending == .status(0), let summary = try? decode(last), summary.event == "summary" else {
      let text = String(decoding: last, as: UTF8.self)
      throw Failure("ended with \(ending), the summary is not last: \(text); \(child.report())")
    }
    let losses = try losses()
    guard summary.lost == 0, losses.isEmpty else { throw Failure("events were lost: \(losses)") }
    return summary
  }

  private func losses() throws -> [String] {
    var offset = 0
    return try decoded(from: &offset, Self.words("lost")).map { "\($0.count ?? 0) (\($0.place ?? "?"))" }
  }

  private static func words(_ kind: String) -> [String] { ["\"event\":\"\(kind)\""] }

  private func first(
    _ what: String, _ words: [String], _ isWanted: (TracedEvent) -> Bool
  ) throws -> TracedEvent {
    let deadline = Moment.inSeconds(patience)
    var offset = 0
    var pause = Pause()
    while true {
      // Asked before the look: what it wrote before its end is there then.
      let isLast = child.hasEnded || Moment.now >= deadline
      if let found = try decoded(from: &offset, words).first(where: isWanted) { return found }
      if isLast { throw Failure("no \(what); \(child.report())") }
      child.rest(within: pause.next())
      child.errors.fill(within: 0)
    }
  }

  private func decoded(from offset: inout Int, _ words: [String]) throws -> [TracedEvent] {
    try transcript.lines(from: &offset, with: words).map(decode)
  }

  private func decode(_ line: [UInt8]) throws -> TracedEvent {
    do {
      return try decoder.decode(TracedEvent.self, from: Data(line))
    } catch {
      throw Failure("not as the contract has it: \(String(decoding: line, as: UTF8.self)); \(error)")
    }
  }
}
