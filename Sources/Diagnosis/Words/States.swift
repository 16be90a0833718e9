import Events
import Language

/// Every state of RFC 9293, 3.3.2, under the names that Linux gives them.
public enum States {
  public static let all = [
    listen, synSent, synReceived, established, finWait1, finWait2, closeWait, closing, lastAck, timeWait,
    closed,
  ]

  /// In any case, with `-`, `_` or neither; nil: there is no such state.
  public static func named(_ text: String) -> StateExplanation? {
    func plain(_ name: String) -> String { name.uppercased().filter { $0 != "-" && $0 != "_" && $0 != " " } }
    let wanted = plain(text)
    return all.first { ([$0.name] + $0.aliases).contains { plain($0) == wanted } }
  }

  private static let sysctlDocument = "Documentation/networking/ip-sysctl.rst"

  private static let listen = StateExplanation(
    name: "LISTEN",
    summary: "A server waits for connections.",
    entered: "listen() on a socket that is bound to a port.",
    responsible: "The process that has the listening socket; after fork() several.",
    ends: "The last descriptor is closed. Connections that wait in its queue are reset then.",
    helps: [
      "an accept() loop that nothing blocks: Recv-Q of ss -ltn is how many connections wait, Send-Q how many may",
      "a larger backlog in listen(), and net.core.somaxconn no smaller",
    ],
    doesNotHelp: ["tcp_max_syn_backlog, when it is the accept queue that is full"],
    sources: ["RFC 9293, 3.3.2", "\(sysctlDocument): somaxconn"])

  private static let synSent = StateExplanation(
    name: "SYN_SENT",
    summary: "A client has sent its SYN and has no answer yet.",
    entered: "connect().",
    responsible: "The process that called connect(); but what is wrong is on the way, or at the server.",
    ends: "The answer comes (ESTABLISHED), a reset comes (ECONNREFUSED), or the retries are over (ETIMEDOUT).",
    helps: [
      "find out who drops the SYN: a firewall, a wrong address, a server whose accept queue is full",
      "tcp_syn_retries, lower, makes connect() fail earlier; a time limit in the program does so too",
    ],
    doesNotHelp: ["tcp_tw_reuse: a local port was found already"],
    sources: ["RFC 9293, 3.5", "\(sysctlDocument): tcp_syn_retries"])

  private static let synReceived = StateExplanation(
    name: "SYN_RECV", aliases: ["SYN_RECEIVED", "SYN_RCVD", "NEW_SYN_RECV"],
    summary: "A server has answered a SYN and waits for the last packet of the handshake.",
    entered: "A SYN comes for a listening port. No process has a part in it yet.",
    responsible:
      "The client, or whoever sends in its name. Many at once are a flood, or a server that accepts too slowly.",
    ends: "The last packet comes (ESTABLISHED, in the accept queue), or the retries are over.",
    helps: [
      "tcp_syncookies=1, the default: a full queue refuses nobody then",
      "tcp_max_syn_backlog with net.core.somaxconn and the backlog of listen(), for honest bursts",
      "tcp_synack_retries, lower: those who never answer are forgotten earlier",
    ],
    doesNotHelp: ["tcp_fin_timeout", "tcp_tw_reuse"],
    sources: ["RFC 9293, 3.5", "\(sysctlDocument): tcp_syncookies, tcp_max_syn_backlog, tcp_synack_retries"])

  private static let established = StateExplanation(
    name: "ESTABLISHED", aliases: ["ESTAB"],
    summary: "The connection is open in both directions.",
    entered: "The handshake is over. At a server the connection may still wait for accept().",
    responsible: "The process that has the socket; before accept() the one with the listener.",
    ends: "One end closes (FIN_WAIT1 there, CLOSE_WAIT here), or a reset ends it.",
    helps: [
      "SO_KEEPALIVE, where the peer may have vanished: without it an idle connection stays for ever",
      "TCP_USER_TIMEOUT, where data may stay unanswered",
    ],
    doesNotHelp: ["tcp_keepalive_time without SO_KEEPALIVE: the program must ask for it"],
    sources: ["RFC 9293, 3.3.2 and 3.8.4", "\(sysctlDocument): tcp_keepalive_time, tcp_retries2"])

  private static let finWait1 = StateExplanation(
    name: "FIN_WAIT1", aliases: ["FIN_WAIT_1"],
    summary: "This end has sent its FIN, or has data to send before it, and it is not acknowledged yet.",
    entered: "close(), shutdown() or the end of the process, on this end first.",
    responsible:
      "The process on this end that closed. If it lasts: the peer takes no data, or does not answer.",
    ends: "The FIN is acknowledged (FIN_WAIT2), the peer's FIN comes first (CLOSING), or the retries are over.",
    helps: [
      "look at the peer: a window of 0 is an application that does not read",
      "tcp_orphan_retries, lower, for peers that are gone; tcp_max_orphans bounds them all",
    ],
    doesNotHelp: ["tcp_fin_timeout: it begins with FIN_WAIT2"],
    sources: ["RFC 9293, 3.6", "\(sysctlDocument): tcp_orphan_retries, tcp_max_orphans"])

