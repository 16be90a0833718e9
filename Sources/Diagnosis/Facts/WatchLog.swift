import Events

/// Turns the events of a watch into facts: TIME_WAITs by process, and connections that are open at its end.
public struct WatchLog: Sendable {
  private struct FlowKey: Hashable {
    var netns: UInt32
    var pid: UInt32?
    var startedNanoseconds: UInt64?
    var role: Role
    var family: Family
    var local: Address
    var service: Endpoint
  }

  fileprivate struct LeakKey: Hashable {
    var netns: UInt32
    var pid: UInt32?
    var startedNanoseconds: UInt64?
    var reason: Reason?
  }

  private struct ResetKey: Hashable {
    var netns: UInt32
    var process: Process.Identity?
    var cause: Cause
    var service: Endpoint
    var isServer: Bool
  }

  private var flowsByKey: [FlowKey: Flow] = [:]
  private var closeWaits: [Connection: Origin] = [:]
  private var finWait2s: [Connection: Origin] = [:]
  /// Of those that began before the watch, how many have ended in it.
  private var ended: [LeakKey: Int] = [:]
  private var resetsByKey: [ResetKey: Reset] = [:]
  public private(set) var lost: UInt64 = 0
  private let start: WallTime
  /// The end of the watch: events after it report what is still open; anything else has ended.
  public var end: WallTime?

  /// - Parameter start: what happened before is not the watch's.
  public init(start: WallTime = WallTime(nanoseconds: .min)) { self.start = start }

  public mutating func add(lost count: UInt64) { lost += count }

  public mutating func add(_ event: Event) {
    switch event {
    case .lost(let loss): lost += loss.count
    case .start, .summary: break
    case .origin(let origin):
      switch origin.kind {
      case .timeWait:
        finWait2s[origin.connection] = nil
        if isWithin(origin.time) { addFlow(origin) }
      case .reset(let cause):
        finWait2s[origin.connection] = nil
        if isWithin(origin.time) { addReset(origin, cause) }
      case .finWait2: finWait2s[origin.connection] = origin
      case .closeWait: closeWaits[origin.connection] = origin
      case .closeWaitEnd:
        guard let known = closeWaits.removeValue(forKey: origin.connection), isOlder(known),
          isWithin(origin.time)
        else { return }
        ended[LeakKey(known), default: 0] += 1
      }
    }
  }

  private func isWithin(_ time: WallTime) -> Bool { time >= start && end.map { time <= $0 } ?? true }

  /// Did its state begin before the watch?
  private func isOlder(_ origin: Origin) -> Bool {
    guard let age = origin.kind.age else { return false }
    return age.isEstimate || origin.time.nanoseconds - Int64(clamping: age.nanoseconds) < start.nanoseconds
  }

  private mutating func addFlow(_ origin: Origin) {
    // The role of an older connection may not be known: leave it out.
    guard origin.role != .unknown else { return }
    let (connection, process) = (origin.connection, origin.process)
    let service = origin.role == .client ? connection.peer : connection.local
    let key = FlowKey(
      netns: connection.netns, pid: process?.pid, startedNanoseconds: process?.startedNanoseconds,
      role: origin.role, family: connection.family, local: connection.local.address, service: service)
    var flow =
      flowsByKey[key]
      ?? Flow(
        netns: connection.netns, process: process, role: origin.role, family: connection.family,
        local: connection.local.address, service: service, count: 0)
    flow.count += 1
    if let sent = origin.bytesSent, let received = origin.bytesReceived {
      flow.bytes &+= sent &+ received
      flow.countWithBytes += 1
    }
    if let lifetime = origin.lifetimeNanoseconds {
      flow.lifetimeNanoseconds &+= lifetime
      flow.countWithLifetime += 1
    }
    if connection.peer.address == connection.local.address
      || connection.peer.address.isLoopback(connection.family)
    {
      flow.countFromHere += 1
    }
    flowsByKey[key] = flow
  }

