import Glibc

/// A terminal that can be looked at, in a tmux of its own.
public final class Tmux {
  private let program: String
  private let server: String

  /// - Parameter words: the command, as the shell of the terminal takes it.
  public init(columns: Int, lines: Int, _ words: String) throws {
    program = try Programs.system("tmux", package: "tmux")
    server = "tcplinger-test-\(getpid())-\(Moment.now.nanoseconds)"
    try run(["-f", "/dev/null", "new-session", "-d", "-x", "\(columns)", "-y", "\(lines)", words])
  }

  deinit { _ = try? run(["kill-server"]) }

  /// Its lines as they are now, without what is empty at the ends.
  public func screen() throws -> [String] { try run(["capture-pane", "-p"]).output.lines }

  /// With the escape codes that the terminal was given for colours.
  public func colouredScreen() throws -> String { try run(["capture-pane", "-p", "-e"]).output.text }

  /// Keys as tmux names them, such as `Enter`.
  public func press(_ keys: String...) throws { try run(["send-keys"] + keys) }

  public func resize(columns: Int, lines: Int) throws {
    try run(["resize-window", "-x", "\(columns)", "-y", "\(lines)"])
  }

  /// The screen when it is so.
  @discardableResult
  public func screen(where isWanted: ([String]) -> Bool) throws -> [String] {
    var lines: [String] = []
    let came = eventually {
      lines = (try? screen()) ?? []
      return isWanted(lines)
    }
    guard came else { throw Failure("not on the screen:\n\(lines.joined(separator: "\n"))") }
    return lines
  }

  @discardableResult
  private func run(_ words: [String]) throws -> Run {
    let run = try Run(program, ["-L", server] + words)
    guard run.ending == .status(0) else { throw Failure("tmux \(words[0]): \(run.errors.text)") }
    return run
  }
}