  private static let finWait2 = StateExplanation(
    name: "FIN_WAIT2", aliases: ["FIN_WAIT_2"],
    summary: "This end has closed, the peer knows, and the peer has not closed.",
    entered: "The peer acknowledges this end's FIN.",
    responsible: "The peer: it holds a CLOSE_WAIT, and its process does not close.",
    ends:
      "The peer's FIN comes (TIME_WAIT). If the socket is closed: after tcp_fin_timeout. If it is only shut down: never by itself.",
    helps: [
      "tcplinger leaks on the peer's host: it names the process that does not close",
      "tcp_fin_timeout, lower, for closed sockets; TCP_LINGER2 for one socket",
    ],
    doesNotHelp: ["tcp_fin_timeout for a socket that is only shut down", "tcp_tw_reuse"],
    sources: ["RFC 9293, 3.6", "\(sysctlDocument): tcp_fin_timeout", "tcp(7): TCP_LINGER2"])

  private static let closeWait = StateExplanation(
    name: "CLOSE_WAIT",
    summary: "The peer has closed and this end has not.",
    entered: "The peer's FIN comes. No process here has a part in it.",
    responsible:
      "The process here that has the socket open: it must close it. Before accept() the one with the listener.",
    ends: "This end closes (LAST_ACK), its process ends, or a reset comes. It has no time limit.",
    helps: [
      "tcplinger leaks: the process, its descriptors, and how far it has read",
      "mend the program: read until the end of file, and close() then, on every path",
      "restart the process, to have the descriptors back until it is mended",
    ],
    doesNotHelp: [
      "tcp_fin_timeout, tcp_tw_reuse, tcp_max_tw_buckets: they are about other states",
      "tcp_keepalive_time: the peer's kernel still answers",
    ],
    sources: ["RFC 9293, 3.6 and 3.10.4"])

  private static let closing = StateExplanation(
    name: "CLOSING",
    summary: "Both ends have closed at the same moment, and this end's FIN is not acknowledged yet.",
    entered: "The peer's FIN comes in FIN_WAIT1.",
    responsible: "Nobody in particular: both closed.",
    ends: "The acknowledgement comes (TIME_WAIT, at both ends).",
    helps: ["nothing is needed; if many stay, packets are lost on the way"],
    doesNotHelp: ["tcp_fin_timeout: it is about FIN_WAIT2"],
    sources: ["RFC 9293, 3.6"])

  private static let lastAck = StateExplanation(
    name: "LAST_ACK",
    summary: "The peer closed first, this end has closed now, and its FIN is not acknowledged yet.",
    entered: "close(), shutdown() or the end of the process in CLOSE_WAIT.",
    responsible: "The process has done its part. If it lasts: the peer does not answer.",
    ends: "The acknowledgement comes, and nothing is left: no TIME_WAIT at this end. Or the retries are over.",
    helps: ["tcp_orphan_retries, lower, for peers that are gone"],
    doesNotHelp: ["tcp_fin_timeout: it is about FIN_WAIT2"],
    sources: ["RFC 9293, 3.6", "\(sysctlDocument): tcp_orphan_retries"])

  private static let timeWait = StateExplanation(
    name: "TIME_WAIT", aliases: ["TIMEWAIT"],
    summary:
      "The connection is over; its addresses and ports are kept for 60 s, so that a late packet meets no other.",
    entered:
      "This end sent the first FIN, and the peer's has come. In a simultaneous close both ends get here.",
    responsible:
      "The process that closed first. It is gone from the socket: tcplinger trace names it as it happens.",
    ends:
      "After 60 s, a constant of the kernel; earlier if connect() reuses the port (tcp_tw_reuse), or a new SYN of the same client comes.",
    helps: [
      "fewer connections: a pool, HTTP keep-alive",
      "the other end closes first: the TIME_WAIT is there then",
      "a client that runs out of ports: more addresses, tcp_tw_reuse=1 with timestamps, a wider ip_local_port_range",
      "tcplinger doctor says how full the ports are, and what fits",
    ],
    doesNotHelp: [
      "tcp_fin_timeout: it is about FIN_WAIT2",
      "tcp_tw_reuse for a server: it is for outgoing connections only",
      "tcp_max_tw_buckets, lowered: it takes the protection away, and mends nothing",
      "tcp_tw_recycle: gone since Linux 4.12; it broke clients behind NAT",
      "SO_LINGER with 0: a reset, which can lose data",
    ],
    sources: [
      "RFC 9293, 3.6.1", "TCP_TIMEWAIT_LEN, include/net/tcp.h",
      "\(sysctlDocument): tcp_tw_reuse, tcp_max_tw_buckets",
      "4396e46187ca (tcp: remove tcp_tw_recycle)",
    ])

  private static let closed = StateExplanation(
    name: "CLOSE", aliases: ["CLOSED", "UNCONN"],
    summary: "No connection: a socket that is not connected yet, or not any more.",
    entered: "socket(), a reset, or the end of a connection.",
    responsible: "The process that has the socket, if one has.",
    ends: "connect(), listen() or close().",
    helps: ["close() what is not used: a reset connection keeps its descriptor until then"],
    doesNotHelp: ["any setting"],
    sources: ["RFC 9293, 3.3.2"])
}
