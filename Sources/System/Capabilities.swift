import CSystem
import Glibc

/// What a thread may do that an ordinary user's may not. Source: include/uapi/linux/capability.h.
public struct Capabilities: OptionSet, Hashable, Sendable {
  public let rawValue: UInt64

  public init(rawValue: UInt64) { self.rawValue = rawValue }

  public static let kill = Capabilities(rawValue: 1 << 5)
  public static let netAdmin = Capabilities(rawValue: 1 << 12)
  public static let sysPtrace = Capabilities(rawValue: 1 << 19)
  public static let sysAdmin = Capabilities(rawValue: 1 << 21)
  public static let sysResource = Capabilities(rawValue: 1 << 24)
  public static let perfmon = Capabilities(rawValue: 1 << 38)
  public static let bpf = Capabilities(rawValue: 1 << 39)

  /// The effective set of the calling thread.
  public static var current: Capabilities {
    guard let status = try? File.text("/proc/thread-self/status"),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("CapEff:") }),
      let mask = UInt64(line.dropFirst(7).trimming(), radix: 16)
    else { return [] }
    return Capabilities(rawValue: mask)
  }

  /// Gives up everything else in the calling thread, for good. Other threads keep what they have.
  public static func keep(_ kept: Capabilities) throws(SystemError) {
    let result = csystem_keep_capabilities(kept.rawValue)
    guard result == 0 else { throw SystemError("give up", "capabilities", code: -result) }
  }
}

extension Substring {
  fileprivate func trimming() -> Substring { drop { $0 == "\t" || $0 == " " } }
}
