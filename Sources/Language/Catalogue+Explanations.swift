extension Catalogue {
  static let explanations: [String: String] = [:]
}
