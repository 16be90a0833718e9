import Events

/// Which hooks to use: the best that the kernel lets load, or one kind by force.
public enum HookChoice: String, Sendable, CaseIterable {
  case auto, fentry, kprobe, tracepoint
}

/// Which programs to use on this kernel, and for each better one why not.
struct HookPlan {
  struct Hook: Equatable {
    var program: String
    /// Section and function, as libbpf writes them.
    var name: String
  }

  /// Who accepted; nil: known from open files alone.
  var accept: Hook?
  /// When a small socket enters TIME_WAIT; nil: the frontend looks.
  var smallSocket: Hook?
  var generation: Generation
  /// What one run of a program on the hook misses, the programs behind it make up for.
  var needsUnderstudies: Bool
  /// Nothing is remembered of a connection before it begins to end.
  var endsAlone: Bool
  var support: KernelSupport
  var refusals: [Start.Refusal] = []

  /// The programs on states and small sockets, which come once for each: what their names end with.
  enum Generation: String {
    case present = ""
    /// Without casts.
    case before6_2 = "_before_6_2"
    /// Without a table as well.
    case before5_12 = "_before_5_12"

    var state: Hook { Hook(program: "handle_state" + rawValue, name: HookPlan.stateName) }
    var smallSocketExit: Hook {
      Hook(program: "handle_small_socket" + rawValue, name: "fexit/tcp_timewait_state_process")
    }
    /// Linux 6.11 on, and so never the last.
    var packetEnd: Hook { Hook(program: "handle_packet_end" + rawValue, name: "tp_btf/kfree_skb") }
  }

  /// Sockets that begin under the trace are remembered in a table.
  var usesTable: Bool { generation != .before5_12 }

  var state: Hook {
    needsUnderstudies ? Self.stateSince7 : endsAlone ? Self.endingState : generation.state
  }

  var hooks: [Hook] { [state] + [accept, smallSocket].compactMap(\.self) }

  /// In the order in which they must be attached: an understudy looks at what the programs before it have done.
  var attached: [String] { hooks.map(\.program) + (needsUnderstudies ? Self.understudies : []) }

  /// What the frontend runs when it asks. None of these can be done without.
  var onDemand: [String] {
    [
      "seed_from_files", "seed_from_table", findHolders, "sweep_hash", "mark_due", "report_due",
      "settle_handed_over",
    ] + (usesTable ? [Self.sweepOfTable, Self.settlingOfTable] : [])
  }

  /// Reads every open file for who holds a socket.
  var findHolders: String { support.hasLoops ? "find_holders" : "find_holders_before_5_17" }

  /// Changes of state that no program saw.
  ///
  /// - Parameters:
  ///   - missed: runs of a program that the kernel skipped, as it was running on the same processor.
  ///   - rescued: changes of state that an understudy has played in. Read after the missed ones: a rescue between the two
  ///     makes the difference smaller, not a loss out of nothing.
  func skippedRuns(missed: (_ program: String) -> UInt64, rescued: () -> UInt64) -> UInt64 {
    // Where programs are not preempted only a softirq's changes are missed: the sweep follows those to their small sockets.
    guard support.preemptsPrograms else { return 0 }
    let states = missed(state.program)
    return states - min(states, rescued())
  }

  /// Accepts that the program on them did not see: no event is missing for that, but an opener.
  func skippedAccepts(missed: (_ program: String) -> UInt64) -> UInt64 {
    accept.map { missed($0.program) } ?? 0
  }

  static let iterators = ["iter/task_file", "iter/tcp"]
  static let sweepOfTable = "sweep_table"
  static let settlingOfTable = "settle_small_sockets"
  /// Follows a command and all that it starts.
  static let fork = "handle_fork"

  private static let stateName = "tp_btf/inet_sock_set_state"
  private static let stateSince7 = Hook(program: "handle_state_since_7_0", name: stateName)
  private static let endingState = Hook(program: "count_state", name: stateName)
  static let understudies = ["handle_missed_state", "handle_twice_missed_state"]
  static let firstRead = Hook(program: "handle_read", name: "tp_btf/tcp_rcv_space_adjust")
  static let acceptReturn = Hook(program: "handle_accept_return", name: "kretprobe/inet_csk_accept")

  static func acceptExit(_ support: KernelSupport) -> Hook {
    Hook(
      program: support.hasProtoAcceptArg ? "handle_accept" : "handle_accept_before_6_10",
      name: "fexit/inet_csk_accept")
  }
}

extension HookPlan {
  /// What is wanted of a plan.
  struct Wishes {
    var choice = HookChoice.auto
    /// A TIME_WAIT may be found by looking, rather than by a hook that runs for every packet that ends.
    var onlyCounts = false
    /// Nothing has to be remembered of a connection before it begins to end. So it is where programs have casts and no
    /// understudies; there who accepted is not asked.
    var endsAlone = false
  }

  /// The best plan without the programs that were refused.
  ///
  /// - Parameter refused: each with the kernel's reason.
  /// - Throws: where hooks are asked for that this kernel does not have.
  static func best(
    _ support: KernelSupport, _ wishes: Wishes, without refused: [String: String] = [:]
  ) throws(TracingError) -> HookPlan {
    let generation = generation(support, wishes, without: refused)
    let needsUnderstudies = support.preemptsPrograms && generation == .present
    var plan = HookPlan(
      generation: generation, needsUnderstudies: needsUnderstudies,
      endsAlone: wishes.endsAlone && generation == .present && !needsUnderstudies, support: support)

    /// The first that is not refused; those before it are noted.
    func choose(_ hooks: [(hook: Hook, kind: HookChoice, reason: String?)]) -> Hook? {
      for (hook, kind, reason) in hooks {
        let isAsked = [kind, .auto].contains(wishes.choice)
        let notAsked = isAsked ? nil : "--hooks \(wishes.choice.rawValue) was asked for"
        guard let refusal = refused[hook.program] ?? reason ?? notAsked else { return hook }
        plan.refusals.append(.init(hook: hook.name, reason: refusal))
      }
      return nil
    }
    if !plan.endsAlone {
      plan.accept = choose([
        (acceptExit(support), .fentry, support.acceptExit), (acceptReturn, .kprobe, support.kprobes),
        (firstRead, .tracepoint, nil),
      ])
      if plan.accept == nil, wishes.choice != .auto {
        let reason = plan.refusals.first { !$0.reason.hasPrefix("--hooks") }?.reason ?? "it is refused"
        throw TracingError(
          problem: "cannot use --hooks \(wishes.choice.rawValue): \(reason)", mend: "use --hooks auto")
      }
    }
    // With the exits of functions comes the next best thing, where this one is refused.
    let packetEndKind = wishes.choice == .fentry ? HookChoice.fentry : .tracepoint
    plan.smallSocket = choose([
      (generation.smallSocketExit, .fentry, support.smallSocketExit),
      (generation.packetEnd, packetEndKind, support.packetEndRefusal(onlyCounts: wishes.onlyCounts)),
    ])
    return plan
  }

  private static func generation(
    _ support: KernelSupport, _ wishes: Wishes, without refused: [String: String]
  ) -> Generation {
    guard support.hasCasts else { return support.hasTable ? .before6_2 : .before5_12 }
    // A kernel that interprets BPF has casts, and calls no function of its own.
    let withCasts = [Generation.present.state, stateSince7, endingState].map(\.program) + understudies
    return withCasts.contains { refused[$0] != nil } ? .before6_2 : .present
  }
}
