import Events

/// Keeps a terminal readable: past so many lines a second, origins of the same kind, process and peer port are
/// folded into one line that says how many it stands for.
public struct Folder {
  public struct Fold: Sendable {
    public var latest: Origin
    public var count: Int
  }

  fileprivate struct Key: Hashable {
    var state: Int
    var pid: UInt32?
    var peerPort: UInt16
  }

  /// What a person can follow.
  private let linesPerSecond: Int
  private var linesInWindow = 0
  private var windowEndNanoseconds: UInt64 = 0
  private var folds: [Key: Fold] = [:]
  private var order: [Key] = []

  public init(linesPerSecond: Int = 20) { self.linesPerSecond = linesPerSecond }

  /// When `takeFolds` has something to give.
  public var dueNanoseconds: UInt64? { folds.isEmpty ? nil : windowEndNanoseconds }

  /// Returns whether the origin is to be printed now; otherwise it is in a fold.
  public mutating func admits(_ origin: Origin, atNanoseconds now: UInt64) -> Bool {
    if now >= windowEndNanoseconds && folds.isEmpty {
      linesInWindow = 0
      windowEndNanoseconds = now + 1_000_000_000
    }
    guard linesInWindow >= linesPerSecond else {
      linesInWindow += 1
      return true
    }
    let key = Key(origin)
    if folds[key] == nil { order.append(key) }
    folds[key, default: Fold(latest: origin, count: 0)].count += 1
    folds[key]?.latest = origin
    return false
  }

  /// The folded lines of the second that is over, in the order in which they began.
  public mutating func takeFolds() -> [Fold] {
    defer {
      folds.removeAll()
      order.removeAll()
    }
    return order.compactMap { folds[$0] }
  }
}

extension Folder.Key {
  fileprivate init(_ origin: Origin) {
    state =
      switch origin.kind {
      case .timeWait: 0
      case .finWait2: 1
      case .closeWait: 2
      case .closeWaitEnd: 3
      case .reset: 4
      }
    pid = origin.process?.pid
    // A client's peer port is the service; a server's own port is, its peer's are all different.
    peerPort = origin.role == .server ? origin.connection.local.port : origin.connection.peer.port
  }
}
