import Events
import Language

extension Rule {
  static let closeWait = Rule(
    id: "close_wait", title: "Connections are not closed after their peer has closed",
    meaning: """
      The peer has closed and this process has not. Only close(), or the end of the process, ends such a connection. \
      Until then it keeps its memory and, once accepted, its descriptor, as before the peer closed.
      """,
    remedies: [],
    settings: [
      .init("tcp_fin_timeout", helps: false, "it is about FIN_WAIT2 of closed sockets, at the other end"),
      .init(
        "tcp_keepalive_time", helps: false,
        "the peer's kernel still answers, so a keep-alive finds nothing wrong"),
    ],
    evidence: [
      "connections in CLOSE_WAIT for a second, with holders and reason",
      "descriptors of each process before and after the watch", "the other end, if it is on this host",
    ],
    sources: ["RFC 9293, 3.6 and 3.10.4", "docs/events.md, reasons of a CLOSE_WAIT"],
    judge: { facts in
      Verdict(
        sightings: LeakCase.all(in: facts) { leak in
          // Who is waited for, and cannot go on, is in trouble too.
          leak.group.reason != nil
            && (leak.group.part == .leak || leak.group.part == .awaited && Neglect(leak) == .blockedInSend)
        }
        .map { $0.sighting(facts) }.sorted {
          ($0.severity, -($0.figures.first?.value ?? 0)) < ($1.severity, -($1.figures.first?.value ?? 0))
        })
    })
}

/// Connections that processes of one name have not closed, for one reason.
struct LeakCase {
  let leaks: [Leak]
  let neglect: Neglect

  private struct Key: Hashable {
    var netns: UInt32
    var comm: Comm?
    var neglect: Neglect
  }

  static func all(in facts: Facts, where isWanted: (Leak) -> Bool) -> [LeakCase] {
    let groups = Dictionary(grouping: facts.leaks.filter(isWanted)) { leak in
      Key(netns: leak.netns, comm: leak.group.process?.comm, neglect: Neglect(leak))
    }
    return groups.map { key, leaks in
      LeakCase(
        leaks: leaks.sorted { ($1.group.count, $0.pid) < ($0.group.count, $1.pid) }, neglect: key.neglect)
    }.sorted { ($1.count, $0.leaks[0].pid) < ($0.count, $1.leaks[0].pid) }
  }

  var first: Leak { leaks[0] }
  var count: Int { sum(\.count) }
  private var grown: Int { leaks.map(\.grown).reduce(0, +) }

  func sum(_ value: (LeakReport.Group) -> Int) -> Int { leaks.map { value($0.group) }.reduce(0, +) }

  var oldestSeconds: Double { Double(leaks.map(\.group.oldest.nanoseconds).max() ?? 0) / 1e9 }

  /// The process with the fewest descriptors left.
  private var fullest: ProcessReading? {
    leaks.compactMap(\.reading).filter { $0.descriptorLimit != nil }.max {
      Double($0.descriptorsOpen) / Double(max(1, $0.descriptorLimit ?? 1))
        < Double($1.descriptorsOpen) / Double(max(1, $1.descriptorLimit ?? 1))
    } ?? leaks.compactMap(\.reading).first
  }

  /// By the growth of the descriptors themselves: a connection that goes to CLOSE_WAIT takes none that it had not.
  private func secondsLeft(_ facts: Facts) -> Double? {
    leaks.compactMap { leak in
      guard let reading = leak.reading, let limit = reading.descriptorLimit,
        let growth = reading.descriptorGrowth,
        let perSecond = facts.perSecond(growth)
      else { return nil }
      return LeakTrend.secondsLeft(open: reading.descriptorsOpen, limit: limit, growthPerSecond: perSecond)
    }.min()
  }

