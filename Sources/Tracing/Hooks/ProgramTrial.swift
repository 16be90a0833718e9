import BPF
import Events

/// Programs by themselves: which of them does this kernel refuse?
enum ProgramTrial {
  /// A program that was refused, and what libbpf said of it.
  struct Refusal {
    var program: String
    var error: BPFError
    var log: [String]
  }

  static func figures(of program: String, _ settings: TraceSettings, _ plan: HookPlan) -> Readiness.Program
    .Figures?
  {
    var plan = plan
    if program == KernelProgram.rawState.name { plan.state = .rawState }
    let figures = try? Session.open(settings, plan).figures(of: program)
    return figures.map { .init(instructions: $0.instructions, verified: $0.verified, stack: $0.stack) }
  }

  /// Loads a program by itself, and attaches or runs it: why it is refused, or nil.
  static func refusal(of program: String, _ settings: TraceSettings, _ plan: HookPlan) -> Refusal? {
    var plan = plan
    if program == KernelProgram.rawState.name { plan.state = .rawState }
    do throws(BPFError) {
      try Session.open(settings, plan).tryOut(program)
      return nil
    } catch {
      return Refusal(program: program, error: error, log: LibraryLog.takeWarnings())
    }
  }
}
