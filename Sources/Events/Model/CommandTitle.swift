/// A command line in the few words by which a person knows it: of an interpreter `python3 worker.py`,
/// `java -jar billing.jar`; of any other program its name and arguments.
public enum CommandTitle {
  /// - Returns: nil if there are no words.
  public static func of(_ words: [String]) -> String? {
    guard let first = words.first, !first.isEmpty else { return nil }
    // A title that the process has written itself is one word with blanks in it.
    let head = first.prefix { $0 != " " }
    let program = lastPart(String(head)) + first.dropFirst(head.count)
    guard let interpreter = interpreters.first(where: { isNamed(program, $0.name) }),
      let script = interpreter.script(in: words.dropFirst())
    else { return ([program] + words.dropFirst()).joined(separator: " ") }
    return "\(program) \(script)"
  }

  private struct Interpreter {
    var name: String
    /// Options whose next word is their value.
    var valued: Set<String> = []
    /// Options whose next word is what is run, shown with them.
    var running: Set<String> = []
    /// Options after which code stands, which is not shown.
    var code: Set<String> = []

    /// Short options may stand together: `-lc`.
    private func hasCode(_ word: String) -> Bool {
      code.contains(word)
        || (!word.hasPrefix("--") && word.first == "-" && word.last.map { code.contains("-\($0)") } ?? false)
    }

    /// nil: no script is named.
    func script(in words: ArraySlice<String>) -> String? {
      var rest = words
      while let word = rest.popFirst() {
        if running.contains(word) { return rest.first.map { "\(word) \(lastPart($0))" } }
        if hasCode(word) { return "\(word) \u{2026}" }
        if valued.contains(word) {
          _ = rest.popFirst()
        } else if !word.hasPrefix("-") {
          return lastPart(word)
        }
      }
      return nil
    }
  }

  // Source: the manual of each.
  private static let interpreters = [
    Interpreter(
      name: "python", valued: ["-W", "-X", "--check-hash-based-pycs"], running: ["-m"], code: ["-c"]),
    Interpreter(name: "pypy", valued: ["-W", "-X"], running: ["-m"], code: ["-c"]),
    Interpreter(
      name: "java",
      valued: [
        "-cp", "-classpath", "--class-path", "-p", "--module-path", "--upgrade-module-path", "--add-modules",
        "--add-opens", "--add-exports", "--add-reads", "--limit-modules", "--source", "--enable-native-access",
      ], running: ["-jar", "-m", "--module"]),
    Interpreter(
      name: "node",
      valued: ["-r", "--require", "--import", "-C", "--conditions", "--loader", "--experimental-loader"],
      code: ["-e", "--eval", "-p", "--print"]),
    Interpreter(
      name: "nodejs", valued: ["-r", "--require", "--import"], code: ["-e", "--eval", "-p", "--print"]),
    Interpreter(name: "ruby", valued: ["-I", "-r", "-C", "-E"], code: ["-e"]),
    Interpreter(name: "perl", valued: ["-I"], code: ["-e", "-E"]),
    Interpreter(name: "php", valued: ["-c", "-d", "-z", "-t", "-S"], running: ["-f"], code: ["-r"]),
    Interpreter(
      name: "dotnet", valued: ["--additionalprobingpath", "--fx-version", "--depsfile", "--runtimeconfig"]),
    Interpreter(name: "Rscript", code: ["-e"]),
    Interpreter(name: "lua", valued: ["-l"], code: ["-e"]),
    Interpreter(name: "tclsh"),
    Interpreter(name: "deno", running: ["run", "serve"]),
    Interpreter(name: "bun", running: ["run"]),
    Interpreter(name: "sh", valued: ["-o"], code: ["-c"]),
    Interpreter(name: "dash", valued: ["-o"], code: ["-c"]),
    Interpreter(name: "bash", valued: ["-o", "-O", "--rcfile", "--init-file"], code: ["-c"]),
  ]

  /// A version may follow: `python3.11`.
  private static func isNamed(_ program: String, _ name: String) -> Bool {
    program.hasPrefix(name) && program.dropFirst(name.count).allSatisfy { $0.isNumber || $0 == "." }
  }

  private static func lastPart(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }
}
