import Events
import Language

extension Rule {
  static let twRecycle = Rule(
    id: "tw_recycle", title: "tcp_tw_recycle is on",
    meaning: """
      The server drops SYNs whose timestamp is older than the last it saw from that address: behind NAT, clients \
      share an address and not a clock, so some of them cannot connect.
      """,
    remedies: ["turn it off; Linux 4.12 has removed it"],
    evidence: ["tcp_tw_recycle"],
    sources: ["4396e46187ca (tcp: remove tcp_tw_recycle)"],
    judge: inEach { _, namespace, verdict in
      // Where it is not there, all is well: no fact is missing.
      guard let value = namespace.setting("tcp_tw_recycle"), value != 0 else { return }
      verdict.sightings.append(
        Sighting(
          severity: .critical, netns: namespace.inode, subject: .setting("tcp_tw_recycle"),
          seen: ["tcp_tw_recycle is \(value)"], figures: [.init("tcp_tw_recycle", value)],
          settings: [
            .init(
              "tcp_tw_recycle", helps: true, "off, as it is by default",
              command: "sysctl -w net.ipv4.tcp_tw_recycle=0")
          ],
          certainty: .certain, grounds: "it is what the setting does"))
    })

  static let reuseWithoutTimestamps = Rule(
    id: "reuse_without_timestamps", title: "tcp_tw_reuse is on and cannot work",
    meaning: "connect() reuses a TIME_WAIT only if the connection had timestamps, and they are turned off.",
    remedies: ["turn timestamps on, unless something on the way cannot bear them"],
    evidence: ["tcp_tw_reuse", "tcp_timestamps"],
    sources: ["tcp_twsk_unique(), net/ipv4/tcp_ipv4.c", "RFC 6191"],
    judge: inEach { _, namespace, verdict in
      guard let timestamps = namespace.setting("tcp_timestamps") else {
        return verdict.lacks("tcp_timestamps", namespace)
      }
      guard let reuse = namespace.setting("tcp_tw_reuse") else {
        return verdict.lacks("tcp_tw_reuse", namespace)
      }
      guard timestamps == 0, reuse != 0 else { return }
      verdict.sightings.append(
        Sighting(
          // 2 is the default, for loopback: not set on purpose.
          severity: reuse == 1 ? .warning : .note, netns: namespace.inode, subject: .setting("tcp_timestamps"),
          seen: ["tcp_tw_reuse is \(reuse), tcp_timestamps is 0"],
          figures: [.init("tcp_tw_reuse", reuse), .init("tcp_timestamps", 0)],
          settings: [
            .init(
              "tcp_timestamps", helps: true, "for connections that begin afterwards",
              command: "sysctl -w net.ipv4.tcp_timestamps=1")
          ],
          certainty: .certain, grounds: "the kernel asks for timestamps first", isCommon: reuse != 1))
    })

  static let rangeOverlapsListeners = Rule(
    id: "range_overlaps_listeners", title: "Services listen inside the range of local ports",
    meaning: """
      While the service runs, connect() cannot use its port. While it is down, for a restart, an outgoing connection \
      can take the port, and the service then fails to start with EADDRINUSE.
      """,
    remedies: ["move the service, or the range, or reserve the ports"],
    evidence: ["listening ports", "ip_local_port_range", "ip_local_reserved_ports"],
    sources: ["Documentation/networking/ip-sysctl.rst: ip_local_reserved_ports"],
    judge: inEach { _, namespace, verdict in
      guard let listeners = namespace.listeners else { return verdict.lacks("the listening ports", namespace) }
      guard let range = namespace.portRange else { return verdict.lacks("ip_local_port_range", namespace) }
      guard let reserved = namespace.reservedPorts else {
        return verdict.lacks("ip_local_reserved_ports", namespace)
      }
      let inside = Set(listeners.map(\.port)).filter { range.contains($0) }.sorted()
      guard !inside.isEmpty else { return }
      let shown = inside.prefix(10).map { "\($0)" }.joined(separator: ", ")
      verdict.sightings.append(
        Sighting(
          severity: .note, netns: namespace.inode, subject: .setting("ip_local_port_range"),
          seen: [
            "\(counted(inside.count, "listening port")) between \(range.ports.lowerBound) and \(range.ports.upperBound): \(shown)"
              + (inside.count > 10 ? ", …" : "")
          ],
          figures: [.init("ports", inside.count)],
          settings: [
            .init(
              "ip_local_reserved_ports", helps: true,
              "connect() and bind() to port 0 leave these out; the list replaces the one that is there",
              command: inside.count > 10
                ? nil : "sysctl -w net.ipv4.ip_local_reserved_ports=" + list(inside, reserved))
          ],
          certainty: .possible,
          grounds:
            "a listener that was given its port by the kernel (bind to port 0) belongs there, and cannot be told apart",
          isCommon: true))
    })

  /// The ports that are reserved now, and these.
  private static func list(_ ports: [UInt16], _ reserved: PortSet) -> String {
    PortSet(ports + (UInt16(1)...UInt16.max).filter { reserved.contains($0) }).description
  }
}