  func sighting(_ facts: Facts) -> Sighting {
    let secondsLeft = secondsLeft(facts)
    let queue = leaks.compactMap(\.group.acceptQueue).max { $0.length < $1.length }
    let isFull = queue.map { $0.length > $0.limit } ?? false
    let isExhausted = leaks.contains { $0.reading?.isExhausted ?? false }
    let growthPerSecond = facts.perSecond(grown)
    var seen = Set(leaks.compactMap { $0.reading?.standstill }).sorted { $0.description < $1.description }
    seen.append("\(counted(count, "connection")), the oldest for \(span(oldestSeconds))\(places)")
    seen.append(neglect.seen)
    if grown != 0, let growthPerSecond {
      seen.append("\(grown > 0 ? "+" : "-")\(rate(growthPerSecond.magnitude)) in CLOSE_WAIT")
    }
    let unread = leaks.map(\.group.unreadBytes).reduce(0, +)
    let unsent = leaks.map(\.group.unsentBytes).reduce(0, +)
    if unread > 0 { seen.append("\(size(unread)) unread") }
    if unsent > 0 { seen.append("\(size(unsent)) written and not taken by the peer (Send-Q)") }
    seen += descriptors(facts, secondsLeft)
    if let queue {
      seen.append("the accept queue: \(text(queue.length)) of \(text(queue.limit))" + (isFull ? ", full" : ""))
    }
    let shared = sum(\.shared)
    if shared > 0 {
      seen.append("\(text(shared)) held by other processes as well: each holder must close")
    }
    let isCritical =
      isFull || isExhausted || secondsLeft.map { $0 <= Threshold.descriptorSecondsCritical } ?? false
    return Sighting(
      severity: isCritical ? .critical : .warning, netns: first.netns, subject: .process, seen: seen,
      figures: [
        .init("connections", count), .init("growth_per_s", growthPerSecond), .init("oldest_s", oldestSeconds),
        .init("unread_bytes", unread), .init("unsent_bytes", unsent),
        .init("descriptors_open", fullest?.descriptorsOpen),
        .init("descriptor_limit", fullest?.descriptorLimit), .init("exhausted_in_s", secondsLeft),
      ],
      services: Services.of(leaks), actors: actors(facts), remedies: remedies(isExhausted),
      certainty: neglect.certainty,
      grounds: neglect.grounds
        + (leaks.contains { $0.group.oldest.isEstimate }
          ? "; the age is counted from the peer's last packet" : ""),
      unknown: neglect != .notAccepted && neglect != .inFlight
        && leaks.contains { $0.group.process != nil && $0.reading == nil }
        ? ["descriptors of the process, or their limit"] : [])
  }

  /// ` at 10.0.0.1:80`, ` to 10.0.0.5:6379`.
  private var places: Text {
    let parts: [Text] = Services.of(leaks).prefix(3).map {
      $0.isServer ? "at \($0.text) (\(text($0.count)))" : "to \($0.text) (\(text($0.count)))"
    }
    return parts.isEmpty ? "" : ": " + parts.joined(separator: ", ")
  }

  private func descriptors(_ facts: Facts, _ secondsLeft: Double?) -> [Text] {
    guard let fullest else { return [] }
    var seen: [Text] = []
    let open: Text =
      fullest.descriptorLimit.map { "\(text(fullest.descriptorsOpen)) of \(text($0)) descriptors are open" }
      ?? "\(text(fullest.descriptorsOpen)) descriptors are open"
    let growth: Text? = fullest.descriptorGrowth.map {
      $0 == 0
        ? ", as many as before the watch" : ", \($0 > 0 ? "+" : "-")\(text($0.magnitude)) in the watch"
    }
    seen.append(open + (growth ?? ""))
    if fullest.isExhausted {
      seen.append("it is out of descriptors: accept(), open() and socket() fail with EMFILE")
    } else if let secondsLeft {
      seen.append("they run out in \(span(secondsLeft)) at this rate")
    }
    return seen
  }

  private func remedies(_ isExhausted: Bool) -> [Text] {
    if leaks.contains(where: { $0.reading?.standstill != nil }) {
      return ["let the process go on first (kill -CONT, the debugger, the disk): nothing else helps until then"]
    }
    if isExhausted && neglect == .notAccepted {
      return [
        """
        the process is out of descriptors: find what holds them (tcplinger census --by process, ls -l /proc/PID/fd), \
        and raise its limit (LimitNOFILE= of the unit, ulimit -n); accepting faster or a longer queue does not help
        """
      ]
    }
    guard neglect == .idlePool else { return [neglect.remedy] }
    let pools = leaks.compactMap { leak -> Text? in
      guard let runtime = Runtime.of(leak.reading?.program) else { return nil }
      return runtime.asPool.map { "\(runtime.name): \($0)" }
    }
    return [neglect.remedy] + Set(pools).sorted { $0.description < $1.description }
  }

