import BPF
import Events
import System

/// What this kernel has, with this configuration and these privileges. A value: which programs follow from it is decided
/// without the kernel.
struct KernelSupport {
  /// These are nil, or why not.
  var acceptExit: String?
  var timeWaitSocketExit: String?
  var kprobes: String?
  /// v5.12, c5dbb89fc2ac: a tracing program may ask for a socket's cookie.
  var cookies: String?

  /// v6.11, ba8de796baf4: before, kfree_skb does not name the socket.
  var packetEndNamesSocket: Bool
  /// v5.17, e6f2dd0f8067: bpf_loop().
  var hasLoops: Bool
  /// v6.1, struct bpf_mem_alloc: before, a map that allocates inside a tracing program can deadlock.
  var mapsGrow: Bool
  /// v7.0 lets a process be put aside in the middle of a program; before, only a softirq comes between.
  var preemptsPrograms: Bool
}

extension KernelSupport {
  init(_ types: borrowing KernelTypes) {
    // v5.17, f92c1e183604.
    acceptExit =
      types.hasHelper("BPF_FUNC_get_func_ret")
      ? Self.refusal(ofExit: "inet_csk_accept", types) : "the kernel does not give its result to programs"
    cookies =
      types.hasFunction("bpf_get_socket_ptr_cookie") ? nil : "the kernel gives programs no cookie of a socket"
    timeWaitSocketExit = Self.refusal(ofExit: "tcp_timewait_state_process", types)
    kprobes = Host.hasKprobes ? nil : "the kernel has no kprobes"
    packetEndNamesSocket = types.argumentCount(ofTracepoint: "kfree_skb") == 4
    hasLoops = types.hasHelper("BPF_FUNC_loop")
    mapsGrow = types.hasStruct("bpf_mem_alloc")
    preemptsPrograms = Host.kernelVersion.map { $0 >= (7, 0) } ?? true
  }

  private static func refusal(ofExit function: String, _ types: borrowing KernelTypes) -> String? {
    do throws(BPFError) {
      try types.tryHookingExit(of: function)
      return nil
    } catch {
      return error.reason
    }
  }

  func packetEndRefusal(onlyCounts: Bool) -> String? {
    guard packetEndNamesSocket else { return "it names the socket since Linux 6.11" }
    return onlyCounts ? "to look for them costs less where they are only counted" : nil
  }
}
