import Events
import Glibc

/// How a time of day is shown to a person.
public struct TimeFormat: Sendable {
  /// 0: in UTC.
  public var utcOffsetSeconds: Int
  public var hasDate: Bool

  public init(utcOffsetSeconds: Int, hasDate: Bool = false) {
    self.utcOffsetSeconds = utcOffsetSeconds
    self.hasDate = hasDate
  }
}

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
    let (days, seconds, nanoseconds) = time.parts
    var fraction = nanoseconds
    for _ in decimals..<9 { fraction /= 10 }
    append(CivilDate(daysSince1970: days))
    append(byte: UInt8(ascii: "T"))
    append(secondsOfDay: seconds)
    append(byte: UInt8(ascii: "."))
    append(fraction, digits: decimals)
    append(byte: UInt8(ascii: "Z"))
  }

  private mutating func append(_ date: CivilDate) {
    append(date.year, digits: 4)
    append(byte: UInt8(ascii: "-"))
    append(date.month, digits: 2)
    append(byte: UInt8(ascii: "-"))
    append(date.day, digits: 2)
  }

  /// HH:MM:SS.mmm, and before it YYYY-MM-DD where that is asked for.
  public mutating func append(_ time: WallTime, _ format: TimeFormat) {
    let local = WallTime(nanoseconds: time.nanoseconds &+ Int64(format.utcOffsetSeconds) * 1_000_000_000)
    let (days, seconds, nanoseconds) = local.parts
    if format.hasDate {
      append(CivilDate(daysSince1970: days))
      append(byte: UInt8(ascii: " "))
    }
    append(secondsOfDay: seconds)
    append(byte: UInt8(ascii: "."))
    append(nanoseconds / 1_000_000, digits: 3)
  }

  private mutating func append(secondsOfDay seconds: UInt64) {
    append(seconds / 3600, digits: 2)
    append(byte: UInt8(ascii: ":"))
    append(seconds / 60 % 60, digits: 2)
    append(byte: UInt8(ascii: ":"))
    append(seconds % 60, digits: 2)
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
  /// Days since 1970, then seconds of the day, then nanoseconds of the second.
  fileprivate var parts: (days: Int64, seconds: UInt64, nanoseconds: UInt64) {
    let day: Int64 = 86_400_000_000_000
    var (days, rest) = nanoseconds.quotientAndRemainder(dividingBy: day)
    if rest < 0 { (days, rest) = (days - 1, rest + day) }
    let (seconds, nanoseconds) = UInt64(rest).quotientAndRemainder(dividingBy: 1_000_000_000)
    return (days, seconds, nanoseconds)
  }
}

/// A date of the Gregorian calendar. gmtime_r() asks for the time zone, under a lock.
private struct CivilDate {
  let year: UInt64
  let month: UInt64
  let day: UInt64

  /// Counts in eras of 400 years, 146,097 days, and in years that begin in March: the leap day is their last.
  /// Source: civil_from_days, https://howardhinnant.github.io/date_algorithms.html
  ///
  /// - Parameter days: of a time that has 64 bits of nanoseconds, so that it is in 1677 or later.
  init(daysSince1970 days: Int64) {
    let (era, dayOfEra) = UInt64(days + 719_468).quotientAndRemainder(dividingBy: 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
  }
}
