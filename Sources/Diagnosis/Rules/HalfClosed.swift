import Events
import Language

extension Rule {
  static let finWait2 = Rule(
    id: "fin_wait2", title: "The peer does not close",
    meaning: """
      This end has sent its FIN and waits for the peer's: the peer holds a CLOSE_WAIT. What is wrong is there.
      """,
    remedies: [
      "look at the peer: tcplinger leaks on that host names the process",
      "a program that only called shutdown() waits for as long as it likes: it can close() after a time of its own",
    ],
    evidence: ["connections in FIN_WAIT2 for a second", "the other end, if it is on this host"],
    sources: ["Documentation/networking/ip-sysctl.rst: tcp_fin_timeout", "RFC 9293, 3.6"],
    judge: { facts in
      // A CLOSE_WAIT on this host is told there.
      let stuck = LeakCase.all(in: facts) { leak in
        leak.group.reason == nil && leak.group.part != .relayed && leak.group.countOnOtherHosts > 0
      }
      return Verdict(sightings: stuck.map { $0.peerSighting(facts) })
    })

  static let halfClosed = Rule(
    id: "half_closed", title: "Half-closed connections: one end is done, the other is at work",
    meaning: """
      One end has called shutdown() and reads on, so the other may take its time: a relay that passes the end on, \
      and whoever works at an answer, are no leaks. If it lasts for longer than the work can, look at who is waited for.
      """,
    remedies: ["if it lasts too long: look at the one that is waited for, first in the list"],
    evidence: ["CLOSE_WAITs and FIN_WAIT2s by shutdown() of one process, of the same moments", "both ends"],
    sources: ["RFC 9293, 3.6 (half-closed)", "shutdown(2)"],
    judge: { facts in
      Verdict(
        sightings: LeakCase.all(in: facts) {
          $0.group.reason != nil && $0.group.part == .awaited && Neglect($0) != .blockedInSend
        }
        .map { $0.awaitedSighting(facts) }
          + LeakCase.all(in: facts) { leak in
            leak.group.reason != nil && leak.group.part == .relayed
              && leak.group.waitsFor(.max).contains { $0.far.process == nil }
          }.map { $0.relaySighting(facts) })
    })
}

extension LeakReport.Group {
  /// Those whose other end is no CLOSE_WAIT of this host.
  fileprivate var countOnOtherHosts: Int {
    farEnds(.max).filter { $0.far.process == nil }.map(\.count).reduce(0, +)
  }
}

extension LeakCase {
  fileprivate func peerSighting(_ facts: Facts) -> Sighting {
    let namespace = facts.namespaces.first { $0.inode == first.netns }
    let timeout = namespace?.setting("tcp_fin_timeout")
    let halfClosed = sum(\.halfClosed)
    let count = sum(\.countOnOtherHosts)
    var seen: [Text] = [
      "\(counted(count, "connection")) for a second or more, the longest for \(span(oldestSeconds))"
    ]
    if halfClosed > 0 {
      seen.append(
        "\(text(halfClosed)) half closed by shutdown(): the process still has them open, and reads on")
    }
    return Sighting(
      severity: .note, netns: first.netns, subject: .process, seen: seen,
      figures: [
        .init("connections", count), .init("half_closed", halfClosed), .init("oldest_s", oldestSeconds),
      ],
      services: Services.of(leaks),
      actors: mostOfLeaks.map { some in
        let isHalf = some.elements.allSatisfy { $0.group.halfClosed == $0.group.count }
        return some.actor(
          some.process == nil
            ? "closed before the start, by a process that is over"
            : isHalf ? "has half closed (shutdown)" : "has closed")
      },
      settings: [
        .init(
          "tcp_fin_timeout", helps: halfClosed < count,
          (timeout.map { "it is \(text($0)) s; " } ?? "")
            + "after it the kernel drops one that is closed, not one that is only shut down; it hides the fault of the peer"
        )
      ],
      certainty: .certain, grounds: "the state is the socket's own",
      unknown: timeout == nil ? ["tcp_fin_timeout"] : [])
  }

  private var mostOfLeaks: [Gathered<Leak>] {
    let most = leaks.gathered(by: \.group.process).most { some in some.elements.map(\.group.count).reduce(0, +)
    }
    return Array(most.prefix(5))
  }

  fileprivate func awaitedSighting(_ facts: Facts) -> Sighting {
    let own = Set(leaks.compactMap { $0.group.process?.identity })
    var actors = mostOfLeaks.map { $0.actor("the others wait for it: it works, or it will not answer") }
    for leak in facts.leaks where leak.group.part == .relayed && leak.group.reason != nil {
      guard
        leak.group.waitsFor(.max).contains(where: { $0.far.process.map { own.contains($0.identity) } ?? false })
      else {
        continue
      }
      actors.append(.init(leak.group.process, "a relay: passed the end on and waits"))
    }
    for leak in leaks {
      for (far, _) in leak.group.farEnds(5) {
        guard let process = far.process, !actors.contains(where: { $0.process?.identity == process.identity })
        else {
          continue
        }
        actors.append(.init(process, "has shut down its side, and reads on"))
      }
    }
    return Sighting(
      severity: .note, netns: first.netns, subject: .process,
      seen: ["\(counted(count, "connection")), the oldest for \(span(oldestSeconds))"],
      figures: [.init("connections", count), .init("oldest_s", oldestSeconds)],
      services: Services.of(leaks), actors: actors, certainty: .likely,
      grounds: "the peer, on this host, has only shut down its side; whether the work goes on is not seen")
  }

  fileprivate func relaySighting(_ facts: Facts) -> Sighting {
    let ends = leaks.flatMap { $0.group.waitsFor(.max) }.filter { $0.far.process == nil }
    let places = ends.prefix(3).map { Finding.Service($0.far, count: $0.count).text }
    return Sighting(
      severity: .note, netns: first.netns, subject: .process,
      seen: [
        "\(counted(count, "connection")), the oldest for \(span(oldestSeconds)), whose end was passed on to \(places.joined(separator: ", "))"
      ],
      figures: [.init("connections", count), .init("oldest_s", oldestSeconds)],
      services: ends.map { Finding.Service($0.far, count: $0.count) },
      actors: mostOfLeaks.map { $0.actor("a relay: waits for the peer to close") },
      certainty: .likely,
      grounds: "as many half-closes as CLOSE_WAITs, of the same moments; the far end is on another host")
  }
}

extension Finding.Service {
  init(_ far: LeakReport.Far, count: Int) {
    self.init(family: far.family, address: far.address, port: far.port, isServer: false, count: count)
  }
}
