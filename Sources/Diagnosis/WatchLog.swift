import Events

/// What a watch tells, as facts: who caused how many TIME_WAITs, and what is not closed at its end.
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

  private var flowsByKey: [FlowKey: Flow] = [:]
  private var closeWaits: [Connection: Origin] = [:]
  private var finWait2s: [Connection: Origin] = [:]
  /// Of those that began before the watch, how many have ended in it.
  private var ended: [LeakKey: Int] = [:]
  public private(set) var lost: UInt64 = 0

  public init() {}

  public mutating func add(lost count: UInt64) { lost += count }

  public mutating func add(_ event: Event) {
    switch event {
    case .lost(let loss): lost += loss.count
    case .start, .summary: break
    case .origin(let origin):
      switch origin.state {
      case .timeWait:
        finWait2s[origin.connection] = nil
        addFlow(origin)
      case .finWait2: finWait2s[origin.connection] = origin
      case .closeWait: closeWaits[origin.connection] = origin
      case .closeWaitEnd:
        guard let known = closeWaits.removeValue(forKey: origin.connection), known.isOlderThanWatch else {
          return
        }
        ended[LeakKey(known), default: 0] += 1
      }
    }
  }

  private mutating func addFlow(_ origin: Origin) {
    // Which end an older connection is may not be known; then it belongs to neither kind.
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
    flowsByKey[key] = flow
  }

  /// - Parameter executable: the last part of the path of a process's program.
  public func flows(executable: (UInt32) -> String?) -> [Flow] {
    flowsByKey.values.map { flow in
      var flow = flow
      flow.executable = flow.process.flatMap { executable($0.pid) }
      return flow
    }
  }

  /// - Parameters:
  ///   - now: the end of the watch, to which everything has grown older since it was told.
  ///   - descriptors: how many a process has open, and may have.
  public func leaks(now: WallTime, descriptors: (Process) -> (open: Int, limit: Int?)?) -> [Leak] {
    let origins = Array(closeWaits.values) + Array(finWait2s.values)
    let began = Dictionary(grouping: origins.filter { !$0.isOlderThanWatch }, by: { LeakKey($0) }).mapValues(
      \.count)
    var leaks: [Leak] = []
    for (netns, origins) in Dictionary(grouping: origins, by: \.connection.netns) {
      var report = LeakReport()
      for origin in origins { report.add(origin.aged(until: now)) }
      for group in report.leaks + report.stuck {
        let key = LeakKey(netns, group)
        let known = group.process.flatMap(descriptors)
        leaks.append(
          Leak(
            netns: netns, group: group, grown: began[key, default: 0] - ended[key, default: 0],
            descriptorsOpen: known?.open, descriptorLimit: known?.limit))
      }
    }
    return leaks
  }
}

extension WatchLog.LeakKey {
  fileprivate init(_ origin: Origin) {
    let reason: Reason? = if case .closeWait(let closeWait) = origin.state { closeWait.reason } else { nil }
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

extension Origin {
  fileprivate func aged(until now: WallTime) -> Origin {
    let more = UInt64(clamping: now.nanoseconds - time.nanoseconds)
    var older = self
    switch state {
    case .closeWait(var closeWait):
      closeWait.age.nanoseconds &+= more
      older.state = .closeWait(closeWait)
    case .finWait2(let cause, var age):
      age.nanoseconds &+= more
      older.state = .finWait2(cause: cause, age: age)
    case .timeWait, .closeWaitEnd: break
    }
    return older
  }

  /// The age of what began before the tracer is an estimate, of what began under it never.
  fileprivate var isOlderThanWatch: Bool {
    switch state {
    case .closeWait(let closeWait): closeWait.age.isEstimate
    case .finWait2(_, let age), .closeWaitEnd(_, let age): age.isEstimate
    case .timeWait: false
    }
  }
}
