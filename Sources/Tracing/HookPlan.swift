import BPF
import Events
import System

/// Which hooks to use: the best that the kernel lets load, or one rung of the ladder by force.
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
  /// bpf_loop() is there.
  var loops: Bool
  /// Maps may allocate as they grow, rather than at the start.
  var mapsGrow: Bool
  /// The kernel skips a program that interrupts itself, and may leave it in the middle for another process: others stand
  /// behind it.
  var needsUnderstudies: Bool
  var refusals: [Start.Refusal] = []

  /// The programs on states and small sockets, which come once for each: what their names end with.
  enum Generation: String, CaseIterable {
    case present = ""
    /// Without casts.
    case before6_2 = "_before_6_2"
    /// Without a table as well.
    case before5_12 = "_before_5_12"

    var state: Hook { Hook(program: "handle_state" + rawValue, name: HookPlan.stateName) }
    var smallSocketExit: Hook {
      Hook(program: "handle_small_socket" + rawValue, name: HookPlan.smallSocketExitName)
    }
    /// Linux 6.11 on, and so never the last.
    var packetEnd: Hook { Hook(program: "handle_packet_end" + rawValue, name: HookPlan.packetEndName) }
  }

  /// Sockets that begin under the trace are remembered in a table.
  var usesTable: Bool { generation != .before5_12 }

  /// Nothing is remembered of a connection before it begins to end.
  var endsAlone: Bool

  var state: Hook {
    needsUnderstudies ? Self.stateSince7 : endsAlone ? Self.endingState : generation.state
  }

  var hooks: [Hook] { [state] + [accept, smallSocket].compactMap(\.self) }

  /// In the order in which they must be attached: an understudy looks at what the programs before it have done.
  var programs: [String] { hooks.map(\.program) + (needsUnderstudies ? Self.understudies : []) }

  static let iterators = ["iter/task_file", "iter/tcp"]

  private static let stateName = "tp_btf/inet_sock_set_state"
  private static let stateSince7 = Hook(program: "handle_state_since_7_0", name: stateName)
  private static let endingState = Hook(program: "count_state", name: stateName)
  private static let understudies = ["handle_missed_state", "handle_twice_missed_state"]
  /// Follows a command and all that it starts.
  static let fork = "handle_fork"
  static let firstRead = Hook(program: "handle_read", name: "tp_btf/tcp_rcv_space_adjust")
  static let acceptReturn = Hook(program: "handle_accept_return", name: "kretprobe/inet_csk_accept")
  static let smallSocketExitName = "fexit/tcp_timewait_state_process"
  static let packetEndName = "tp_btf/kfree_skb"

  /// v6.10 changed the arguments; the wrong program could load and read nonsense.
  static func acceptExit(_ types: borrowing KernelTypes) -> Hook {
    Hook(
      program: types.hasStruct("proto_accept_arg") ? "handle_accept" : "handle_accept_before_6_10",
      name: "fexit/inet_csk_accept")
  }

  /// Every program that is loaded only if the plan has it.
  static let optionalPrograms =
    [
      "handle_accept", "handle_accept_before_6_10", "handle_accept_return", "handle_read",
      stateSince7.program, endingState.program, "find_holders", "find_holders_before_5_17", sweepOfTable,
      settlingOfTable, fork, "note_owners", "note_owners_before_5_17", "count_sockets",
    ] + understudies
    + Generation.allCases.flatMap {
      [$0.state.program, $0.smallSocketExit.program]
    }
    + Generation.allCases.dropLast().map(\.packetEnd.program)

  static let sweepOfTable = "sweep_table"
  static let settlingOfTable = "settle_small_sockets"

  /// Reads every open file for who holds a socket.
  var holders: String { loops ? "find_holders" : "find_holders_before_5_17" }

  /// The plans to try, best first.
  ///
  /// - Throws: where a rung is asked for that this kernel does not have.
  ///
  /// - Parameters:
  ///   - onlyCounts: a TIME_WAIT may be found by looking, rather than by a hook that runs for every packet that ends.
  ///   - endsAlone: nothing has to be remembered of a connection before it begins to end. So it is where programs have casts
  ///     and no understudies; there who accepted is not asked.
  static func ladder(
    _ types: borrowing KernelTypes, _ choice: HookChoice, onlyCounts: Bool = false,
    endsAlone asksNoOpener: Bool = false
  ) throws(TracingError) -> [HookPlan] {
    let hooks = HookSupport(types)
    if let reason = choice == .fentry ? hooks.acceptExit : choice == .kprobe ? hooks.kprobes : nil {
      throw TracingError(
        problem: "cannot use --hooks \(choice.rawValue): \(reason)", mend: "use --hooks auto")
    }
    // v6.1, struct bpf_mem_alloc: before, a map that allocates inside a tracing program can deadlock.
    let mapsGrow = types.hasStruct("bpf_mem_alloc")
    // v5.12, 5ffa25502b5a, the atomics that a table takes, leave no trace among the types; this helper came in v5.13.
    let hasTable = types.hasHelper("BPF_FUNC_for_each_map_elem")
    // v6.2, a35b9af4ec2c.
    let hasCasts = types.hasFunction("bpf_rdonly_cast")
    let generation = hasCasts ? Generation.present : hasTable ? .before6_2 : .before5_12
    // v7.0 lets a process be put aside in the middle of a program; before, only a softirq comes between.
    let needsUnderstudies = Host.kernelVersion.map { $0 >= (7, 0) } ?? true
    let endsAlone = asksNoOpener && generation == .present && !needsUnderstudies
    func plan(_ acceptOrRead: Hook?, _ smallSocket: Hook?) -> HookPlan {
      let accept = endsAlone ? nil : acceptOrRead
      return HookPlan(
        accept: accept, smallSocket: smallSocket, generation: generation,
        loops: types.hasHelper("BPF_FUNC_loop"), mapsGrow: mapsGrow, needsUnderstudies: needsUnderstudies,
        endsAlone: endsAlone)
    }
    let packetEnd = hooks.packetEndNamesSocket && !onlyCounts ? generation.packetEnd : nil
    switch choice {
    case .auto:
      let best = plan(
        hooks.acceptExit == nil ? acceptExit(types) : hooks.kprobes == nil ? acceptReturn : firstRead,
        hooks.smallSocketExit == nil ? generation.smallSocketExit : packetEnd)
      let rungs = [
        hooks.explain(best, choice), plan(firstRead, packetEnd), plan(firstRead, nil), plan(nil, nil),
      ]
      guard hasCasts else { return rungs }
      // A kernel that interprets BPF has casts, and calls no function of its own.
      var withoutCasts = rungs[3]
      (withoutCasts.generation, withoutCasts.endsAlone) = (.before6_2, false)
      return rungs + [withoutCasts]
    case .fentry:
      return [plan(acceptExit(types), hooks.smallSocketExit == nil ? generation.smallSocketExit : packetEnd)]
        .map {
          hooks.explain($0, choice)
        }
    case .kprobe: return [hooks.explain(plan(acceptReturn, nil), choice)]
    case .tracepoint: return [hooks.explain(plan(firstRead, packetEnd), choice)]
    }
  }
}

