import System
import Testing

@testable import Tracing

@Test func `make doctor asks for the kernel that the program asks for`() throws {
  let root = #filePath.split(separator: "/").dropLast(3).reduce(into: "") { $0 += "/" + $1 }
  let line = try File.text("\(root)/scripts/doctor").split(separator: "\n").first { $0.hasPrefix("oldest=") }
  #expect(line == "oldest=\(Session.oldestKernel.0).\(Session.oldestKernel.1)")
}
