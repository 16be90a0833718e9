public enum Digits {
  /// A number with a comma between each three digits.
  public static func grouped(_ number: Int) -> String {
    var digits = String(number.magnitude)
    var end = digits.endIndex
    while digits.distance(from: digits.startIndex, to: end) > 3 {
      end = digits.index(end, offsetBy: -3)
      digits.insert(",", at: end)
    }
    return number < 0 ? "-" + digits : digits
  }

  /// How many a second, in the two digits that a person reads: `0`, `0.3`, `4.0`, `12`, `1,400`. Without a sign.
  public static func rate(_ perSecond: Double) -> String {
    let tenths = (perSecond.magnitude * 10).rounded()
    guard tenths > 0, perSecond.magnitude < 10 else {
      return grouped(Int(min(1e15, perSecond.magnitude.rounded())))
    }
    return "\(Int(tenths) / 10).\(Int(tenths) % 10)"
  }
}
