import CLibbpf
import Glibc

extension ObjectFile {
  /// What libbpf attaches a program by, such as `tp_btf/kfree_skb`; of those that are run on demand `raw_tp`.
  public func section(of program: String) -> String {
    clb_program_section(handle, program).map { String(cString: $0) } ?? "?"
  }

  /// Runs a program that is run on demand, over nothing.
  ///
  /// - Returns: false if it is one that is attached.
  /// - Throws: why the kernel refuses it.
  @discardableResult
  public func tryRunning(_ program: String) throws(BPFError) -> Bool {
    let section = section(of: program)
    let name = "\(program) (\(section))"
    if section.hasPrefix("iter/") {
      var descriptor: Int32 = -1
      try check(clb_iterator_open(handle, program, &descriptor), "open", name)
      close(descriptor)
    } else if section == "raw_tp" {
      try check(
        clb_program_run(handle, program, nil, 0, clb_question(), RecordSink.receiveRecord, nil), "run", name)
    } else {
      return false
    }
    return true
  }

  /// What a program is to the verifier.
  public struct Figures: Equatable, Sendable {
    public var instructions: Int
    /// Those that the verifier went through, each as often as it came by.
    public var verified: Int
    /// Bytes of stack of the program and of each of its functions.
    public var stack: [Int]
  }

  /// Loads one program by itself for the verifier's figures. Do not use the value for anything else afterwards.
  ///
  /// - Returns: nil if the kernel does not say (before Linux 5.2), or refuses the program.
  public func figures(of program: String) throws(BPFError) -> Figures? {
    let text = UnsafeMutableBufferPointer<CChar>.allocate(capacity: 1 << 16)
    text.initialize(repeating: 0)
    defer { text.deallocate() }
    try chooseOnly(programs: [program])
    try shrinkMaps()
    let instructions = try check(
      clb_program_keep_figures(handle, program, text.baseAddress, text.count), "ask about", program)
    guard clb_object_load(handle) == 0, let start = text.baseAddress else { return nil }
    return Figures(instructions: Int(instructions), log: String(cString: start))
  }

  /// Leaves the maps of the next `load` as small as there can be, for a program that does not use them.
  public func shrinkMaps() throws(BPFError) { try check(clb_object_shrink_maps(handle), "resize", "BPF maps") }

  /// Loads one program by itself, with the smallest maps there can be, attaches or runs it, and lets go of it. The value is
  /// of no other use afterwards.
  ///
  /// - Throws: why the kernel refuses it.
  public func tryOut(_ program: String) throws(BPFError) {
    let section = section(of: program)
    let name = "\(program) (\(section))"
    try chooseOnly(programs: [program])
    try shrinkMaps()
    try check(clb_object_load(handle), "load", name)
    if try !tryRunning(program) {
      var link: OpaquePointer?
      try check(clb_program_attach(handle, program, &link), "attach", name)
      clb_link_free(link)
    }
  }
}

extension ObjectFile.Figures {
  /// Of a log such as "stack depth 352+136" and "processed 1355 insns (limit 1000000) …".
  init?(instructions: Int, log: String) {
    func words(behind start: String) -> [Substring]? {
      log.split(separator: "\n").first { $0.hasPrefix(start) }?.dropFirst(start.count).split(separator: " ")
    }
    guard let verified = words(behind: "processed ")?.first.flatMap({ Int($0) }),
      let depths = words(behind: "stack depth ")?.first
    else { return nil }
    self.init(
      instructions: instructions, verified: verified, stack: depths.split(separator: "+").compactMap { Int($0) }
    )
  }
}
