import Events

/// Events as aligned lines for a person.
public struct TextRenderer {
  private let times: TimeFormat
  private let isColoured: Bool
  /// Every holder is named, rather than those that fit on a line.
  private let isWhole: Bool

  public init(times: TimeFormat, isColoured: Bool, isWhole: Bool = false) {
    self.times = times
    self.isColoured = isColoured
    self.isWhole = isWhole
  }

  /// A date stands before the columns.
  private var shift: Int { times.hasDate ? 11 : 0 }

  /// Where each column begins.
  private enum Column {
    static let state = 14
    static let pid = 26
    static let comm = 34
    static let local = 47
    static let arrow = 71
    static let peer = 74
    static let life = 104
    static let cause = 115
    /// With --wide.
    static let context = 160
  }

  public func renderHeader(into line: inout LineBuffer) {
    let titles: [(Int, StaticString)] = [
      (Column.state, "STATE"), (Column.pid, "PID"), (Column.comm, "COMM"), (Column.local, "LOCAL"),
      (Column.peer, "PEER"), (Column.life, "LIFE"), (Column.cause, "CAUSE"),
    ]
    let all = isWhole ? titles + [(Column.context, "WHAT IT IS")] : titles
    line.heading(isColoured) { $0.append(columns: [(0, "TIME")] + all.map { ($0.0 + shift, $0.1) }) }
  }

  /// - Parameter repetitions: how many origins of this kind, process and peer port the line stands for.
  public func render(_ origin: Origin, repetitions: Int = 1, into line: inout LineBuffer) {
    let start = line.count + shift
    line.append(origin.time, times)
    line.pad(from: start, to: Column.state)
    // Escape codes have no width: align by the text without them.
    let stateStart = line.count
    if isColoured { line.append(origin.kind.colour) }
    line.append(origin.kind.label)
    if isColoured { line.append("\u{1b}[0m") }
    let hidden = isColoured ? origin.kind.colour.utf8CodeUnitCount + 4 : 0
    line.pad(from: stateStart, to: Column.pid - Column.state + hidden)
    let rest = start + hidden
    if let process = origin.process {
      line.append(process.pid)
      line.pad(from: rest, to: Column.comm)
      line.append(escaping: process.comm)
    } else {
      line.append("-")
      line.pad(from: rest, to: Column.comm)
      line.append("-")
    }
    line.pad(from: rest, to: Column.local)
    line.append(origin.connection.local, origin.connection.family)
    line.pad(from: rest, to: Column.arrow)
    line.append(origin.role == .client ? "->" : origin.role == .server ? "<-" : "--")
    line.pad(from: rest, to: Column.peer)
    line.append(origin.connection.peer, origin.connection.family)
    if let process = origin.peerProcess {
      line.append(" ")
      line.append(named: process)
    }
    line.pad(from: rest, to: Column.life)
    renderLife(origin, &line)
    line.pad(from: rest, to: Column.cause)
    renderCause(origin, &line)
    if repetitions > 1 {
      line.append(" \u{d7}")
      line.append(repetitions)
    }
    if isWhole, let context = origin.process?.context {
      line.pad(from: rest, to: Column.context)
      line.append(context, isWhole: true)
    }
    line.append("\n")
  }

  private func renderLife(_ origin: Origin, _ line: inout LineBuffer) {
    switch origin.kind {
    case .timeWait, .reset:
      if let lifetime = origin.lifetimeNanoseconds { line.append(span: lifetime) } else { line.append("-") }
    case .finWait2(_, let age): line.append("for ", age)
    case .closeWait(let closeWait): line.append("held ", closeWait.age)
    case .closeWaitEnd(_, let held): line.append("held ", held)
    }
  }