  private mutating func addReset(_ origin: Origin, _ cause: Cause) {
    let connection = origin.connection
    let isServer = origin.role == .server
    let service = isServer ? connection.local : connection.peer
    let key = ResetKey(
      netns: connection.netns, process: origin.process?.identity, cause: cause, service: service,
      isServer: isServer)
    let first = Reset(
      netns: connection.netns, process: origin.process, cause: cause,
      service: Finding.Service(
        family: connection.family, address: service.address, port: service.port, isServer: isServer, count: 0))
    resetsByKey[key, default: first].service.count += 1
  }

  public var resets: [Reset] { Array(resetsByKey.values) }

  /// The difference of the kernel's counts between two looks.
  public mutating func add(opened before: [KernelCount], _ after: [KernelCount]) {
    let earlier = Dictionary(before.map { ($0.flow, $0.counts) }) { first, _ in first }
    for count in after where count.flow.role == .client {
      let more = count.counts.since(earlier[count.flow, default: ConnectionCounts()])
      guard more.connects > 0 || more.uses > 0 else { continue }
      add(count, more)
    }
  }

  private mutating func add(_ count: KernelCount, _ more: ConnectionCounts) {
    let flow = count.flow
    let service = Endpoint(address: flow.peerAddress, port: flow.port)
    let key = FlowKey(
      netns: flow.netns, pid: flow.process?.pid, startedNanoseconds: flow.process?.startedNanoseconds,
      role: .client, family: flow.family, local: flow.localAddress, service: service)
    let process = flow.process.map {
      Process(pid: $0.pid, tid: $0.pid, comm: count.comm, startedNanoseconds: $0.startedNanoseconds)
    }
    let first = Flow(
      netns: flow.netns, process: process, role: .client, family: flow.family, local: flow.localAddress,
      service: service, count: 0)
    flowsByKey[key, default: first].connects = Int(clamping: more.connects)
    flowsByKey[key]?.uses = Int(clamping: more.uses)
    flowsByKey[key]?.usedNanoseconds = more.usedNanoseconds
  }

  /// - Parameter program: what a process runs.
  public func flows(program: (Process) -> Program?) -> [Flow] {
    flowsByKey.values.map { flow in
      var flow = flow
      flow.program = flow.process.flatMap(program)
      return flow
    }
  }

  /// Connections that are not closed at the end of the watch.
  ///
  /// - Parameter reading: what /proc says of a process.
  public func leaks(_ reading: (Process) -> ProcessReading?) -> [Leak] {
    let origins = (Array(closeWaits.values) + Array(finWait2s.values)).filter { origin in
      end.map { origin.time >= $0 } ?? true
    }
    let began = Dictionary(grouping: origins.filter { !isOlder($0) }, by: { LeakKey($0) }).mapValues(\.count)
    let closures = HalfClosures(origins.map { .init($0) }, now: end ?? start)
    var leaks: [Leak] = []
    for (netns, origins) in Dictionary(grouping: origins, by: \.connection.netns) {
      let report = LeakReport(origins, closures)
      for group in report.leaks + report.stuck {
        let key = LeakKey(netns, group)
        let grown = began[key, default: 0] - ended[key, default: 0]
        leaks.append(Leak(netns: netns, group: group, grown: grown, reading: group.process.flatMap(reading)))
      }
    }
    return leaks
  }
}

extension WatchLog.LeakKey {
  fileprivate init(_ origin: Origin) {
    let reason: Reason? = if case .closeWait(let closeWait) = origin.kind { closeWait.reason } else { nil }
    self.init(
      netns: origin.connection.netns, pid: origin.process?.pid,
      startedNanoseconds: origin.process?.startedNanoseconds, reason: reason)
  }

  fileprivate init(_ netns: UInt32, _ group: LeakReport.Group) {
    self.init(
      netns: netns, pid: group.process?.pid, startedNanoseconds: group.process?.startedNanoseconds,
      reason: group.reason)
  }
}
