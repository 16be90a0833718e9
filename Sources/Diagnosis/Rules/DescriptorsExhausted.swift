import Events
import Language

extension Rule {
  static let descriptorsExhausted = Rule(
    id: "descriptors_exhausted", title: "A process is out of descriptors",
    meaning: """
      It has as many descriptors open as it may have: accept(), open() and socket() fail with EMFILE. Connections that \
      it cannot accept wait in its accept queue, and fill it.
      """,
    remedies: [
      "find what it holds: ls -l /proc/PID/fd, tcplinger leaks, tcplinger census --by process",
      "raise its limit, if it needs as many: LimitNOFILE= of the unit, ulimit -n, worker_rlimit_nofile of nginx",
    ],
    settings: [
      .init(
        "fs.file-max", helps: false, "it is for the whole host; the limit that is reached is the process's own"),
      .init(
        "net.core.somaxconn", helps: false,
        "a longer queue makes clients wait longer for an accept() that fails"),
    ],
    evidence: ["/proc/PID/fd and /proc/PID/limits of processes with TCP sockets, at the end of the watch"],
    sources: ["getrlimit(2): RLIMIT_NOFILE", "accept(2): EMFILE"],
    judge: { facts in
      Verdict(
        sightings: facts.exhausted.map { process, reading in
          var held: [Text] = []
          for leak in facts.leaks where leak.group.process?.identity == process.identity {
            guard let reason = leak.group.reason, leak.group.takesDescriptors else { continue }
            held.append("\(counted(leak.group.count, "connection")) in CLOSE_WAIT (\(reason.rawValue))")
          }
          let open = facts.acceptors.values.compactMap { $0[process] }.reduce(0, +)
          if open > 0 { held.append("\(counted(open, "accepted connection"))") }
          let limit = reading.descriptorLimit ?? 0
          return Sighting(
            severity: .critical, subject: .process,
            seen: ["\(text(reading.descriptorsOpen)) of \(text(limit)) descriptors are open"]
              + (held.isEmpty ? [] : ["among them " + held.joined(separator: ", ")]),
            figures: [
              .init("descriptors_open", reading.descriptorsOpen), .init("descriptor_limit", limit),
            ], actors: [.init(process, "is out of descriptors")], certainty: .certain,
            grounds: "its open descriptors and its limit are the kernel's own figures")
        })
    })
}
