import Glibc

/// Where the built programs are. Each place can be set from outside, for a run away from the build tree.
public enum Programs {
  /// TCPLINGER, else the release build of this package.
  public static var tcplinger: String {
    get throws {
      try place("TCPLINGER", ["\(packageRoot)/.build/release/tcplinger"], "run make first")
    }
  }

  /// TCPLINGER_PLAYER, else the build that these tests are part of.
  public static var player: String {
    get throws {
      try place(
        "TCPLINGER_PLAYER", ["\(testBinaries)/tcplinger-player"],
        "run swift build --build-tests first")
    }
  }

  /// TCPLINGER_WORKLOAD, else the build that these tests are part of, else the release build.
  public static var workload: String {
    get throws {
      try place(
        "TCPLINGER_WORKLOAD",
        ["\(testBinaries)/tcplinger-workload", "\(packageRoot)/.build/release/tcplinger-workload"],
        "run make first")
    }
  }

  /// TCPLINGER_PRELOAD, else the build that these tests are part of: the library of Tests/Preload.
  public static var preload: String {
    get throws {
      try place(
        "TCPLINGER_PRELOAD", ["\(testBinaries)/libtcplinger-preload.so"], "run swift build --build-tests first")
    }
  }

  /// A file of this package.
  public static func source(_ path: String) -> String { "\(packageRoot)/\(path)" }

  /// Where programs of the system are, what was installed by hand first.
  public static let directories = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"]

  /// A program of the system, by its name.
  public static func system(
    _ name: String, package: String, in directories: [String] = directories
  ) throws -> String {
    guard let found = directories.map({ "\($0)/\(name)" }).first(where: isProgram) else {
      throw Failure("\(name) is missing; apt-get install \(package)")
    }
    return found
  }

  private static func place(
    _ variable: String, _ candidates: [String], _ remedy: String
  ) throws -> String {
    if let path = getenv(variable).map({ String(cString: $0) }) {
      guard isProgram(path) else { throw Failure("\(variable) is no program: \(path)") }
      return path
    }
    guard let found = candidates.first(where: isProgram) else {
      throw Failure("cannot find \(candidates[0]); \(remedy), or set \(variable)")
    }
    return found
  }

  private static func isProgram(_ path: String) -> Bool {
    access(path, X_OK) == 0
  }

  private static let packageRoot = #filePath.split(separator: "/").dropLast(3)
    .reduce(into: "") { $0 += "/" + $1 }

  /// The directory of the running test binary: the other products of the same build lie there.
  private static let testBinaries: String = {
    var buffer = [CChar](repeating: 0, count: 4096)
    guard readlink("/proc/self/exe", &buffer, buffer.count - 1) > 0 else { return packageRoot }
    let path = buffer.withUnsafeBufferPointer { bytes in
      String(decoding: bytes.lazy.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
    return path.split(separator: "/").dropLast().reduce(into: "") { $0 += "/" + $1 }
  }()
}
