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
  /// Sockets that begin under the trace are remembered in a table.
  var usesTable: Bool
  /// The others in sk_storage, rather than in a hash.
  var usesSocketStorage: Bool
  /// bpf_loop() is there.
  var loops: Bool
  /// Maps may allocate as they grow, rather than at the start.
  var mapsGrow: Bool
  /// The kernel skips a program that interrupts itself, and may leave it in the middle for another process: others stand
  /// behind it.
  var needsUnderstudies: Bool
  var refusals: [Start.Refusal] = []

  var state: Hook { needsUnderstudies ? Self.stateSince7 : usesTable ? Self.stateInTable : Self.stateInHash }

  var hooks: [Hook] { [state] + [accept, smallSocket].compactMap(\.self) }

  /// In the order in which they must be attached: an understudy looks at what the programs before it have done.
  var programs: [String] { hooks.map(\.program) + (needsUnderstudies ? Self.understudies : []) }

  var iterators: [String] {
    ["iter/task_file", "iter/tcp", "iter/bpf_map_elem"] + (usesSocketStorage ? ["iter/bpf_sk_storage_map"] : [])
  }

  private static let stateInTable = Hook(program: "handle_state", name: "tp_btf/inet_sock_set_state")
  private static let stateSince7 = Hook(program: "handle_state_since_7_0", name: stateInTable.name)
  private static let stateInHash = Hook(program: "handle_state_before_5_12", name: stateInTable.name)
  private static let understudies = ["handle_missed_state", "handle_twice_missed_state"]
  /// Follows a command and all that it starts.
  static let fork = "handle_fork"
  static let firstRead = Hook(program: "handle_read", name: "tp_btf/tcp_rcv_space_adjust")
  static let acceptReturn = Hook(program: "handle_accept_return", name: "kretprobe/inet_csk_accept")
  static let packetEnd = Hook(program: "handle_packet_end", name: "tp_btf/kfree_skb")
  static let smallSocketExitName = "fexit/tcp_timewait_state_process"
  private static let smallSocketExitInTable = Hook(
    program: "handle_small_socket", name: smallSocketExitName)
  private static let smallSocketExitInHash = Hook(
    program: "handle_small_socket_before_5_12", name: smallSocketExitName)

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
      smallSocketExitInTable.program, smallSocketExitInHash.program, "handle_packet_end", stateInTable.program,
      stateInHash.program, stateSince7.program, "find_holders", "find_holders_before_5_17", sweepOfTable,
      sweepOfStorage, settlingOfTable, fork, "note_owners", "note_owners_before_5_17", "count_sockets",
      "report_groups",
    ] + understudies

  static let sweepOfTable = "sweep_table"
  static let settlingOfTable = "settle_small_sockets"
  static let sweepOfStorage = "sweep_storage"

  /// Reads every open file for who holds a socket.
  var holders: String { loops ? "find_holders" : "find_holders_before_5_17" }

  /// The plans to try, best first.
  ///
  /// - Throws: where a rung is asked for that this kernel does not have.
  ///
  /// - Parameter onlyCounts: a TIME_WAIT may be found by looking, rather than by a hook that runs for every packet that
  ///   ends.
  static func ladder(
    _ types: borrowing KernelTypes, _ choice: HookChoice, onlyCounts: Bool = false
  ) throws(TracingError) -> [HookPlan] {
    let hooks = HookSupport(types)
    if let reason = choice == .fentry ? hooks.acceptExit : choice == .kprobe ? hooks.kprobes : nil {
      throw TracingError(
        problem: "cannot use --hooks \(choice.rawValue): \(reason)", mend: "use --hooks auto")
    }
    // v5.11 let tracing programs use sk_storage, and brought this helper in the same release.
    // Between v6.18 and v7.2: with this function the kernel unlinks the storage of a socket that is freed while an
    // iterator is at it, which then follows NULL in __bpf_sk_storage_map_seq_show(): the kernel dies of it.
    let hasStorage =
      types.hasHelper("BPF_FUNC_get_current_task_btf") && !types.hasFunction("bpf_selem_unlink_nofail")
    // v6.1, struct bpf_mem_alloc: before, a map that allocates inside a tracing program can deadlock.
    let mapsGrow = types.hasStruct("bpf_mem_alloc")
    // v5.12, 5ffa25502b5a, the atomics that a table takes, leave no trace among the types; this helper came in v5.13.
    let hasTable = types.hasHelper("BPF_FUNC_for_each_map_elem")
    // v7.0 lets a process be put aside in the middle of a program; before, only a softirq comes between.
    let needsUnderstudies = Host.kernelVersion.map { $0 >= (7, 0) } ?? true
    func plan(_ accept: Hook?, _ smallSocket: Hook?) -> HookPlan {
      // A kprobe gets the socket as a number, which sk_storage does not take.
      HookPlan(
        accept: accept, smallSocket: smallSocket, usesTable: hasTable,
        usesSocketStorage: hasStorage && accept != acceptReturn,
        loops: types.hasHelper("BPF_FUNC_loop"), mapsGrow: mapsGrow, needsUnderstudies: needsUnderstudies)
    }
    let smallSocketExit = hasTable ? smallSocketExitInTable : smallSocketExitInHash
    let packetEnd = hooks.packetEndNamesSocket && !onlyCounts ? packetEnd : nil
    switch choice {
    case .auto:
      let best = plan(
        hooks.acceptExit == nil ? acceptExit(types) : hooks.kprobes == nil ? acceptReturn : firstRead,
        hooks.smallSocketExit == nil ? smallSocketExit : packetEnd)
      return [
        hooks.explain(best, choice), plan(firstRead, packetEnd), plan(firstRead, nil), plan(nil, nil),
      ]
    case .fentry:
      return [plan(acceptExit(types), hooks.smallSocketExit == nil ? smallSocketExit : packetEnd)].map {
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
        HookPlan.packetEnd.name, packetEndNamesSocket ? nil : "it names the socket since Linux 6.11")
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
