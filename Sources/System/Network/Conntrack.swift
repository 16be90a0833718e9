import CSystem
import Glibc

/// The kernel's connection tracking, asked where it translates addresses (NAT): which connection is this one at its other
/// end? It takes CAP_NET_ADMIN. Used on one thread.
public struct Conntrack: ~Copyable {
  public typealias Flow = csystem_flow

  private let descriptor: FileDescriptor

  /// Of the network namespace that the calling thread is in now; nil: the kernel tracks nothing there now, or may not be
  /// asked.
  public static func open() -> Conntrack? {
    guard isAtWork else { return nil }
    let descriptor = csystem_conntrack_open()
    return descriptor >= 0 ? Conntrack(descriptor: FileDescriptor(number: descriptor)) : nil
  }

  /// To ask may load a module of the kernel's: it must be there already, or built in.
  private static var isAtWork: Bool {
    let count = try? File.text("/proc/sys/net/netfilter/nf_conntrack_count")
    guard let count, !count.hasPrefix("0") else { return false }
    let modules = (try? File.text("/proc/modules"))?.split(separator: "\n").compactMap {
      $0.split(separator: " ").first
    }
    guard let modules else { return true }
    return modules.contains("nf_conntrack_netlink") || !modules.contains("nf_conntrack")
  }

  /// The packets of the other direction, as the other end sends them; nil: it is not tracked.
  public borrowing func otherDirection(of flow: Flow) -> Flow? {
    var (flow, other) = (flow, Flow())
    return csystem_conntrack_find(descriptor.number, &flow, &other) == 0 ? other : nil
  }
}
