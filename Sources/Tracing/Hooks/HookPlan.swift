import Events
import Language
import System

/// Which hooks to use: the best that the kernel lets load, or one kind by force.
public enum HookChoice: String, Sendable, CaseIterable {
  case auto, fentry, kprobe, tracepoint
}

/// Which programs to use on this kernel, and for each better one why not. All but the one on states may be missing.
struct HookPlan {
  var state: KernelProgram
  /// Who accepted; nil: known from open files alone.
  var accept: KernelProgram?
  /// When a time_wait socket enters TIME_WAIT; nil: the frontend looks.
  var timeWaitSocket: KernelProgram?
  /// These are run when the frontend asks. nil: it asks otherwise.
  var audit: KernelProgram?
  var files: KernelProgram?
  var sockets: KernelProgram?
  /// Follows a command and all that it starts.
  var fork: KernelProgram?
  /// Resets that this host sends.
  var reset: KernelProgram?
  /// Tells what a process is when it is first named; nil: /proc is read.
  var introduction: KernelProgram?
  var support: KernelSupport
  var refusals: [Start.Refusal] = []

  /// The program on states has sockets, and so their cookies; else their addresses only.
  var isTyped: Bool { state != .rawState }

  /// Is it known who accepts, also where nothing is remembered of connections?
  var seesAccepts: Bool { accept != nil && (accept != .firstRead || isTyped) }

  /// What one run of the program on states misses, the programs behind it make up for.
  var needsUnderstudies: Bool { state == .stateSince7 }

  /// Those on states, in the order in which they must be attached.
  var states: [KernelProgram] { [state] + (needsUnderstudies ? KernelProgram.understudies : []) }

  /// In the order in which they must be attached: an understudy looks at what the programs before it have done.
  var attached: [KernelProgram] {
    states + [accept, timeWaitSocket, fork, reset].compactMap(\.self)
  }

  var onDemand: [KernelProgram] { [audit, files, sockets, introduction].compactMap(\.self) }

  /// What the reader needs once all is attached: to make iterators and to run programs, and to read /proc.
  var kept: Capabilities { [.bpf, .sysPtrace] }

  /// The hooks in use, as libbpf names them.
  var hooks: [String] {
    ([state] + [accept, timeWaitSocket, files, sockets, reset].compactMap(\.self)).map(\.hook)
  }

  /// Changes of state that no program saw.
  ///
  /// - Parameters:
  ///   - missed: runs of a program that the kernel skipped, as it was running on the same processor.
  ///   - rescued: changes of state that an understudy has played in. Read after the missed ones: a rescue between the two
  ///     makes the difference smaller, not a loss out of nothing.
  func skippedRuns(missed: (_ program: String) -> UInt64, rescued: () -> UInt64) -> UInt64 {
    // Where programs are not preempted only a softirq's changes are missed: audit finds those.
    guard needsUnderstudies else { return 0 }
    let states = missed(state.name)
    return states - min(states, rescued())
  }

  /// Accepts that the program on them did not see: no event is missing for that, but an opener.
  func skippedAccepts(missed: (_ program: String) -> UInt64) -> UInt64 {
    accept.map { missed($0.name) } ?? 0
  }
}

extension HookPlan {
  /// The caller's requirements.
  struct Wishes {
    var choice = HookChoice.auto
    /// A TIME_WAIT may be found by looking, rather than by a hook that runs for every packet that ends.
    var onlyCounts = false
    var followsChildren = false
    var wantsResets = false
    /// What short-lived processes are is asked for.
    var introduces = true
    /// Names of programs to do without: the user's.
    var without: [String] = []
  }

  /// The best plan without the programs that were refused.
  ///
  /// - Parameter refused: each with the kernel's reason.
  /// - Throws: where hooks are asked for that this kernel does not have, or nothing is left on states.
  static func best(
    _ support: KernelSupport, _ wishes: Wishes, without refused: [String: String] = [:]
  ) throws(TracingError) -> HookPlan {
    var refusals: [Start.Refusal] = []

    func refusal(of program: KernelProgram) -> String? {
      if wishes.without.contains(where: program.isMeant(by:)) { return "--without was given" }
      return refused[program.name]
    }
    /// The first that is not refused; those before it are noted.
    func choose(_ candidates: [(program: KernelProgram, kind: HookChoice, reason: String?)]) -> KernelProgram? {
      for (program, kind, reason) in candidates {
        let isAsked = [kind, .auto].contains(wishes.choice)
        let notAsked = isAsked ? nil : "--hooks \(wishes.choice.rawValue) was asked for"
        guard let reason = refusal(of: program) ?? reason ?? notAsked else { return program }
        refusals.append(.init(hook: program.hook, reason: reason, lost: program.lost.description))
      }
      refusals[refusals.count - 1].isFelt = true
      return nil
    }
    func chooseAny(_ program: KernelProgram) -> KernelProgram? { choose([(program, wishes.choice, nil)]) }

    let typed = support.preemptsPrograms ? KernelProgram.stateSince7 : .state
    let understudyRefusal =
      support.preemptsPrograms ? KernelProgram.understudies.compactMap(refusal(of:)).first : nil
    guard
      let state = choose([
        (typed, wishes.choice, support.cookies ?? understudyRefusal), (.rawState, wishes.choice, nil),
      ])
    else {
      throw TracingError(
        problem:
          "cannot trace without \(KernelProgram.rawState.hook): \(refusals.last?.reason ?? "it is refused")",
        mend: "leave it out of --without")
    }
    // Where the kernel has no cookies to give, that is how this kernel is.
    if state == .rawState { refusals[0].isFelt = support.cookies == nil }
    var plan = HookPlan(state: state, support: support)
    plan.accept = choose([
      (.acceptExit, .fentry, support.acceptExit), (.acceptReturn, .kprobe, support.kprobes),
      (.firstRead, .tracepoint, nil),
    ])
    if plan.accept == nil, wishes.choice != .auto {
      let reason = refusals.first { !$0.reason.hasPrefix("--hooks") && $0.hook != typed.hook }?.reason
      throw TracingError(
        problem: "cannot use --hooks \(wishes.choice.rawValue): \(reason ?? "it is refused")",
        mend: "use --hooks auto")
    }
    // With the exits of functions comes the next best thing, where this one is refused.
    let packetEndKind = wishes.choice == .fentry ? HookChoice.fentry : .tracepoint
    plan.timeWaitSocket = choose([
      (.timeWaitSocketExit, .fentry, support.timeWaitSocketExit),
      (.packetEnd, packetEndKind, support.packetEndRefusal(onlyCounts: wishes.onlyCounts)),
    ])
    if wishes.onlyCounts && !refusals.isEmpty { refusals[refusals.count - 1].isFelt = false }
    plan.files = chooseAny(support.hasLoops ? .visitFiles : .visitFilesBefore5_17)
    plan.sockets = chooseAny(.visitSockets)
    plan.audit = chooseAny(.audit)
    if wishes.followsChildren { plan.fork = chooseAny(.fork) }
    if wishes.wantsResets { plan.reset = chooseAny(.reset) }
    if wishes.introduces { plan.introduction = chooseAny(.introduction) }
    for name in KernelProgram.needless where wishes.without.contains(name) {
      refusals.append(.init(hook: name, reason: "--without was given", lost: nil))
    }
    plan.refusals = refusals
    return plan
  }
}
