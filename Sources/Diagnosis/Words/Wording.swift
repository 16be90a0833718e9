import Events
import Language
import Glibc

extension Address {
  func text(_ family: Family) -> String {
    if family == .ipv4 {
      return [24, 16, 8, 0].map { "\(low >> UInt64($0) & 255)" }.joined(separator: ".")
    }
    var bytes = (high.bigEndian, low.bigEndian)
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard inet_ntop(AF_INET6, &bytes, &text, socklen_t(text.count)) != nil else { return "?" }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// `nginx[4123]`, as the process calls itself: what is printed is escaped.
func name(_ process: Process?) -> Text {
  process.map { Text(verbatim: "\(String(decoding: $0.comm.bytes, as: UTF8.self))[\($0.pid)]") }
    ?? "nobody known"
}

/// Numbers in sentences.
func text(_ number: some BinaryInteger) -> String { Digits.grouped(Int(clamping: number)) }

func percent(_ part: Int, of whole: Int) -> Text {
  whole > 0 ? Text(verbatim: "\(Int((Double(part) / Double(whole) * 100).rounded()))%") : "all"
}

/// `3.2 a second`, `470 a second`.
func rate(_ perSecond: Double) -> Text {
  "\(Digits.rate(perSecond)) a second"
}

/// `45 s`, `7 min`, `16 h`: as exact as a forecast can be.
func span(_ seconds: Double) -> Text {
  if seconds < 1, seconds > 0 { return "\(clamping(seconds * 1000)) ms" }
  if seconds < 120 { return "\(clamping(seconds)) s" }
  return seconds < 7200 ? "\(clamping(seconds / 60)) min" : "\(text(clamping(seconds / 3600))) h"
}

/// `2 ms`, `0.4 ms`, `1,400 ms`.
func milliseconds(_ value: Double) -> Text {
  if value < 0.1 { return "under 0.1 ms" }
  return value < 10 ? "\((value * 10).rounded() / 10) ms" : "\(text(Int(clamping(value)))) ms"
}

/// `312 B`, `7.2 MB`: powers of 1000.
func size(_ bytes: UInt64) -> String {
  for (unit, factor) in [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)] where Double(bytes) >= factor {
    return "\((Double(bytes) / factor * 10).rounded() / 10) \(unit)"
  }
  return "\(bytes) B"
}

private func clamping(_ value: Double) -> Int {
  guard value < Double(Int.max) else { return .max }
  return Int(value.rounded())
}

/// `1 TIME_WAIT`, `2 TIME_WAITs`.
///
/// - Parameter noun: in the singular; a catalogue has its plural as well.
func counted(_ count: some BinaryInteger, _ noun: String) -> Text {
  "\(text(count)) \(Text(stringLiteral: count == 1 ? noun : noun + "s"))"
}
