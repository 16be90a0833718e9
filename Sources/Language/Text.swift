/// Words for a person, which are written in English in the code and can be shown in another language: a sentence with places for
/// values, or several one after the other. What a value itself says in words is a text as well.
///
/// Two that say the same in English are equal.
public struct Text: Hashable, Sendable, ExpressibleByStringInterpolation, CustomStringConvertible {
  fileprivate struct Sentence: Sendable {
    /// With `{0}`, `{1}` … for the values: what a catalogue knows it by.
    var template = ""
    var values: [Value] = []
  }

  fileprivate enum Value: Sendable {
    case verbatim(String)
    case text(Text)
  }

  private var sentences: [Sentence]

  public init(stringLiteral words: String) { sentences = [Sentence(template: words)] }

  public init(stringInterpolation interpolation: Interpolation) { sentences = [interpolation.sentence] }

  /// What is the same in every language: a name, an address, a command.
  public init(verbatim text: String) { sentences = [Sentence(template: "{0}", values: [.verbatim(text)])] }

  public struct Interpolation: StringInterpolationProtocol {
    fileprivate var sentence = Sentence()

    public init(literalCapacity: Int, interpolationCount: Int) {}

    public mutating func appendLiteral(_ words: String) { sentence.template += words }

    public mutating func appendInterpolation(_ text: Text) { append(.text(text)) }

    public mutating func appendInterpolation(_ value: some CustomStringConvertible) {
      append(.verbatim(value.description))
    }

    private mutating func append(_ value: Value) {
      sentence.template += "{\(sentence.values.count)}"
      sentence.values.append(value)
    }
  }

  public static func + (one: Text, other: Text) -> Text {
    var text = one
    text.sentences += other.sentences
    return text
  }

  public static func == (one: Text, other: Text) -> Bool { one.description == other.description }

  public func hash(into hasher: inout Hasher) { hasher.combine(description) }

  public var isEmpty: Bool { sentences.allSatisfy { $0.template.isEmpty } }

  /// In English, as it is in JSON.
  public var description: String { shown(in: .english) }

  public func shown(in language: Language) -> String {
    sentences.map { $0.shown(in: language) }.joined()
  }
}

extension Text.Sentence {
  fileprivate func shown(in language: Language) -> String {
    let template = language.catalogue[self.template] ?? self.template
    guard !values.isEmpty else { return template }
    var shown = ""
    var rest = template[...]
    while let brace = rest.firstIndex(of: "{") {
      shown += rest[..<brace]
      let after = rest.index(after: brace)
      let digits = rest[after...].prefix { $0.isASCII && $0.isNumber }
      // Other braces are words.
      if let number = Int(digits), number < values.count, rest[digits.endIndex...].first == "}" {
        switch values[number] {
        case .verbatim(let value): shown += value
        case .text(let text): shown += text.shown(in: language)
        }
        rest = rest[digits.endIndex...].dropFirst()
      } else {
        shown += "{"
        rest = rest[after...]
      }
    }
    return shown + rest
  }
}

extension [Text] {
  public func joined(separator: Text) -> Text {
    guard let first else { return "" }
    return dropFirst().reduce(first) { $0 + separator + $1 }
  }
}
