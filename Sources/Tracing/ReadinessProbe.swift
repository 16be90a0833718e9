import BPF
import Events
import System

/// Finds out what this machine allows, by doing it.
public enum ReadinessProbe {
  public static func run() -> Readiness {
    Readiness(findings: [kernel, types, pids] + privileges + tracing() + facts)
  }

  private static var kernel: Readiness.Finding {
    let isNewEnough = Host.kernelVersion.map { $0 >= (5, 8) } ?? true
    return .init(
      "kernel", isNewEnough ? .ok : .missing, Host.kernelRelease,
      lost: isNewEnough ? nil : "Linux 5.8 or newer is needed")
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
    ]
  }

  /// Starts a real session, which tries every rung, and ends it.
  private static func tracing() -> [Readiness.Finding] {
    do {
      let start = try Session.start(TraceSettings()).startEvent(version: "")
      return start.hooks.map { hook in
        .init(hook, lessFor[hook] == nil ? .ok : .limited, "used", lost: lessFor[hook])
      } + start.refusals.map { .init($0.hook, .fact, "not used: \($0.reason)") }
    } catch {
      return [.init("tracing", .missing, "\(error)")]
    }
  }

  /// What a hook does less well than the one that it stands in for.
  private static let lessFor = [
    "tp_btf/tcp_rcv_space_adjust": "who accepted is known from the first read: a child that reads is named"
  ]

  private static var facts: [Readiness.Finding] {
    let lockdown = try? File.text("/sys/kernel/security/lockdown")
    let settings = [
      "tcp_fin_timeout", "tcp_tw_reuse", "tcp_tw_reuse_delay", "tcp_timestamps", "tcp_max_tw_buckets",
      "tcp_max_orphans", "ip_local_port_range",
    ]
    return [.init("lockdown", .fact, lockdown?.oneLine ?? "not known")]
      + settings.map { name in
        let value = try? File.text("/proc/sys/net/ipv4/\(name)")
        return .init("net.ipv4.\(name)", .fact, value?.oneLine ?? "not on this kernel")
      }
  }
}

extension String {
  fileprivate var oneLine: String { split(whereSeparator: \.isWhitespace).joined(separator: " ") }
}
