import Events
import Glibc

extension LineBuffer {
  /// An address in the canonical text of RFC 5952.
  mutating func append(_ address: Address, _ family: Family) {
    switch family {
    case .ipv4:
      append(address.low >> 24 & 255)
      append(byte: UInt8(ascii: "."))
      append(address.low >> 16 & 255)
      append(byte: UInt8(ascii: "."))
      append(address.low >> 8 & 255)
      append(byte: UInt8(ascii: "."))
      append(address.low & 255)
    case .ipv6:
      var bytes = (address.high.bigEndian, address.low.bigEndian)
      withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
        guard inet_ntop(AF_INET6, &bytes, text.baseAddress, socklen_t(text.count)) != nil else { return }
        for character in text.prefix(while: { $0 != 0 }) { append(byte: UInt8(bitPattern: character)) }
      }
    }
  }

  /// RFC 3339 in UTC.
  mutating func append(utc time: WallTime, decimals: Int) {
    let (seconds, nanoseconds) = time.parts
    var clock = time_t(seconds)
    var date = tm()
    gmtime_r(&clock, &date)
    append(date.tm_year + 1900, digits: 4)
    append(byte: UInt8(ascii: "-"))
    append(date.tm_mon + 1, digits: 2)
    append(byte: UInt8(ascii: "-"))
    append(date.tm_mday, digits: 2)
    append(byte: UInt8(ascii: "T"))
    append(timeOfDay: date)
    append(byte: UInt8(ascii: "."))
    var fraction = nanoseconds
    for _ in decimals..<9 { fraction /= 10 }
    append(fraction, digits: decimals)
    append(byte: UInt8(ascii: "Z"))
  }

  /// HH:MM:SS.mmm at this distance from UTC.
  public mutating func append(local time: WallTime, utcOffsetSeconds: Int) {
    let (seconds, nanoseconds) = time.parts
    var clock = time_t(seconds) + utcOffsetSeconds
    var date = tm()
    gmtime_r(&clock, &date)
    append(timeOfDay: date)
    append(byte: UInt8(ascii: "."))
    append(nanoseconds / 1_000_000, digits: 3)
  }

  private mutating func append(timeOfDay date: tm) {
    append(date.tm_hour, digits: 2)
    append(byte: UInt8(ascii: ":"))
    append(date.tm_min, digits: 2)
    append(byte: UInt8(ascii: ":"))
    append(date.tm_sec, digits: 2)
  }

  /// A span of time with the two digits that a person reads: `3.1ms`, `12s`, `1h05m`.
  mutating func append(span nanoseconds: UInt64) {
    let units: [(limit: UInt64, unit: UInt64, name: StaticString)] = [
      (1_000_000, 1000, "us"), (1_000_000_000, 1_000_000, "ms"), (60_000_000_000, 1_000_000_000, "s"),
    ]
    for (limit, unit, name) in units where nanoseconds < limit {
      append(nanoseconds / unit)
      let tenth = nanoseconds / (unit / 10) % 10
      if nanoseconds < 10 * unit, tenth > 0 {
        append(byte: UInt8(ascii: "."))
        append(tenth)
      }
      append(name)
      return
    }
    let seconds = nanoseconds / 1_000_000_000
    let isLong = seconds >= 3600
    append(isLong ? seconds / 3600 : seconds / 60)
    append(isLong ? "h" : "m")
    append(isLong ? seconds / 60 % 60 : seconds % 60, digits: 2)
    append(isLong ? "m" : "s")
  }
}

extension WallTime {
  fileprivate var parts: (seconds: Int64, nanoseconds: Int64) {
    let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    return rest < 0 ? (seconds - 1, rest + 1_000_000_000) : (seconds, rest)
  }
}
