import Events
import System
import Testing

@testable import Tracing

extension KernelSupport {
  /// A kernel of today that refuses nothing.
  fileprivate static let everything = KernelSupport(
    packetEndNamesSocket: true, hasLoops: true, mapsGrow: true, preemptsPrograms: false)

  fileprivate static var preempting: KernelSupport {
    var support = everything
    support.preemptsPrograms = true
    return support
  }
}

extension HookPlan {
  fileprivate var attachedNames: [String] { attached.map(\.name) }
}

@Suite struct `A plan of hooks` {
  @Test func `takes the best that there is`() throws {
    let plan = try HookPlan.best(.everything, .init())
    #expect(plan.attachedNames == ["handle_state", "handle_accept", "handle_time_wait_socket"])
    #expect(plan.refusals.isEmpty)
  }

  @Test func `falls only where a program was refused, and says by which reason`() throws {
    let plan = try HookPlan.best(
      .everything, .init(), without: ["handle_time_wait_socket": "Operation not permitted"])
    #expect(plan.attachedNames == ["handle_state", "handle_accept", "handle_packet_end"])
    #expect(
      plan.refusals.map { "\($0.hook): \($0.reason)" }
        == ["fexit/tcp_timewait_state_process: Operation not permitted"])
  }

  @Test func `has understudies where programs are preempted`() throws {
    let plan = try HookPlan.best(.preempting, .init())
    #expect(
      plan.attachedNames == [
        "handle_state_since_7_0", "handle_missed_state", "handle_twice_missed_state", "handle_accept",
        "handle_time_wait_socket",
      ])
  }

  @Test(arguments: ["handle_state_since_7_0", "handle_missed_state", "handle_twice_missed_state"])
  func `has addresses only where one of those that go together is refused`(refused: String) throws {
    let plan = try HookPlan.best(.preempting, .init(), without: [refused: "Not supported by this kernel"])
    #expect(plan.state.name == "handle_state_raw")
    #expect(!plan.isTyped && !plan.needsUnderstudies)
    #expect(plan.attachedNames.allSatisfy { !$0.contains("missed") })
    #expect(plan.refusals.first?.isFelt == true)
  }

  @Test func `needs nothing but one program on states`() throws {
    let others = KernelProgram.all.filter { $0 != .state }.map { ($0.name, "refused") }
    let plan = try HookPlan.best(.everything, .init(), without: Dictionary(uniqueKeysWithValues: others))
    #expect(plan.attachedNames == ["handle_state"])
    #expect(plan.onDemand.isEmpty)
    #expect(plan.kept.contains(.sysPtrace))
    let felt = plan.refusals.filter(\.isFelt).map(\.hook)
    #expect(
      felt == [
        "tp_btf/tcp_rcv_space_adjust", "tp_btf/kfree_skb", "iter/task_file", "iter/tcp", "raw_tp/audit",
        "raw_tp/introduce_tracer",
      ])
    #expect(plan.refusals.allSatisfy { $0.reason == "refused" && $0.lost != nil })
  }

  @Test func `is none without a program on states, and the error says why`() throws {
    let refused = ["handle_state": "refused", "handle_state_raw": "the kernel's word"]
    let error = #expect(throws: TracingError.self) { try HookPlan.best(.everything, .init(), without: refused) }
    #expect("\(error, default: "")".contains("the kernel's word"))
  }

  @Test(
    "does without what the user names: function, hook, kind or program",
    arguments: [
      ("kfree_skb", "tp_btf/kfree_skb"), ("tp_btf/kfree_skb", "tp_btf/kfree_skb"),
      ("handle_packet_end", "tp_btf/kfree_skb"), ("iter", "iter/tcp"), ("iter/tcp", "iter/tcp"),
      ("inet_csk_accept", "kretprobe/inet_csk_accept"), ("tc", "tc"), ("iter/task", "iter/task"),
    ])
  func without(name: String, hook: String) throws {
    var support = KernelSupport.everything
    support.timeWaitSocketExit = "refused"
    let plan = try HookPlan.best(support, .init(without: [name]))
    #expect(KernelProgram.isKnown(name))
    #expect(!plan.hooks.contains(hook))
    #expect(plan.refusals.contains { $0.hook == hook && $0.reason == "--without was given" })
  }

  @Test(arguments: ["", "iter/", "tp", "kfree", "nothing", "iter/task_fil"])
  func `knows no program of another name`(name: String) { #expect(!KernelProgram.isKnown(name)) }

  @Test(arguments: [HookChoice.fentry, .kprobe, .tracepoint])
  func `that is asked for is had, or is an error`(choice: HookChoice) throws {
    var support = KernelSupport.everything
    let plan = try HookPlan.best(support, .init(choice: choice))
    let expected = ["fentry": "fexit/", "kprobe": "kretprobe/", "tracepoint": "tp_btf/"][choice.rawValue]
    #expect(plan.accept?.hook.hasPrefix(expected ?? "?") == true)

    (support.acceptExit, support.kprobes) = ("refused", "refused")
    let refused = ["handle_read": "refused"]
    #expect(throws: TracingError.self) { try HookPlan.best(support, .init(choice: choice), without: refused) }
  }

  @Test func `counts the runs that the kernel skipped, less those that an understudy has played in`() throws {
    let missed = ["handle_accept": UInt64(3), "handle_state_since_7_0": 10, "handle_state": 10]
    func skipped(_ support: KernelSupport, rescued: UInt64) throws -> UInt64 {
      try HookPlan.best(support, .init()).skippedRuns(missed: { missed[$0] ?? 0 }, rescued: { rescued })
    }
    #expect(try skipped(.preempting, rescued: 4) == 6)
    #expect(try skipped(.preempting, rescued: 12) == 0)
    // A softirq's changes audit finds; who accepted nobody does.
    #expect(try skipped(.everything, rescued: 0) == 0)
    let plan = try HookPlan.best(.everything, .init())
    #expect(plan.skippedAccepts(missed: { missed[$0] ?? 0 }) == 3)
  }

  @Test func `has the program on resets only where they are asked for`() throws {
    #expect(try HookPlan.best(.everything, .init()).reset == nil)
    let plan = try HookPlan.best(.everything, .init(wantsResets: true))
    #expect(plan.attachedNames.last == "handle_reset")
    let without = try HookPlan.best(.everything, .init(wantsResets: true, without: ["tcp_send_reset"]))
    #expect(without.reset == nil)
    #expect(without.refusals.contains { $0.hook == "raw_tp/tcp_send_reset" && $0.isFelt })
  }

  @Test func `knows who accepts by the first read only where sockets have cookies`() throws {
    #expect(try HookPlan.best(.everything, .init()).seesAccepts)
    let reads = ["inet_csk_accept"]
    #expect(try HookPlan.best(.everything, .init(without: reads)).seesAccepts)
    #expect(try !HookPlan.best(.everything, .init(without: reads + ["tp_btf/inet_sock_set_state"])).seesAccepts)
    #expect(try !HookPlan.best(.everything, .init(without: reads + ["tcp_rcv_space_adjust"])).seesAccepts)
  }
}
