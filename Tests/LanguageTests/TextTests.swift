import Testing

@testable import Language

@Suite("Words for a person")
struct TextTests {
  @Test("values stand in their places, and other braces stay")
  func places() {
    let text: Text = "\(3) of \("a {0}") { keepAlive: true } {7}"
    #expect(text.description == "3 of a {0} { keepAlive: true } {7}")
  }

  @Test("sentences one after the other are one text")
  func sums() {
    let parts: [Text] = ["one", "\(2)"]
    #expect((parts.joined(separator: ", ") + ".").description == "one, 2.")
  }

  @Test(
    "the language is that of the environment, if the terminal can show it",
    arguments: [
      (["LANG": "zh_CN.UTF-8"], Language.chinese), (["LANG": "zh_CN"], .chinese),
      (["LANG": "zh_CN.GB18030"], .english), (["LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW.utf8"], .chinese),
      (["LC_ALL": "C", "LANG": "zh_CN.UTF-8"], .english), (["LC_ALL": "", "LANG": "zh_CN.UTF-8"], .chinese),
      ([:], .english),
    ])
  func environment(_ variables: [String: String], _ language: Language) {
    #expect(Language(environment: { variables[$0] }) == language)
  }
}