/// What this kernel, with this configuration and these privileges, lets be hooked: nil, or why not.
struct HookSupport {
  var acceptExit: String?
  var smallSocketExit: String?
  var kprobes: String?
  var packetEndNamesSocket: Bool

  init(_ types: borrowing KernelTypes) {
    acceptExit = Self.refusal(ofExit: "inet_csk_accept", types)
    smallSocketExit = Self.refusal(ofExit: "tcp_timewait_state_process", types)
    kprobes = Host.hasKprobes ? nil : "the kernel has no kprobes"
    // v6.11: before, kfree_skb does not name the socket.
    packetEndNamesSocket = types.argumentCount(ofTracepoint: "kfree_skb") == 4
  }

  /// The same plan with why it does without each hook that would be better than its own.
  func explain(_ plan: HookPlan, _ choice: HookChoice) -> HookPlan {
    let notAsked = "--hooks \(choice.rawValue) was asked for"
    var explained = plan
    func refuse(_ hook: String, _ reason: String?) {
      explained.refusals.append(.init(hook: hook, reason: reason ?? notAsked))
    }
    if plan.accept == HookPlan.firstRead || plan.accept == HookPlan.acceptReturn {
      refuse("fexit/inet_csk_accept", acceptExit)
    }
    if plan.accept == HookPlan.firstRead { refuse(HookPlan.acceptReturn.name, kprobes) }
    let exit = HookPlan.smallSocketExitName
    if plan.smallSocket?.name != exit { refuse(exit, smallSocketExit) }
    if plan.smallSocket == nil {
      refuse(
        HookPlan.packetEndName, packetEndNamesSocket ? nil : "it names the socket since Linux 6.11")
    }
    return explained
  }

  private static func refusal(ofExit function: String, _ types: borrowing KernelTypes) -> String? {
    do throws(BPFError) {
      try types.tryHookingExit(of: function)
      return nil
    } catch {
      return error.reason
    }
  }
}