  // MARK: Who

  private func actors(_ facts: Facts) -> [Finding.Actor] {
    var actors: [Finding.Actor] = neglect == .notAccepted ? listeners(facts) : []
    if actors.isEmpty {
      let most = leaks.gathered(by: \.group.process).most { some in
        some.elements.map(\.group.count).reduce(0, +)
      }
      actors = most.prefix(Self.shownActors).map { $0.actor(part(of: $0.elements)) }
    }
    for leak in leaks {
      for opener in leak.group.openedBy.prefix(Self.shownActors)
      where !actors.contains(where: { $0.isOf(opener) }) {
        actors.append(.init(opener, "opened them; \(name(leak.group.process)) has them open"))
      }
      for holder in leak.group.heldBy.prefix(Self.shownActors)
      where !actors.contains(where: { $0.isOf(holder) }) {
        actors.append(.init(holder, "has some of them open as well"))
      }
    }
    return actors + waiting(facts)
  }

  private static let shownActors = 5

  /// Of one process, or of several of one service.
  private func part(of some: [Leak]) -> Text {
    let sum = some.map(\.group.count).reduce(0, +)
    let count: Text = leaks.count > some.count ? "has not closed \(text(sum))" : "has not closed"
    if some.map(\.group.unheld).reduce(0, +) == sum {
      return some[0].group.process == nil ? "no process has them open" : "opened them; no process has them open"
    }
    return neglect == .notAccepted ? "has the listener" : count
  }

  /// Everybody who could accept; first who has done so before. A parent that leaves it to its children is last.
  private func listeners(_ facts: Facts) -> [Finding.Actor] {
    let ports = Set(leaks.flatMap { $0.group.busiestServices(.max).compactMap(\.service.port) })
    var accepted: [Process.Identity: Int] = [:]
    for port in ports {
      for (process, count) in facts.acceptors[ServedPort(netns: first.netns, port: port)] ?? [:] {
        accepted[process.identity, default: 0] += count
      }
    }
    var known: [Process.Identity: Process] = [:]
    for process in leaks.flatMap(\.group.listenedBy) + leaks.compactMap(\.group.process) {
      known[process.identity] = process
    }
    let sorted = known.values.sorted {
      (accepted[$1.identity] ?? 0, $0.pid) < (accepted[$0.identity] ?? 0, $1.pid)
    }
    return sorted.prefix(2 * Self.shownActors).map { process in
      let count = accepted[process.identity] ?? 0
      if count > 0 {
        return .init(
          process, "holds \(counted(count, "accepted connection")) and accepts none now"
        )
      }
      return .init(
        process,
        accepted.isEmpty ? "has the listener" : "has the listener too, and holds no accepted connection")
    }
  }

  /// Relays that wait for these processes, and clients at the other end.
  private func waiting(_ facts: Facts) -> [Finding.Actor] {
    let own = Set(leaks.compactMap { $0.group.process?.identity })
    var actors: [Finding.Actor] = []
    for leak in facts.leaks where leak.group.reason != nil && leak.group.part == .relayed {
      let count = leak.group.waitsFor(.max).filter { $0.far.process.map { own.contains($0.identity) } ?? false }
        .map(\.count).reduce(0, +)
      guard count > 0 else { continue }
      actors.append(
        .init(leak.group.process, "a relay: passed on the end of \(counted(count, "connection")) and waits"))
    }
    let relays = Set(actors.compactMap { $0.process?.identity })
    for leak in leaks {
      for (far, count) in leak.group.farEnds(Self.shownActors) {
        guard let process = far.process, !relays.contains(process.identity) else { continue }
        actors.append(.init(process, "the other end of \(text(count))"))
      }
    }
    return actors
  }
}

extension Leak {
  fileprivate var pid: UInt32 { group.process?.pid ?? .max }
}

extension Finding.Actor {
  fileprivate func isOf(_ other: Process) -> Bool { process?.identity == other.identity }
}
