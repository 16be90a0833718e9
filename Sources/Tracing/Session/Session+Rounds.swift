import BPF
import CWire
import Events
import System

/// What one round remembers for the next.
struct Rounds {
  /// A connection by its cookie; by its tuple where there are no cookies, as its key is an address that is used again.
  struct Told: Hashable {
    var cookie: UInt64 = 0
    var connection: Connection?
  }

  /// When each part is due next, CLOCK_BOOTTIME.
  var next: UInt64 = 0
  var nextAudit: UInt64 = 0
  var nextWalk: UInt64 = 0
  var nextFull: UInt64 = 0
  /// Waiting connections that were reported, so that each is reported once.
  var told: Set<Told> = []
  /// Connections that had sent the first FIN and vanished: whether they reached TIME_WAIT is not known.
  var unconfirmed: UInt64 = 0

  init() {}

  /// All is due now.
  init(toldBefore: Rounds) {
    (told, unconfirmed) = (toldBefore.told, toldBefore.unconfirmed)
  }

  /// However large the host: who waits is not told later than this.
  static let longestPause: UInt64 = 5_000_000_000
  /// However many time_wait sockets there are: a TIME_WAIT that no hook tells is not told later than this.
  static let longestDelay: UInt64 = 1_000_000_000
  /// How often connections are looked at that have not begun to end, as far as any program has seen.
  static let fullPause: UInt64 = 10_000_000_000
}

extension Session {
  func playRound() throws {
    let longest = plan.timeWaitSocket == nil ? Rounds.longestDelay : Rounds.longestPause
    try sparingly(\.nextAudit, longestPause: longest) { try tellWaiting(minAge: settings.minAgeNanoseconds) }
  }

  /// Does it if its time has come, and sets that of the next one: it takes a twentieth of a core at the most, unless that
  /// would be a longer pause than this.
  private func sparingly(
    _ next: WritableKeyPath<Rounds, UInt64>, longestPause: UInt64, _ work: () throws -> Void
  ) throws {
    let now = Host.bootNanoseconds
    guard now >= rounds[keyPath: next] else { return }
    let cpuTime = Host.threadCPUNanoseconds
    try work()
    rounds[keyPath: next] = now + min(20 * (Host.threadCPUNanoseconds - cpuTime), longestPause)
  }

  /// Tells what waits for so long and was not told before.
  func tellWaiting(minAge: UInt64) throws {
    var due: [UInt64] = []
    var isHeld = false
    var still: Set<Rounds.Told> = []
    let (keys, isFull) = try connections()
    try audit(over: keys, minAge: minAge) { record in
      let name = name(of: record)
      if isFull { still.insert(name) }
      guard !rounds.told.contains(name) else { return }
      due.append(record.socket)
      if record.kind == .closeWait { isHeld = true }
    }
    if isFull { rounds.told.formIntersection(still) }
    guard !due.isEmpty else { return }
    guard isHeld else { return try tell(due, among: keys, HolderIndex(), minAge: minAge) }
    // This walks every open file of the host.
    try sparingly(\.nextWalk, longestPause: Rounds.longestPause) {
      let holders = try findHolders()
      try tell(due, among: keys, holders, minAge: minAge)
    }
  }

  func name(of record: KernelOrigin) -> Rounds.Told {
    plan.isTyped ? Rounds.Told(cookie: record.socket) : Rounds.Told(connection: record.connection)
  }

  /// What has left meanwhile comes through the ring.
  private func tell(
    _ due: [UInt64], among keys: [UInt64], _ holders: borrowing HolderIndex, minAge: UInt64
  ) throws {
    var records: [KernelOrigin] = []
    try audit(over: due, minAge: minAge) { records.append($0) }
    for record in try joined(records, among: keys, holders) {
      rounds.told.insert(name(of: record))
      enter(
        holders.completing(record), holders: holders.holders(of: record.socket),
        listeners: holders.listeners(of: record.socket))
    }
  }

  /// Each with the process at its other end, if that is among all that wait, however short.
  private func joined(
    _ records: [KernelOrigin], among keys: [UInt64], _ holders: borrowing HolderIndex
  ) throws -> [KernelOrigin] {
    guard !records.isEmpty else { return [] }
    var records = records
    var peers = PeerIndex()
    for index in records.indices {
      records[index].farEnd = farEnds.translated(records[index].connection)
      peers.want(records[index])
    }
    try audit(over: keys, minAge: 0) { peers.add($0, holders) }
    for index in records.indices { records[index].peer = peers.process(atOtherEndOf: records[index]) }
    return records
  }

  /// Everything that waits, whether or not it was told before.
  ///
  /// - Parameter holders: as they were found a moment ago; nil: they are looked for.
  func forEachOrigin(
    ofAnyAge: Bool = false, holders found: consuming HolderIndex? = nil, _ body: (Origin) -> Void
  ) throws {
    noteClocks()
    var all = Ledger(filter: settings.filter)
    (all.threadName, all.context) = (ledger.threadName, ledger.context)
    var records: [KernelOrigin] = []
    let minAge = ofAnyAge ? 0 : settings.minAgeNanoseconds
    let keys = try connections(all: true).keys
    try audit(over: keys, minAge: minAge) { records.append($0) }
    let isHeld = records.contains { $0.kind == .closeWait }
    let holders = try found ?? (isHeld ? findHolders() : HolderIndex())
    for record in try joined(records, among: keys, holders) {
      all.enter(
        holders.completing(record), holders: holders.holders(of: record.socket),
        listeners: holders.listeners(of: record.socket), clock: clock, body)
    }
  }

  /// TIME_WAITs that no hook has told, into the ring or the counts.
  func settle() throws {
    try audit(over: connections().keys, minAge: .max) { _ in }
  }

  /// Those that have begun to end, as far as a program has seen; now and then, or when asked for, all.
  private func connections(all: Bool = false) throws -> (keys: [UInt64], isFull: Bool) {
    let now = Host.bootNanoseconds
    let isFull = all || isAttached && now >= rounds.nextFull
    if isFull { rounds.nextFull = now + Rounds.fullPause }
    var keys: [UInt64] = []
    try object.forEachElement(of: "connections") { key, value in
      guard isFull || KernelOrigin.isEnding(value) else { return }
      keys.append(key.unsafeLoadUnaligned(as: UInt64.self))
    }
    return (keys, isFull)
  }

  /// What becomes of these connections: hands out those in CLOSE_WAIT or FIN_WAIT2 for the minimum age. TIME_WAITs go
  /// into the ring or the counts, and the end of a CLOSE_WAIT that nobody saw is told.
  private func audit(over keys: [UInt64], minAge: UInt64, _ body: (KernelOrigin) -> Void) throws {
    guard !keys.isEmpty else { return }
    var gone: [KernelOrigin] = []
    guard let program = plan.audit else { return try askForAll(keys, minAge: minAge, body) }
    try object.run(program.name, over: keys, minAge: minAge) { bytes in
      guard let record = decode(bytes) else { return }
      switch record.kind {
      case .gone: gone.append(record)
      case .closeWaitEnd: if ledger.hasTold(record.socket) { enter(record) }
      default: body(record)
      }
    }
    try askFor(gone, minAge: minAge, program: program, body)
  }
}
