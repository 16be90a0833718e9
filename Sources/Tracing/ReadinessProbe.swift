import BPF
import Events
import System

/// Finds out what this machine allows, by doing it.
public enum ReadinessProbe {
  public static func run() -> Readiness {
    let (tracing, used) = tracing()
    let (programs, log) = programs(used: used)
    return Readiness(
      findings: [kernel, types, pids] + privileges + tracing + facts, programs: programs, log: log)
  }

  private static var kernel: Readiness.Finding {
    let oldest = Session.oldestKernel
    let isNewEnough = Host.kernelVersion.map { $0 >= oldest } ?? true
    return .init(
      "kernel", isNewEnough ? .ok : .missing, Host.kernelRelease,
      lost: isNewEnough ? nil : "Linux \(oldest.0).\(oldest.1) or newer is needed")
  }

  private static var types: Readiness.Finding {
    let path = "/sys/kernel/btf/vmlinux"
    return Host.exists(path)
      ? .init("types (BTF)", .ok, path)
      : .init(
        "types (BTF)", .limited, "no \(path)",
        lost: "needed, unless the kernel's image is in /boot: mount /sys, or use CONFIG_DEBUG_INFO_BTF=y")
  }

  private static var pids: Readiness.Finding {
    PidNamespace.isInitial
      ? .init("pid namespace", .ok, "the initial one")
      : .init(
        "pid namespace", .limited, "a nested one",
        lost: "pids are those of the initial namespace; holders outside this one are not found")
  }

  private static var privileges: [Readiness.Finding] {
    let current = Capabilities.current
    func finding(_ capability: Capabilities, _ name: String, _ grade: Readiness.Grade, _ lost: String)
      -> Readiness.Finding
    {
      let has = current.contains(capability) || current.contains(.sysAdmin) && grade == .missing
      return .init(name, has ? .ok : grade, has ? "granted" : "not granted", lost: has ? nil : lost)
    }
    return [
      finding(.bpf, "CAP_BPF", .missing, "needed to load programs"),
      finding(.perfmon, "CAP_PERFMON", .missing, "needed to read the kernel's memory"),
      finding(
        .sysAdmin, "CAP_SYS_ADMIN", .limited,
        "in other network namespaces, older connections without a process are not known"),
      finding(
        .sysPtrace, "CAP_SYS_PTRACE", .limited,
        "other users' network namespaces and descriptor counts are not read: /proc shows them to nobody else"),
    ] + memoryLock(current)
  }

  /// v5.11, 97306be45fbe: before, what BPF maps take counts against RLIMIT_MEMLOCK, which libbpf raises.
  private static func memoryLock(_ current: Capabilities) -> [Readiness.Finding] {
    guard let version = Host.kernelVersion, version < (5, 11) else { return [] }
    let has = current.contains(.sysResource)
    return [
      .init(
        "CAP_SYS_RESOURCE", has ? .ok : .limited, has ? "granted" : "not granted",
        lost: has ? nil : "before Linux 5.11 maps count as locked memory: ulimit -l unlimited is needed instead"
      )
    ]
  }

  /// Starts a real session, which falls back as a trace does, and ends it: what was found, and which programs it used.
  private static func tracing() -> ([Readiness.Finding], used: [String]) {
    do {
      let session = try Session.start(TraceSettings())
      let start = session.startEvent(version: "")
      let findings: [Readiness.Finding] =
        start.hooks.map { .init($0, lessFor[$0] == nil ? .ok : .limited, "used", lost: lessFor[$0]) }
        + start.refusals.map { .init($0.hook, .fact, "not used: \($0.reason)") } + lost(without: start.hooks)
      return (findings, session.programs)
    } catch {
      return ([.init("tracing", .missing, "\(error)")], [])
    }
  }

