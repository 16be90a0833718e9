import CLibbpf
import CWire

/// The programs and maps of `bpf/`, compiled into this binary. Opened, set up, loaded, attached, in this order;
/// the kernel drops all of it when the value dies, or the process does.
public struct ObjectFile: ~Copyable {
  let handle: OpaquePointer

  private init(owning handle: OpaquePointer) { self.handle = handle }

  public static func open() throws(BPFError) -> ObjectFile {
    var handle: OpaquePointer?
    try check(clb_object_open(&handle), "open", "BPF programs")
    guard let handle else { throw BPFError("open", "BPF programs", code: 12) }
    return ObjectFile(owning: handle)
  }

  deinit { clb_object_free(handle) }

  /// Constants for the programs; the kernel drops what they make unreachable. No effect after `load`.
  public func withSettings<Result>(_ body: (inout wire_settings) -> Result) -> Result {
    body(&clb_object_settings(handle).pointee)
  }

  /// The ports that pass, a bit each, where the settings say that ports are filtered. No effect after `load`.
  public func writePorts(local: [UInt8]?, peer: [UInt8]?) {
    for (bitmap, target) in [(local, clb_object_local_ports(handle)), (peer, clb_object_peer_ports(handle))] {
      guard let bitmap, let target else { continue }
      precondition(bitmap.count == Int(WIRE_PORT_BITMAP))
      target.update(from: bitmap, count: bitmap.count)
    }
  }

  /// What the kernel could not keep, since the programs were loaded. Read while the kernel writes: each field is
  /// right, their sum may be of two moments.
  public var losses: wire_losses { clb_object_losses(handle).pointee }

  /// This process by its pid in the initial pid namespace, whichever it is in itself: the programs set it as they are run.
  public var tracer: UInt32 {
    get { clb_object_tracer(handle).pointee }
    nonmutating set { clb_object_tracer(handle).pointee = newValue }
  }

  /// In which TIME_WAITs are counted from now on; the programs take its lowest byte.
  public var generation: UInt32 {
    get { clb_object_generation(handle).pointee }
    nonmutating set { clb_object_generation(handle).pointee = newValue }
  }

  /// Tells the programs how long a jiffy is: the unit of the kernel's timers.
  public func setJiffy(nanoseconds: UInt32) { clb_object_set_jiffy(handle, nanoseconds) }

  /// CLOCK_BOOTTIME less CLOCK_MONOTONIC, which the programs need to tell the one by the other.
  public var suspendedNanoseconds: UInt64 {
    get { clb_object_suspended(handle).pointee }
    nonmutating set { clb_object_suspended(handle).pointee = newValue }
  }

  /// Who ended the passive end of a connection last, of those with this hash; nil if it is another's.
  ///
  /// - Parameter nanoseconds: CLOCK_BOOTTIME of the other end, within a second of it.
  public func peer(hash: UInt64, at nanoseconds: UInt64) -> wire_process? {
    let place = Int(hash >> (64 - UInt64(WIRE_PEERS).trailingZeroBitCount))
    guard let peer = clb_object_peers(handle)?.advanced(by: place) else { return nil }
    let (first, tag) = (peer.pointee, peer.pointee.tag)
    let age = Int64(bitPattern: nanoseconds &- first.time_ns)
    return first.tag == hash && tag == hash && age.magnitude < 1_000_000_000 ? first.process : nil
  }

  /// Leaves out of the next `load` all programs but these.
  public func chooseOnly(programs: [String]) throws(BPFError) {
    clb_object_choose_no_program(handle)
    for program in programs { try check(clb_program_choose(handle, program, true), "choose", program) }
  }

  /// Leaves out of the next `load` all maps but these.
  public func chooseOnly(maps: [String]) throws(BPFError) {
    clb_object_choose_no_map(handle)
    for map in maps { try check(clb_map_choose(handle, map), "choose", map) }
  }

  public func resize(map: String, maxEntries: UInt32, preallocated: Bool) throws(BPFError) {
    try check(clb_map_resize(handle, map, maxEntries, preallocated), "resize", map)
  }

  public func load() throws(BPFError) {
    try check(clb_object_load(handle), "load", "BPF programs")
  }

  public func attach(_ program: String) throws(BPFError) -> Link {
    var link: OpaquePointer?
    try check(clb_program_attach(handle, program, &link), "attach", program)
    guard let link else { throw BPFError("attach", program, code: 22) }
    return Link(owning: link)
  }

  /// Runs of a program that the kernel skipped because it interrupted the same program on the same processor.
  public func missedRuns(of program: String) throws(BPFError) -> UInt64 {
    var missed: UInt64 = 0
    try check(clb_program_missed(handle, program, &missed), "ask about", program)
    return missed
  }

  public func contains(_ key: UInt32, inSet map: String) -> Bool {
    var key = key
    return clb_map_has(handle, map, &key, 4)
  }

  /// Adds an element, unless there is one with this key.
  ///
  /// - Returns: false if there is one, or the map is full.
  public func add<Value: BitwiseCopyable>(_ value: Value, at key: UInt64, to map: String) -> Bool {
    var (key, value) = (key, value)
    return clb_map_add(handle, map, &key, 8, &value, MemoryLayout<Value>.size) == 0
  }

  /// A copy of the value of a key; nil: the map does not have the key.
  public func value<Value: BitwiseCopyable>(at key: UInt64, in map: String, or empty: Value) -> Value? {
    var (key, value) = (key, empty)
    return clb_map_find(handle, map, &key, 8, &value, MemoryLayout<Value>.size) == 0 ? value : nil
  }

  /// - Returns: false if there was none: somebody else has taken it.
  public func take(_ key: UInt64, from map: String) -> Bool {
    var key = key
    return clb_map_delete(handle, map, &key, 8) == 0
  }

  public func delete(_ key: [UInt8], from map: String) { _ = clb_map_delete(handle, map, key, key.count) }

  /// Adds a key with the value 1.
  public func insert(_ key: UInt32, intoSet map: String) throws(BPFError) {
    var key = key
    var present: UInt8 = 1
    try check(clb_map_put(handle, map, &key, 4, &present, 1), "write", map)
  }
}

extension ObjectFile {
  /// Do the programs look at verdicts?
  public var filtersGroups: Bool { clb_object_settings(handle).pointee.filter_groups != 0 }

  /// Tells the programs whether processes of this user in this cgroup can pass the filters, this one first of all. Where
  /// there is no room the frontend filters alone.
  public func setVerdict(_ passes: Bool, user: UInt32, cgroup: UInt64, pid: UInt32) {
    var (pid, verdict) = (pid, UInt8(passes ? 1 : 0))
    var group = wire_group(cgroup_id: cgroup, uid: user, padding: 0)
    _ = clb_map_put(handle, "verdicts", &group, MemoryLayout<wire_group>.size, &verdict, 1)
    // Unless it is of another group by now: then the programs have put that in.
    _ = clb_map_add(handle, "target_pids", &pid, 4, &verdict, 1)
  }
}

/// A program attached to its hook, until the value dies.
public struct Link: ~Copyable {
  private let handle: OpaquePointer

  init(owning handle: OpaquePointer) { self.handle = handle }

  deinit { clb_link_free(handle) }
}
