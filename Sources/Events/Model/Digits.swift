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
}
