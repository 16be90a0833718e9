import Events

extension Rule {
  static let closeWait = Rule(
    id: "close_wait", title: "Connections are not closed after their peer has closed",
    meaning: """
      The peer has closed and this process has not: nothing but a close() of it, or its end, ends the connection. \
      Each takes memory, and most a descriptor; when those run out, accept() and open() fail with EMFILE.
      """,
    remedies: [],
    settings: [
      .init("tcp_fin_timeout", helps: false, "it is about FIN_WAIT2 of closed sockets, at the other end"),
      .init(
        "tcp_keepalive_time", helps: false,
        "the peer's kernel still answers, so a keep-alive finds nothing wrong"),
    ],
    evidence: [
      "connections in CLOSE_WAIT for a second, with holders and reason", "descriptors of each process",
    ],
    sources: ["RFC 9293, 3.6 and 3.10.4", "docs/events.md, reasons of a CLOSE_WAIT"],
    judge: { facts in
      Verdict(
        sightings: facts.leaks.filter { $0.group.reason != nil }.map { $0.sighting(facts) }
          .sorted {
            ($0.severity, -($0.figures.first?.value ?? 0)) < ($1.severity, -($1.figures.first?.value ?? 0))
          })
    })

  static let finWait2 = Rule(
    id: "fin_wait2", title: "The peer does not close",
    meaning: """
      This end has closed and waits for the peer's FIN: the peer holds a CLOSE_WAIT. What is wrong is there.
      """,
    remedies: [
      "look at the peer: tcplinger leaks on that host names the process",
      "a program that only called shutdown() waits for as long as it likes: it can close() after a time of its own",
    ],
    evidence: ["connections in FIN_WAIT2 for a second"],
    sources: ["Documentation/networking/ip-sysctl.rst: tcp_fin_timeout", "RFC 9293, 3.6"],
    judge: { facts in
      Verdict(sightings: facts.leaks.filter { $0.group.reason == nil }.map { $0.peerSighting(facts) })
    })
}

extension Leak {
  private func secondsLeft(_ growthPerSecond: Double?) -> Double? {
    // A connection that was never accepted has no descriptor.
    guard group.reason != .notAccepted, let descriptorsOpen, let descriptorLimit else { return nil }
    return LeakTrend.secondsLeft(
      open: descriptorsOpen, limit: descriptorLimit, growthPerSecond: growthPerSecond ?? 0)
  }

  private var use: Double? {
    guard group.reason != .notAccepted, let descriptorsOpen, let descriptorLimit, descriptorLimit > 0 else {
      return nil
    }
    return Double(descriptorsOpen) / Double(descriptorLimit)
  }

  fileprivate func sighting(_ facts: Facts) -> Sighting {
    let reason = Neglect(group.reason ?? .unknown)
    let growthPerSecond = facts.perSecond(grown)
    let secondsLeft = secondsLeft(growthPerSecond)
    let isFull = group.acceptQueue.map { $0.length > $0.limit } ?? false
    var seen = [
      "\(counted(group.count, "connection")), the oldest for \(span(Double(group.oldest.nanoseconds) / 1e9))"
    ]
    seen.append(reason.seen)
    var unknown: [String] = []
    if grown != 0, let growthPerSecond {
      seen.append("\(grown > 0 ? "+" : "-")\(rate(growthPerSecond.magnitude))")
    }
    if group.reason != .notAccepted {
      if let descriptorsOpen, let descriptorLimit {
        seen.append("\(text(descriptorsOpen)) of \(text(descriptorLimit)) descriptors are open")
      } else if group.process != nil {
        unknown.append("descriptors of the process, or their limit")
      }
    }
    if let secondsLeft { seen.append("descriptors run out in \(span(secondsLeft)) at this rate") }
    if let queue = group.acceptQueue {
      seen.append("its accept queue: \(text(queue.length)) of \(text(queue.limit))\(isFull ? ", full" : "")")
    }
    if group.unreadBytes > 0 { seen.append("\(size(group.unreadBytes)) unread") }
    if group.shared > 0 {
      seen.append(
        "\(text(group.shared)) held by other processes as well: each holder must close (leaks --each names them)"
      )
    }
    let isUrgent =
      isFull || (secondsLeft.map { $0 <= Threshold.descriptorSecondsCritical } ?? false)
      || (use.map { $0 >= Threshold.descriptorsCritical } ?? false)
    return Sighting(
      severity: isUrgent ? .critical : .warning, netns: netns, subject: .process, seen: seen,
      figures: [
        .init("connections", group.count), .init("growth_per_s", growthPerSecond),
        .init("oldest_s", Double(group.oldest.nanoseconds) / 1e9),
        .init("descriptors_open", descriptorsOpen),
        .init("descriptor_limit", descriptorLimit), .init("exhausted_in_s", secondsLeft),
      ],
      actors: [.init(group.process, group.reason == .notAccepted ? "has the listener" : "has not closed")],
      remedies: [reason.remedy], certainty: group.reason == .unknown ? .possible : .certain,
      grounds: "the state, and how far the application has read, are the socket's own"
        + (group.oldest.isEstimate ? "; the age is counted from the peer's last packet" : ""), unknown: unknown)
  }

  fileprivate func peerSighting(_ facts: Facts) -> Sighting {
    let namespace = facts.namespaces.first { $0.inode == netns }
    let timeout = namespace?.setting("tcp_fin_timeout")
    return Sighting(
      severity: .note, netns: netns, subject: .process,
      seen: [
        "\(counted(group.count, "connection")) for a second or more, the longest for "
          + span(Double(group.oldest.nanoseconds) / 1e9)
      ],
      figures: [
        .init("connections", group.count),
        .init("oldest_s", Double(group.oldest.nanoseconds) / 1e9),
      ],
      actors: [.init(group.process, "has closed")],
      settings: [
        .init(
          "tcp_fin_timeout", helps: true,
          (timeout.map { "it is \(text($0)) s: after that the kernel drops" } ?? "after it the kernel drops")
            + " one that is closed, not one that is only shut down; it hides the fault of the peer")
      ],
      certainty: .certain, grounds: "the state is the socket's own",
      unknown: timeout == nil ? ["tcp_fin_timeout"] : [])
  }
}

/// A reason of a CLOSE_WAIT in words.
private struct Neglect {
  let seen: String
  let remedy: String

  init(_ reason: Reason) {
    switch reason {
    case .notAccepted:
      seen = "nobody has called accept() for them"
      remedy = "find out what keeps the accept loop: blocked, too few workers, out of descriptors"
    case .dataUnread:
      seen = "data before the end is unread: the application has stopped reading"
      remedy = "find out what the reader waits for: a lock, a slow disk, its own peer"
    case .eofUnread:
      seen = "only the end of file is unread: the application neither reads nor polls them"
      remedy =
        "look for connections that nobody watches any more: idle ones of a pool, a lost entry of an event loop"
    case .eofRead:
      seen = "the application has read the end of file and not closed: a leak of descriptors"
      remedy = "look for a path that reads 0 bytes, or an error, and returns without close()"
    case .unknown:
      seen = "how far the application has read is not known"
      remedy = "tcplinger leaks --each shows each of them"
    }
  }
}
