import Events
import Testing

@testable import Tracing

extension KernelSupport {
  /// A kernel of today that refuses nothing.
  fileprivate static let everything = KernelSupport(
    packetEndNamesSocket: true, hasProtoAcceptArg: true, hasTable: true, hasCasts: true, hasLoops: true,
    mapsGrow: true, preemptsPrograms: false)

  fileprivate static var preempting: KernelSupport {
    var support = everything
    support.preemptsPrograms = true
    return support
  }
}

@Suite struct `A plan of hooks` {
  @Test func `takes the best that there is`() throws {
    let plan = try HookPlan.best(.everything, .init())
    #expect(plan.attached == ["handle_state", "handle_accept", "handle_small_socket"])
    #expect(plan.refusals.isEmpty)
  }

  @Test func `falls only where a program was refused, and says by which reason`() throws {
    let plan = try HookPlan.best(
      .everything, .init(), without: ["handle_small_socket": "Operation not permitted"])
    #expect(plan.attached == ["handle_state", "handle_accept", "handle_packet_end"])
    #expect(
      plan.refusals.map { "\($0.hook): \($0.reason)" }
        == ["fexit/tcp_timewait_state_process: Operation not permitted"])
  }

  @Test func `has understudies where programs are preempted`() throws {
    let plan = try HookPlan.best(.preempting, .init())
    #expect(
      plan.attached == [
        "handle_state_since_7_0", "handle_accept", "handle_small_socket", "handle_missed_state",
        "handle_twice_missed_state",
      ])
  }

  @Test
  func
    `takes the program without casts where the one with casts is refused, also where programs are preempted`()
    throws
  {
    let plan = try HookPlan.best(
      .preempting, .init(), without: ["handle_state_since_7_0": "Not supported by this kernel"])
    #expect(plan.attached.first == "handle_state_before_6_2")
    #expect(!plan.needsUnderstudies)
    #expect(plan.attached.allSatisfy { !$0.contains("missed") })
  }

  @Test func `does without casts and table on an old kernel`() throws {
    var old = KernelSupport.everything
    (old.hasCasts, old.hasTable, old.hasLoops, old.packetEndNamesSocket) = (false, false, false, false)
    let plan = try HookPlan.best(old, .init())
    #expect(plan.state.program == "handle_state_before_5_12")
    #expect(!plan.usesTable)
    #expect(plan.onDemand.contains("find_holders_before_5_17"))
    #expect(!plan.onDemand.contains("sweep_table"))
  }

  @Test(arguments: [HookChoice.fentry, .kprobe, .tracepoint])
  func `that is asked for is had, or is an error`(choice: HookChoice) throws {
    var support = KernelSupport.everything
    let plan = try HookPlan.best(support, .init(choice: choice))
    let expected = ["fentry": "fexit/", "kprobe": "kretprobe/", "tracepoint": "tp_btf/"][choice.rawValue]
    #expect(plan.accept?.name.hasPrefix(expected ?? "?") == true)

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
    // A softirq's changes the sweep finds; who accepted nobody does.
    #expect(try skipped(.everything, rescued: 0) == 0)
    let plan = try HookPlan.best(.everything, .init())
    #expect(plan.skippedAccepts(missed: { missed[$0] ?? 0 }) == 3)
  }

  @Test func `asks nobody who opened what is only counted`() throws {
    let plan = try HookPlan.best(.everything, .init(onlyCounts: true, endsAlone: true))
    #expect(plan.attached == ["count_state", "handle_small_socket"])
  }
}
