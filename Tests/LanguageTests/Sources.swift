import Glibc

/// The texts in a Swift source, as a catalogue knows them: literals with `{0}` for what is interpolated.
struct SourceTexts {
  private(set) var templates: [String] = []
  private var rest: Substring

  init(of source: String) {
    rest = source[...]
    scan(untilParenthesis: false)
  }

  /// Lists that are no words of this project's: citations, and what a rule goes by.
  private static let citations = ["sources: [", "evidence: [", "aliases: [", "executables: [", "words: ["]
  /// Before a literal that is the same in every language.
  private static let verbatim = [
    "source: ", "source:\n", "command: ", "verbatim: ", "hook: ", "id: ", "firstRange(of: ",
  ]

  private mutating func scan(untilParenthesis: Bool) {
    var depth = 0
    while let character = rest.first {
      if rest.hasPrefix("//") {
        rest = rest.drop { $0 != "\n" }
      } else if let list = Self.citations.first(where: rest.hasPrefix) {
        rest = rest.dropFirst(list.count)
        var ignored = SourceTexts(skipping: rest, to: "]")
        rest = ignored.takeRest()
      } else if let label = Self.verbatim.first(where: rest.hasPrefix) {
        rest = rest.dropFirst(label.count).drop { $0.isWhitespace }
        if rest.first == "\"" {
          let known = templates
          _ = literal()
          templates = known
        }
      } else if character == "\"" {
        let template = literal()
        templates.append(template)
      } else {
        if character == "(" { depth += 1 }
        if character == ")" {
          if untilParenthesis && depth == 0 { return }
          depth -= 1
        }
        rest = rest.dropFirst()
      }
    }
  }

  private init(skipping text: Substring, to end: Character) {
    rest = text
    var depth = 0
    while let character = rest.first {
      if character == "\"" {
        _ = literal()
        continue
      }
      rest = rest.dropFirst()
      if character == "[" { depth += 1 }
      if character == end {
        if depth == 0 { return }
        depth -= 1
      }
    }
  }

  private mutating func takeRest() -> Substring { rest }

  /// `rest` stands at its first quote.
  private mutating func literal() -> String {
    let isLong = rest.hasPrefix("\"\"\"")
    let quote = isLong ? "\"\"\"" : "\""
    rest = rest.dropFirst(quote.count)
    var template = ""
    var values = 0
    if isLong { rest = rest.drop { $0 != "\n" }.dropFirst().drop { $0 == " " } }
    while let character = rest.first, !rest.hasPrefix(quote) {
      rest = rest.dropFirst()
      if character == "\n" {
        template += "\n"
        rest = rest.drop { $0 == " " }
      } else if character == "\\", let escaped = rest.first {
        rest = rest.dropFirst()
        switch escaped {
        case "(":
          scan(untilParenthesis: true)
          rest = rest.dropFirst()
          template += "{\(values)}"
          values += 1
        case "\n": rest = rest.drop { $0 == " " }
        case "n": template += "\n"
        case "u":
          let digits = rest.dropFirst().prefix { $0 != "}" }
          rest = rest.dropFirst(digits.count + 2)
          if let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value) {
            template.unicodeScalars.append(scalar)
          }
        default: template.append(escaped)
        }
      } else {
        template.append(character)
      }
    }
    rest = rest.dropFirst(quote.count)
    if isLong, template.hasSuffix("\n") { template.removeLast() }
    return template
  }
}

enum Sources {
  /// The folder of this package.
  static let root = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }

  static func text(_ path: String) -> String {
    guard let file = fopen("\(root)/\(path)", "r") else { return "" }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = fread(&chunk, 1, chunk.count, file)
      guard count > 0 else { break }
      bytes += chunk[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Swift files in a folder.
  static func files(in folder: String) -> [String] {
    guard let directory = opendir("\(root)/\(folder)") else { return [] }
    defer { closedir(directory) }
    var files: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasSuffix(".swift") { files.append("\(folder)/\(name)") }
    }
    return files.sorted()
  }
}
