import Testing

@testable import Language

@Suite("The catalogue")
struct CatalogueTests {
  private static let translated =
    ["Sources/Diagnosis", "Sources/Diagnosis/Rules", "Sources/Diagnosis/Words", "Sources/Diagnosis/Facts"]
    .flatMap(Sources.files) + [
      "Sources/Render/Doctor/HealthRenderer.swift", "Sources/Render/Leaks/LeakRenderer.swift",
      "Sources/Render/ReadinessRenderer.swift",
      "Sources/Render/Line/Context.swift", "Sources/Tracing/Hooks/KernelProgram.swift",
      "Sources/Tracing/Hooks/ReadinessProbe.swift",
      "Sources/Tracing/Hooks/KernelSupport.swift", "Sources/Tracing/Watches/HostReading.swift",
    ]

  /// What has blanks in it and is no words, or is code.
  private static let notWords: Set<String> = [
    "nsenter --net={0} {1}", "sysctl -w net.ipv4.ip_local_reserved_ports=",
  ]

  static let wanted: [String] = {
    var wanted: [String] = []
    for file in translated {
      let texts = SourceTexts(of: Sources.text(file)).templates
      for text in texts where isWords(text) && !wanted.contains(text) { wanted.append(text) }
    }
    return wanted
  }()

  /// Has it letters beside what is interpolated, and a blank or what else words have?
  private static func isWords(_ text: String) -> Bool {
    guard !notWords.contains(text), !text.hasPrefix("sysctl "), !text.hasPrefix("/proc/"),
      !text.hasPrefix("\u{1b}")
    else {
      return false
    }
    let plain = text.replacing(/\{\d+\}/, with: "")
    return plain.contains(where: \.isLowercase) && plain.contains(" ")
  }

  @Test("has every sentence of the sources")
  func isComplete() {
    #expect(Self.wanted.count > 300)
    let missing = Self.wanted.filter { Catalogue.chinese[$0] == nil }
    #expect(missing.isEmpty, "without Chinese:\n\(missing.joined(separator: "\n"))")
  }

  @Test("has each value of a sentence once, and no other")
  func values() {
    for (english, chinese) in Catalogue.chinese {
      func places(_ text: String) -> [String] { text.matches(of: /\{\d+\}/).map { String(text[$0.range]) } }
      #expect(Set(places(english)) == Set(places(chinese)), "\(english)\n\(chinese)")
    }
  }
}