  /// Each program that this kernel could take, tried by itself.
  private static func programs(used: [String]) -> ([Readiness.Program], log: [String]) {
    var settings = TraceSettings()
    settings.followsChildren = true
    LibraryLog.capture()
    guard let types = try? Session.kernelTypes(),
      let plan = try? HookPlan.best(KernelSupport(types), settings.wishes)
    else { return ([], []) }
    var log: [String] = []
    let programs = candidates(plan, CensusReader.noteOwners(types)).map { candidate in
      let section = (try? ObjectFile.open().section(of: candidate.program)) ?? "?"
      var reason = candidate.reason
      if reason == nil, let refusal = ProgramTrial.refusal(of: candidate.program, settings, plan) {
        reason = refusal.error.reason
        log += refusal.log
      }
      return Readiness.Program(
        candidate.program, hook: section, isUsed: used.contains(candidate.program), refusal: reason,
        lost: candidate.lost)
    }
    return (programs, log)
  }

  /// - Returns: for each program what is lost without it, and why this kernel cannot have it, where that is known before.
  private static func candidates(
    _ plan: HookPlan, _ noteOwners: String
  ) -> [(program: String, lost: String, reason: String?)] {
    let support = plan.support
    return [
      (plan.state.program, "no tracing", nil),
      (
        HookPlan.acceptExit(support).program,
        "who accepted is known from the return of accept() or the first read", support.acceptExit
      ),
      (HookPlan.acceptReturn.program, "who accepted is known from the first read", support.kprobes),
      (HookPlan.firstRead.program, "who accepted is not known, unless accept can be hooked", nil),
      (
        plan.generation.smallSocketExit.program,
        "a TIME_WAIT after FIN_WAIT2 is known from the end of a packet", support.smallSocketExit
      ),
      (
        plan.generation.packetEnd.program,
        "a TIME_WAIT after FIN_WAIT2 is found by looking, up to 1.2 s late, if no other hook tells it",
        support.packetEndRefusal(onlyCounts: false)
      ),
    ] + (plan.needsUnderstudies ? HookPlan.understudies.map { ($0, "no tracing", nil) } : [])
      + plan.onDemand.map { ($0, "no tracing", nil) }
      + [
        (HookPlan.fork, "no run", nil), (CensusReader.countSockets, "no census", nil),
        (noteOwners, "no census by process", nil),
      ]
  }

  /// What a hook does less well than the one that it stands in for.
  private static let lessFor = [
    "tp_btf/tcp_rcv_space_adjust": "who accepted is known from the first read: a child that reads is named"
  ]

  /// What no hook tells is found by looking, or is not known.
  private static func lost(without hooks: [String]) -> [Readiness.Finding] {
    var findings: [Readiness.Finding] = []
    if !hooks.contains(where: { $0.hasSuffix("tcp_timewait_state_process") || $0.hasSuffix("kfree_skb") }) {
      findings.append(
        .init(
          "TIME_WAIT after FIN_WAIT2", .limited, "found by looking",
          lost: "told up to 1.2 s late; one that ends between two looks is counted as lost (unconfirmed)"))
    }
    if !hooks.contains(where: { $0.hasSuffix("inet_csk_accept") || $0.hasSuffix("tcp_rcv_space_adjust") }) {
      findings.append(
        .init("who accepted", .limited, "not hooked", lost: "the opener of a server's connection is not known"))
    }
    return findings
  }

  private static var facts: [Readiness.Finding] {
    let settings = [
      "tcp_fin_timeout", "tcp_tw_reuse", "tcp_tw_reuse_delay", "tcp_timestamps", "tcp_max_tw_buckets",
      "tcp_max_orphans", "ip_local_port_range",
    ]
    // The kernel is told as well, above.
    return Restrictions.current.facts.dropLast().map { .init($0.name, .fact, $0.value) }
      + settings.map { name in
        let value = try? File.text("/proc/sys/net/ipv4/\(name)")
        return .init("net.ipv4.\(name)", .fact, value?.oneLine ?? "not on this kernel")
      }
  }
}

extension String {
  fileprivate var oneLine: String { split(whereSeparator: \.isWhitespace).joined(separator: " ") }
}
