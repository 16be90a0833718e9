import BPF
import Events
import Language
import System

/// Finds out what this machine allows, by doing it.
public enum ReadinessProbe {
  /// - Parameter without: programs to do without, as `--without` names them.
  public static func run(without: [String] = []) -> Readiness {
    var settings = TraceSettings()
    settings.without = without
    let (tracing, session) = tracing(settings)
    let (programs, log) = programs(settings, session?.plan, used: session?.programs ?? [])
    return Readiness(
      findings: [kernel, types, pids] + privileges + tracing + facts, programs: programs, log: log)
  }

  private static var kernel: Readiness.Finding {
    let oldest = Session.oldestKernel
    let isNewEnough = Host.kernelVersion.map { $0 >= oldest } ?? true
    return .init(
      "kernel", isNewEnough ? .ok : .missing, Text(verbatim: Host.kernelRelease),
      lost: isNewEnough ? nil : "Linux \(oldest.0).\(oldest.1) or newer is needed")
  }

  private static var types: Readiness.Finding {
    let path = "/sys/kernel/btf/vmlinux"
    return Host.exists(path)
      ? .init("types (BTF)", .ok, Text(verbatim: path))
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
    func finding(_ capability: Capabilities, _ name: Text, _ grade: Readiness.Grade, _ lost: Text)
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
        "network namespaces and descriptor counts of other users cannot be read"),
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
  private static func tracing(_ settings: TraceSettings) -> ([Readiness.Finding], Session?) {
    do {
      let session = try Session.start(settings)
      let start = session.startEvent(version: "")
      let findings: [Readiness.Finding] =
        start.hooks.map {
          .init(Text(verbatim: $0), lessFor[$0] == nil ? .ok : .limited, "used", lost: lessFor[$0])
        }
        + start.refusals.map {
          .init(Text(verbatim: $0.hook), .fact, "not used: \(Text(stringLiteral: $0.reason))")
        } + lost(without: start.hooks)
      return (findings, session)
    } catch {
      return ([.init("tracing", .missing, Text(verbatim: "\(error)"))], nil)
    }
  }

  /// Each program that this kernel could take, tried by itself.
  private static func programs(
    _ settings: TraceSettings, _ used: HookPlan?, used names: [String]
  ) -> ([Readiness.Program], log: [String]) {
    var settings = settings
    settings.followsChildren = true
    LibraryLog.capture()
    let usual = { try HookPlan.best(KernelSupport(try Session.kernelTypes()), settings.wishes) }
    guard let plan = try? used ?? usual() else { return ([], []) }
    var log: [String] = []
    let programs = candidates(plan).map { program, known in
      let isLeftOut = settings.without.contains(where: program.isMeant(by:))
      var reason = isLeftOut ? "--without was given" : known
      if reason == nil, let refusal = ProgramTrial.refusal(of: program.name, settings, plan) {
        reason = refusal.error.reason
        log += refusal.log
      }
      var row = Readiness.Program(
        program.name, hook: program.hook, isUsed: names.contains(program.name),
        refusal: reason.map { Text(stringLiteral: $0) },
        lost: program.lost)
      if reason == nil { row.figures = ProgramTrial.figures(of: program.name, settings, plan) }
      return row
    }
    return (programs, log)
  }

  /// What this kernel could use, and why it cannot, where that is known before.
  private static func candidates(
    _ plan: HookPlan
  ) -> [(KernelProgram, String?)] {
    let support = plan.support
    let visitFiles: KernelProgram = support.hasLoops ? .visitFiles : .visitFilesBefore5_17
    let states: [KernelProgram] =
      support.preemptsPrograms ? [.stateSince7] + KernelProgram.understudies : [.state]
    return states.map { ($0, support.cookies) } + [
      (.rawState, nil),
      (.acceptExit, support.acceptExit), (.acceptReturn, support.kprobes), (.firstRead, nil),
      (.timeWaitSocketExit, support.timeWaitSocketExit),
      (.packetEnd, support.packetEndRefusal(onlyCounts: false)),
      (.audit, nil), (visitFiles, nil), (.visitSockets, nil), (.introduction, nil), (.fork, nil),
    ]
  }

  /// What a hook does less well than the one that it stands in for.
  private static let lessFor: [String: Text] = [
    "tp_btf/tcp_rcv_space_adjust": "who accepted is seen at the first read: a child that reads is named"
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
    return Restrictions.current.facts.dropLast().map {
      .init(Text(stringLiteral: $0.name), .fact, Text(stringLiteral: $0.value))
    }
      + settings.map { name in
        let value = try? File.text("/proc/sys/net/ipv4/\(name)")
        return .init(
          Text(verbatim: "net.ipv4.\(name)"), .fact,
          value.map { Text(verbatim: $0.oneLine) } ?? "not on this kernel")
      }
  }
}

extension String {
  fileprivate var oneLine: String { split(whereSeparator: \.isWhitespace).joined(separator: " ") }
}
