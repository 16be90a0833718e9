import Events
import Language

extension Rule {
  static let tooManyOrphans = Rule(
    id: "orphans", title: "Too many orphans: closed connections whose peer does not answer",
    meaning: """
      After close() the kernel goes on with what is left to send. Beyond tcp_max_orphans it resets such \
      connections, and what was not sent is lost. Each takes up to 64 kB that cannot be swapped.
      """,
    remedies: [
      "find the peers that take no data, or do not close: ss -tn state fin-wait-1, state last-ack, state closing"
    ],
    settings: [
      .init(
        "tcp_fin_timeout", helps: false,
        "those in FIN_WAIT2 for up to 60 s become time_wait sockets, which count as TIME_WAITs and not as orphans"
      )
    ],
    evidence: ["orphan in /proc/net/sockstat", "tcp_max_orphans", "TCPAbortOnMemory in /proc/net/netstat"],
    sources: [
      "Documentation/networking/ip-sysctl.rst: tcp_max_orphans, tcp_orphan_retries",
      "tcp_out_of_resources(), net/ipv4/tcp_timer.c; tcp_check_oom(), net/ipv4/tcp.c",
    ],
    judge: { facts in
      var verdict = Verdict()
      let rises = facts.namespaces.map { namespace in
        let rise = namespace.rise("TcpExt.TCPAbortOnMemory")
        if rise == nil { verdict.lacks("TCPAbortOnMemory", namespace) }
        return rise
      }
      let reset = rises.compactMap(\.self).reduce(0, +)
      if facts.orphans == nil { verdict.notKnown.append("orphans in /proc/net/sockstat") }
      if facts.maxOrphans == nil { verdict.notKnown.append("tcp_max_orphans") }
      let isFilling = facts.orphans.flatMap { orphans in
        facts.maxOrphans.map { Double(orphans) >= Threshold.orphansWarning * Double($0) }
      }
      guard reset > 0 || isFilling == true else { return verdict }
      var seen: [Text] = []
      if reset > 0 {
        seen.append(
          "\(counted(reset, "connection")) reset because of too many orphans or too little memory, in \(span(facts.watchedSeconds))"
        )
      }
      if let orphans = facts.orphans {
        seen.append(
          "\(counted(orphans, "orphan"))" + (facts.maxOrphans.map { ", \(text($0)) are allowed" } ?? ""))
      }
      verdict.sightings.append(
        Sighting(
          severity: reset > 0 ? .critical : .warning, netns: nil, seen: seen,
          figures: [
            .init("reset", reset), .init("orphans", facts.orphans),
            .init("limit", facts.maxOrphans),
          ],
          settings: [
            .init(
              "tcp_max_orphans", helps: true,
              "for the whole host; it takes memory, and lowering it only resets more",
              command: facts.maxOrphans.map { "sysctl -w net.ipv4.tcp_max_orphans=\($0 * 2)" }),
            .init("tcp_orphan_retries", helps: true, "lower, peers that do not answer are given up earlier"),
          ],
          certainty: .certain,
          grounds: "the kernel's own count; from a quarter of the limit on it resets the worst ones",
          unknown: facts.maxOrphans == nil ? ["tcp_max_orphans"] : []))
      return verdict
    })
}
