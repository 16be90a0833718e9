import ArgumentParser
import Glibc
import Language

/// The argument of `--lang`, and what stands in for it.
enum LanguageArgument {
  static func parse(_ text: String) throws -> Language {
    guard let language = Language(rawValue: String(text.lowercased().prefix { $0 != "_" && $0 != "-" })) else {
      let all = Language.allCases.map(\.rawValue).joined(separator: " or ")
      throw ValidationError("'\(text)' is not a language of tcplinger; write \(all)")
    }
    return language
  }

  static var ofEnvironment: Language { Language(environment: { getenv($0).map { String(cString: $0) } }) }

  /// For help, where the arguments are not parsed to their end.
  static func given(in arguments: [String]) -> Language {
    for (index, word) in arguments.enumerated() {
      let value =
        word == "--lang"
        ? arguments.dropFirst(index + 1).first
        : word.hasPrefix("--lang=") ? String(word.dropFirst("--lang=".count)) : nil
      if let value, let language = try? parse(value) { return language }
    }
    return ofEnvironment
  }
}
