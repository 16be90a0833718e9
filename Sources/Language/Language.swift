/// What words for a person are shown in. JSON is in English in any case.
public enum Language: String, CaseIterable, Sendable {
  case english = "en"
  case chinese = "zh"

  var catalogue: [String: String] { self == .chinese ? Catalogue.chinese : [:] }

  /// What a user's environment asks for. A terminal of another character set would show none of it.
  ///
  /// - Parameter variable: LC_ALL before LC_MESSAGES before LANG: the first that is set counts. Source: locale(7).
  public init(environment variable: (String) -> String?) {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].lazy.compactMap(variable).first { !$0.isEmpty } ?? ""
    let parts = locale.lowercased().split(separator: ".", maxSplits: 1)
    let isUTF8 = parts.count < 2 || parts[1].hasPrefix("utf8") || parts[1].hasPrefix("utf-8")
    self = locale.hasPrefix("zh") && isUTF8 ? .chinese : .english
  }
}
