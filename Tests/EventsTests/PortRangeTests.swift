import Testing

@testable import Events

@Suite struct `The range of local ports` {
  @Test(
    arguments: [
      ([32_768, 60_999], "", 28_232), ([40_000, 40_009], "40000,40008-50000", 7), ([5, 5], "80", 1),
      ([1, 65_535], "\n", 65_535),
    ] as [([Int], String, Int)])
  func `has the ports that are not reserved`(bounds: [Int], reserved: String, size: Int) {
    #expect(PortRange(bounds, reserved: PortRange.reserved(reserved))?.size == size)
  }

  @Test(arguments: [[], [1], [2, 1], [1, 65_536], [-1, 5], [1, 2, 3]])
  func `is made of two ports in order, and nothing else`(bounds: [Int]) {
    #expect(PortRange(bounds, reserved: nil) == nil)
  }

  @Test func `contains no reserved port, and none outside`() throws {
    let range = try #require(PortRange([10, 20], reserved: PortRange.reserved("15")))
    #expect(range.contains(10) && range.contains(20))
    #expect(!range.contains(15) && !range.contains(9) && !range.contains(21))
  }
}

@Suite struct `A rate` {
  @Test(
    arguments: [
      (0, "0"), (0.04, "0"), (0.3, "0.3"), (-0.3, "0.3"), (4, "4.0"), (9.94, "9.9"), (9.96, "10.0"),
      (12.4, "12"),
      (1399.6, "1,400"),
    ] as [(Double, String)])
  func `has the two digits that a person reads`(perSecond: Double, text: String) {
    #expect(Digits.rate(perSecond) == text)
  }
}
