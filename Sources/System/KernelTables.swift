/// The texts of /proc about networking: bytes in, values out. Missing or malformed numbers are left out.
public enum KernelTables {
  /// /proc/net/netstat and /proc/net/snmp: a line of names, then one of numbers, each with the group before it.
  ///
  /// - Returns: by names such as `TcpExt.ListenDrops`.
  public static func counters(_ text: String) -> [String: UInt64] {
    var counters: [String: UInt64] = [:]
    var names: [Substring] = []
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard let group = words.first, group.hasSuffix(":") else { continue }
      if names.first == group {
        for (name, number) in zip(names, words).dropFirst() {
          // The few signed ones are not counters.
          if let number = UInt64(number) { counters["\(group.dropLast()).\(name)"] = number }
        }
        names = []
      } else {
        names = words
      }
    }
    return counters
  }

  /// /proc/net/sockstat: a group a line, then names and numbers by turns.
  ///
  /// - Returns: by names such as `TCP.orphan`.
  public static func socketStatistics(_ text: String) -> [String: Int] {
    var statistics: [String: Int] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard let group = words.first, group.hasSuffix(":") else { continue }
      for index in stride(from: 1, to: words.count - 1, by: 2) {
        if let number = Int(words[index + 1]) { statistics["\(group.dropLast()).\(words[index])"] = number }
      }
    }
    return statistics
  }

  /// /proc/slabinfo: bytes of an object of this cache.
  public static func objectSize(of cache: String, _ text: String) -> Int? {
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count > 3, words[0] == cache { return Int(words[3]) }
    }
    return nil
  }

  /// The numbers of a file in /proc/sys; nil: a word is not a number.
  public static func numbers(_ text: String) -> [Int]? {
    let words = text.split(whereSeparator: \.isWhitespace)
    let numbers = words.compactMap { Int($0) }
    return numbers.count == words.count && !numbers.isEmpty ? numbers : nil
  }
}
