import CLibbpf
import Synchronization

/// What libbpf says while it works, the verifier's log included. It is one for the process, as libbpf's is.
public enum LibraryLog {
  public enum Level: Int32, Comparable, Sendable {
    case warning = 0
    case info = 1
    case debug = 2

    public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
  }

  private struct State {
    var warnings: [String] = []
    var receive: (@Sendable (Level, String) -> Void)?
  }

  private static let state = Mutex(State())

  /// Keeps warnings for `takeWarnings`, and hands every line to `receive` if there is one. `receive` runs on
  /// whichever thread calls libbpf.
  public static func capture(_ receive: (@Sendable (Level, String) -> Void)? = nil) {
    state.withLock { $0.receive = receive }
    clb_set_print(receiveLine, nil)
  }

  /// The warnings since the last call: why a load failed, for a person.
  public static func takeWarnings() -> [String] {
    state.withLock { state in
      defer { state.warnings = [] }
      return state.warnings
    }
  }

  fileprivate static func append(_ level: Level, _ line: String) {
    // The verifier's log comes as one piece of many lines.
    let lines = line.split(separator: "\n").map(String.init)
    let receive = state.withLock { state in
      if level == .warning { state.warnings += lines }
      return state.receive
    }
    for line in lines { receive?(level, line) }
  }
}

private func receiveLine(level: Int32, line: UnsafePointer<CChar>?, context: UnsafeMutableRawPointer?) {
  guard let line else { return }
  LibraryLog.append(LibraryLog.Level(rawValue: level) ?? .debug, String(cString: line))
}
