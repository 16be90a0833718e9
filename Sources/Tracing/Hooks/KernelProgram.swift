import Language

/// A program of `bpf/`, by what it is attached to or run by, and what is lost without it. Each but the one on states has
/// something that stands in for it.
struct KernelProgram: Equatable {
  var name: String
  /// Section and function, as libbpf writes them.
  var hook: String
  /// What is degraded without it. Events stay right.
  var lost: Text

  init(_ name: String, _ hook: String, lost: Text) {
    self.name = name
    self.hook = hook
    self.lost = lost
  }

  /// Is it meant by this name of a user's: its own, its hook, the kind of that, or the function?
  func isMeant(by name: String) -> Bool {
    ([self.name, hook] + hook.split(separator: "/").map(String.init)).contains(name)
  }
}

extension KernelProgram {
  private static let stateHook = "tp_btf/inet_sock_set_state"
  private static let rawStatesLost: Text =
    "sockets are told apart by address and ports, without the kernel's cookie, and each change of state costs more"

  static let state = KernelProgram("handle_state", stateHook, lost: rawStatesLost)
  static let stateSince7 = KernelProgram("handle_state_since_7_0", stateHook, lost: rawStatesLost)
  /// What one run of the program on states misses, these make up for, in this order.
  static let understudies = ["handle_missed_state", "handle_twice_missed_state"].map {
    KernelProgram($0, stateHook, lost: rawStatesLost)
  }
  static let rawState = KernelProgram("handle_state_raw", "raw_tp/inet_sock_set_state", lost: "no tracing")

  static let acceptExit = KernelProgram(
    "handle_accept", "fexit/inet_csk_accept",
    lost: "who accepted is seen when accept() returns, or at the first read")
  static let acceptReturn = KernelProgram(
    "handle_accept_return", "kretprobe/inet_csk_accept", lost: "who accepted is seen at the first read")
  static let firstRead = KernelProgram(
    "handle_read", "tp_btf/tcp_rcv_space_adjust",
    lost: "who accepted is not known, unless accept can be hooked")

  static let timeWaitSocketExit = KernelProgram(
    "handle_time_wait_socket", "fexit/tcp_timewait_state_process",
    lost: "a TIME_WAIT after FIN_WAIT2 is seen at the end of a packet, or found by looking")
  static let packetEnd = KernelProgram(
    "handle_packet_end", "tp_btf/kfree_skb",
    lost: "a TIME_WAIT after FIN_WAIT2 is found by looking, up to 1.2 s late, if no other hook tells it")

  static let audit = KernelProgram(
    "audit", "raw_tp/audit",
    lost:
      "waiting connections are read by NETLINK_SOCK_DIAG, in the network namespaces that exist at the start"
  )
  static let visitFiles = KernelProgram(
    "visit_files", "iter/task_file",
    lost: "holders are read from /proc, more slowly, and who opened older connections is not known")
  static let visitFilesBefore5_17 = KernelProgram(
    "visit_files_before_5_17", "iter/task_file", lost: visitFiles.lost)
  static let visitSockets = KernelProgram(
    "visit_sockets", "iter/tcp",
    lost: "older connections are read by NETLINK_SOCK_DIAG, more slowly")
  static let reset = KernelProgram(
    "handle_reset", "raw_tp/tcp_send_reset", lost: "who sends resets is not known")
  static let introduction = KernelProgram(
    "introduce_tracer", "raw_tp/introduce_tracer",
    lost: "what a process is, is read from /proc alone: of short-lived ones it is not known")
  static let fork = KernelProgram(
    "handle_fork", "tp_btf/sched_process_fork",
    lost: "children of a command are found in /proc: short-lived ones may be missed")

  static let all =
    [state, stateSince7] + understudies + [
      rawState, acceptExit, acceptReturn, firstRead, timeWaitSocketExit, packetEnd, audit, visitFiles,
      visitFilesBefore5_17, visitSockets, reset, introduction, fork,
    ]

  /// Kinds of programs that other tracers need, and this one does not: to do without is to lose nothing.
  static let needless = ["tc", "iter/task"]

  /// All that can be done without, as a user may name it: the functions, the hooks, and the kinds.
  static let names: [String] = {
    let hooks = all.map(\.hook)
    var names: [String] = []
    for name in hooks + needless where !names.contains(name) { names.append(name) }
    return names
  }()

  static func isKnown(_ name: String) -> Bool {
    needless.contains(name) || all.contains { $0.isMeant(by: name) }
  }
}
