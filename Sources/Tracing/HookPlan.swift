import BPF
import Events
import System

/// Which programs to use on this kernel: the best that it lets load, and for each better one why not.
struct HookPlan {
  /// Who accepted: a program and the name of its hook.
  var accept: Hook?
  /// When a small socket enters TIME_WAIT; nil: the frontend looks.
  var smallSocket: Hook?
  /// Per-socket memory in sk_storage rather than a hash.
  var usesSocketStorage: Bool
  /// Maps may allocate as they grow, rather than at the start.
  var mapsGrow: Bool
  var refusals: [Start.Refusal] = []

  struct Hook: Equatable {
    var program: String
    var name: String
  }

  static let state = Hook(program: "handle_state", name: "tp_btf/inet_sock_set_state")
  /// Stands behind `state` on the same hook; attached after it, and so called after it.
  static let understudy = "handle_missed_state"
  private static let firstRead = Hook(program: "handle_read", name: "tp_btf/tcp_rcv_space_adjust")
  private static let packetEnd = Hook(program: "handle_packet_end", name: "tp_btf/kfree_skb")

  /// Every program that is loaded only if the plan has it.
  static let optionalPrograms = [
    "handle_accept", "handle_accept_before_6_10", "handle_read", "handle_small_socket", "handle_packet_end",
  ]

  var hooks: [Hook] { [Self.state] + [accept, smallSocket].compactMap(\.self) }

  /// The plans to try, best first.
  static func ladder(_ types: borrowing KernelTypes) -> [HookPlan] {
    // v5.11 let tracing programs use sk_storage, and brought this helper in the same release.
    let hasStorage = types.hasHelper("BPF_FUNC_get_current_task_btf")
    // v6.1, struct bpf_mem_alloc: before, a map that allocates inside a tracing program can deadlock.
    let mapsGrow = types.hasStruct("bpf_mem_alloc")
    var best = HookPlan(usesSocketStorage: hasStorage, mapsGrow: mapsGrow)
    let acceptProgram =
      types.hasStruct("proto_accept_arg") ? "handle_accept" : "handle_accept_before_6_10"
    best.accept =
      best.tryExit(of: "inet_csk_accept", program: acceptProgram, types) ?? firstRead
    best.smallSocket =
      best.tryExit(of: "tcp_timewait_state_process", program: "handle_small_socket", types)
      // v6.11: before, kfree_skb does not name the socket.
      ?? (types.argumentCount(ofTracepoint: "kfree_skb") == 4 ? packetEnd : nil)
    var tracepoints = best
    tracepoints.accept = firstRead
    tracepoints.smallSocket = nil
    var bare = tracepoints
    bare.accept = nil
    return [best, tracepoints, bare]
  }

  private mutating func tryExit(
    of function: String, program: String, _ types: borrowing KernelTypes
  ) -> Hook? {
    do throws(BPFError) {
      try types.tryHookingExit(of: function)
      return Hook(program: program, name: "fexit/\(function)")
    } catch {
      refusals.append(Start.Refusal(hook: "fexit/\(function)", reason: error.reason))
      return nil
    }
  }
}
