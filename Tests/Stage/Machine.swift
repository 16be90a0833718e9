import Glibc

/// What the tests run on.
public enum Machine {
  /// QEMU in software, as scripts/vm-run starts it: ten times slower, so that what takes place within the 60 s of a
  /// TIME_WAIT, or the second after which its port may be used again, does not.
  public static let isEmulated = readFile("/proc/cpuinfo")?.contains("QEMU") ?? false

  /// Major and minor.
  public static let kernelVersion: (Int, Int) = {
    let words =
      readFile("/proc/sys/kernel/osrelease")?.split { !$0.isNumber }.prefix(2).compactMap { Int($0) } ?? []
    return words.count == 2 ? (words[0], words[1]) : (0, 0)
  }()

  public static func has(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
