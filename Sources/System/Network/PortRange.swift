/// The local ports that connect() chooses from, in the network namespace that the thread is in.
public enum PortRange {
  /// How many there are: net.ipv4.ip_local_port_range, less those of ip_local_reserved_ports. nil: not readable.
  public static var size: Int? {
    guard let range = try? File.text("/proc/sys/net/ipv4/ip_local_port_range") else { return nil }
    let reserved = try? File.text("/proc/sys/net/ipv4/ip_local_reserved_ports")
    return size(range: range, reserved: reserved ?? "")
  }

  /// - Parameters:
  ///   - range: two numbers, say `32768 60999`.
  ///   - reserved: numbers and ranges, say `40000,50000-50010`, or nothing.
  static func size(range: String, reserved: String) -> Int? {
    let ends = range.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
    guard ends.count == 2, ends[0] <= ends[1] else { return nil }
    let lost = reserved.split { $0 == "," || $0.isWhitespace }.map { part in
      let numbers = part.split(separator: "-").compactMap { Int($0) }
      guard let first = numbers.first, let last = numbers.last else { return 0 }
      return max(0, min(last, ends[1]) - max(first, ends[0]) + 1)
    }
    return ends[1] - ends[0] + 1 - lost.reduce(0, +)
  }
}