  private func renderCause(_ origin: Origin, _ line: inout LineBuffer) {
    switch origin.kind {
    case .timeWait(let cause, _): line.append(cause.rawValue)
    case .finWait2(let cause, _):
      line.append(cause.rawValue)
      line.append(", the peer has not closed")
    case .reset(let cause): line.append(cause.explanation)
    case .closeWaitEnd(let cause, _):
      line.append("ended by ")
      line.append(cause.rawValue)
    case .closeWait(let closeWait): render(closeWait, of: origin, shownHolders: isWhole ? .max : 2, &line)
    }
  }

  private func render(
    _ closeWait: Origin.CloseWait, of origin: Origin, shownHolders: Int, _ line: inout LineBuffer
  ) {
    let process = origin.process
    line.append(closeWait.reason.rawValue)
    if closeWait.reason == .dataUnread {
      line.append(" ")
      line.append(closeWait.unreadBytes)
      line.append("B")
    }
    if closeWait.unsentBytes > 0 {
      line.append(", ")
      line.append(closeWait.unsentBytes)
      line.append("B unsent")
    }
    if let queue = closeWait.acceptQueue {
      line.append(", accept queue ")
      line.append(queue.length)
      line.append("/")
      line.append(queue.limit)
    }
    // By pid: the descriptors of one process stand together.
    let own = closeWait.holders.filter { $0.process.pid == process?.pid }
    if !own.isEmpty {
      line.append(", fd ")
      renderDescriptors(own[...], &line)
    }
    var others = closeWait.holders.filter { $0.process.pid != process?.pid }[...]
    var shown = 0
    while let other = others.first?.process, shown < shownHolders {
      let descriptors = others.prefix { $0.process.pid == other.pid }
      line.append(", also held by ")
      line.append(escaping: other.comm)
      line.append("[")
      line.append(other.pid)
      line.append("] fd ")
      renderDescriptors(descriptors, &line)
      others = others[descriptors.endIndex...]
      shown += 1
    }
    if !others.isEmpty {
      line.append(", and ")
      line.append(Set(others.map(\.process.pid)).count)
      line.append(" more")
    }
  }

  /// Of one process.
  private func renderDescriptors(_ holders: ArraySlice<Holder>, _ line: inout LineBuffer) {
    for (index, holder) in holders.enumerated() {
      if index > 0 { line.append("+") }
      line.append(holder.descriptor)
    }
    if holders.contains(where: \.isInherited) { line.append(" (inherited)") }
  }
}

extension LineBuffer {
  mutating func append(_ endpoint: Endpoint, _ family: Family) {
    if family == .ipv6 { append("[") }
    append(endpoint.address, family)
    if family == .ipv6 { append("]") }
    append(":")
    append(endpoint.port)
  }

  fileprivate mutating func append(_ word: StaticString, _ age: Age) {
    append(word)
    if age.isEstimate { append("~") }
    append(span: age.nanoseconds)
  }
}

extension Origin.Kind {
  fileprivate var label: StaticString {
    switch self {
    case .timeWait: "TIME_WAIT"
    case .finWait2: "FIN_WAIT2"
    case .closeWait: "CLOSE_WAIT"
    case .closeWaitEnd: "CLOSED"
    case .reset: "RESET"
    }
  }

  /// Told apart by terminals with light and dark backgrounds.
  fileprivate var colour: StaticString {
    switch self {
    case .timeWait: "\u{1b}[36m"
    case .finWait2: "\u{1b}[35m"
    case .closeWait: "\u{1b}[31m"
    case .closeWaitEnd: "\u{1b}[32m"
    case .reset: "\u{1b}[33m"
    }
  }
}

extension Cause {
  /// Why a reset was sent.
  fileprivate var explanation: StaticString {
    switch self {
    case .linger: "SO_LINGER 0"
    case .unreadData: "closed with data unread"
    case .dataAfterClose: "data came after close()"
    case .listenerClosed: "not accepted when its listener was closed"
    case .disconnect: "connect() to AF_UNSPEC"
    case .linger2: "TCP_LINGER2 below 0"
    case .close, .shutdown, .exit, .reset, .unknown: "unknown"
    }
  }
}
