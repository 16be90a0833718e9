/// Everything that is shown in another language, by the English template. Tests read the sources and the help, and find what is
/// missing.
enum Catalogue {
  static let chinese: [String: String] = [help, words, findings, moreFindings, programs, states, leaksAndCheck]
    .reduce(into: [:]) { all, part in all.merge(part) { first, _ in first } }
}
