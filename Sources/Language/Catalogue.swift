/// Everything that is shown in another language, by the English template. Tests read the sources and the help, and find what is
/// missing.
enum Catalogue {
  static let chinese: [String: String] = help.merging(explanations) { first, _ in first }
}
