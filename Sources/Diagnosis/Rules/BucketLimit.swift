import Events
import Language

extension Rule {
  static let bucketLimit = Rule(
    id: "bucket_limit", title: "The limit of TIME_WAITs is reached",
    meaning: """
      Beyond tcp_max_tw_buckets the kernel makes no TIME_WAIT: the connection is gone at once. A packet of it that \
      comes late can then disturb a new connection with the same addresses and ports.
      """,
    remedies: ["close fewer connections from this end: keep-alive, pools (see the other findings)"],
    settings: [
      .init("tcp_fin_timeout", helps: false, "it is about FIN_WAIT2; a TIME_WAIT lasts 60 s")
    ],
    evidence: ["TCPTimeWaitOverflow in /proc/net/netstat", "tcp_max_tw_buckets", "TIME_WAITs"],
    sources: [
      "Documentation/networking/ip-sysctl.rst: \"you _must_ not lower the limit artificially\"",
      "inet_twsk_alloc(), net/ipv4/inet_timewait_sock.c", "RFC 9293, 3.6.1",
    ],
    judge: inEach { facts, namespace, verdict in
      let limit = namespace.setting("tcp_max_tw_buckets")
      if limit == nil { verdict.lacks("tcp_max_tw_buckets", namespace) }
      let rise = namespace.rise("TcpExt.TCPTimeWaitOverflow")
      if rise == nil { verdict.lacks("TCPTimeWaitOverflow", namespace) }
      let timeWaits = namespace.sockets?.states["TIME_WAIT"]
      let isFilling = limit.flatMap { limit in
        timeWaits.map { Double($0) >= Threshold.bucketsWarning * Double(limit) }
      }
      let isOver = rise ?? 0 > 0
      guard isOver || isFilling == true else { return }
      var seen: [Text] = []
      if let rise, rise > 0 {
        seen.append("\(counted(rise, "connection")) lost the TIME_WAIT in \(span(facts.watchedSeconds))")
      }
      if let timeWaits {
        seen.append(
          "\(counted(timeWaits, "TIME_WAIT"))" + (limit.map { ", \(text($0)) are allowed" } ?? ""))
      }
      verdict.sightings.append(
        Sighting(
          severity: .warning, netns: namespace.inode, subject: .setting("tcp_max_tw_buckets"), seen: seen,
          figures: [
            .init("lost_time_waits", rise), .init("time_waits", timeWaits),
            .init("limit", limit),
          ],
          settings: [higherLimit(namespace, limit, facts)], certainty: .certain,
          grounds: isOver ? "the kernel counts each" : "the kernel's own count and limit",
          unknown: [limit == nil ? "tcp_max_tw_buckets" : nil, rise == nil ? "TCPTimeWaitOverflow" : nil]
            .compactMap(\.self)))
    })

  static let bucketsLowered = Rule(
    id: "buckets_lowered", title: "tcp_max_tw_buckets is lowered",
    meaning: """
      The limit exists against denial of service only. Lowered, it takes TIME_WAITs away from connections that \
      need them as soon as it is reached; it saves nothing but memory that is not missed.
      """,
    remedies: ["if it was lowered to have fewer TIME_WAITs: close fewer connections from this end instead"],
    evidence: ["tcp_max_tw_buckets", "tcp_ehash_entries (Linux 6.1)"],
    sources: [
      "Documentation/networking/ip-sysctl.rst: \"you _must_ not lower the limit artificially\"",
      "743e481580b4 (the default is half of tcp_ehash_entries)",
    ],
    judge: inEach { facts, namespace, verdict in
      guard let limit = namespace.setting("tcp_max_tw_buckets") else {
        return verdict.lacks("tcp_max_tw_buckets", namespace)
      }
      guard let usual = namespace.usualBuckets else {
        return verdict.lacks("tcp_ehash_entries, and with it the default of tcp_max_tw_buckets,", namespace)
      }
      guard limit < usual else { return }
      verdict.sightings.append(
        Sighting(
          severity: .warning, netns: namespace.inode, subject: .setting("tcp_max_tw_buckets"),
          seen: ["tcp_max_tw_buckets is \(text(limit)); \(text(usual)) is the default of this machine"],
          figures: [.init("limit", limit), .init("default", usual)],
          settings: [higherLimit(namespace, limit, facts)], certainty: .certain,
          grounds: "the default follows from the size of the kernel's table of connections"))
    })

  private static func higherLimit(
    _ namespace: NamespaceFacts, _ limit: Int?, _ facts: Facts
  ) -> Finding.Setting {
    let usual = namespace.usualBuckets
    let wanted = [usual, limit.map { $0 * 2 }].compactMap(\.self)
    // Up to the default if it was lowered, else to twice as many.
    let value = usual.flatMap { usual in limit.map { $0 < usual ? usual : $0 * 2 } } ?? wanted.last
    let memory: Text? = value.flatMap { value in
      facts.timeWaitSocketBytes.ipv4.map { " (\(size(UInt64(value * $0))) if all are used)" }
    }
    return Finding.Setting(
      "tcp_max_tw_buckets", helps: true, "raise it, never lower it" + (memory ?? ""),
      command: value.map { "sysctl -w net.ipv4.tcp_max_tw_buckets=\($0)" })
  }
}

extension NamespaceFacts {
  /// What tcp_max_tw_buckets is if nobody has changed it: half of the table, which a namespace without a table of its
  /// own shows as a negative number. Source: tcp_set_hashinfo(), net/ipv4/tcp_ipv4.c.
  fileprivate var usualBuckets: Int? {
    setting("tcp_ehash_entries").flatMap { $0 == 0 ? nil : Int(min($0.magnitude, 1 << 40)) / 2 }
  }
}
