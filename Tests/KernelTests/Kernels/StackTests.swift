import FoundationEssentials
import Stage
import Testing

extension KernelTests {
  /// The kernel gives a program and the functions that it calls 512 bytes together. Linux 6.1 rounds each of them up to 32.
  @Suite struct StackTests {
    private struct Report: Decodable {
      struct Program: Decodable {
        var name: String
        var loads: Bool
        var stack_bytes: [Int]?
      }
      var programs: [Program]
    }

    @Test("Each program leaves 64 bytes of stack, though all of its functions called one another")
    func room() throws {
      let run = try Run.tcplinger(["check", "--json"])
      let programs = try JSONDecoder().decode(Report.self, from: Data(run.output.bytes)).programs
      let known = programs.filter { $0.loads && $0.stack_bytes != nil }
      #expect(known.contains { $0.name.hasPrefix("handle_state") })
      for program in known {
        let bytes = (program.stack_bytes ?? []).map { ($0 + 31) / 32 * 32 }.reduce(0, +)
        #expect(bytes <= 512 - 64, "\(program.name): \(program.stack_bytes ?? [])")
      }
    }
  }
}
