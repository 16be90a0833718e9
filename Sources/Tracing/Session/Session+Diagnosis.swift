import BPF
import CSystem
import CWire
import Events
import System

/// What is asked of the kernel by NETLINK_SOCK_DIAG, and of /proc: for a socket that is not where it was, and for all where
/// a program is refused.
extension Session {
  private func find(_ record: KernelOrigin) -> Diagnoses.Answer {
    diagnoses.find(record, cookie: hasCookie(record) ? record.socket : SocketDiagnosis.anyCookie)
  }

  private func hasCookie(_ record: KernelOrigin) -> Bool {
    plan.isTyped || diagnoses.seeded.contains(record.socket)
  }

  /// Is its TIME_WAIT told by the program on states, which knows the same connection by another key?
  private func isToldByAnother(_ record: KernelOrigin) -> Bool {
    !plan.isTyped && diagnoses.seeded.contains(record.socket) && !record.isTimeWaitSocket
  }

  /// Connections whose socket is gone, though no program saw it go.
  func askFor(
    _ gone: [KernelOrigin], minAge: UInt64, program: KernelProgram, _ body: (KernelOrigin) -> Void
  ) throws {
    func settle(_ record: KernelOrigin, found: UInt32) throws {
      try object.run(program.name, over: [record.socket], found: found) { _ in }
    }
    for record in gone {
      switch find(record) {
      case .found(let socket) where socket.tcpState == .timeWait:
        try settle(record, found: isToldByAnother(record) ? .max : UInt32(TCPState.timeWait.rawValue))
      case .found(let socket): hand(record, socket, minAge: minAge, body)
      case .none where record.isTimeWaitSocket:
        // No program knew of the time_wait socket.
        try settle(record, found: .max)
      case .none, .unknown:
        try settle(record, found: .max)
        if ledger.hasTold(record.socket) { tellEnd(record) } else { rounds.unconfirmed += 1 }
      }
    }
  }

  /// The same of all, where no program looks.
  func askForAll(_ keys: [UInt64], minAge: UInt64, _ body: (KernelOrigin) -> Void) throws {
    let wanted = Set(keys)
    var records: [KernelOrigin] = []
    try object.forEachElement(of: "connections") { key, value in
      guard wanted.contains(key.unsafeLoadUnaligned(as: UInt64.self)), KernelOrigin.isEnding(value) else {
        return
      }
      if let record = decode(value) { records.append(completed(record)) }
    }
    for record in records {
      // No reset was sent.
      if record.isOver {
        if record.timeNanoseconds &- record.sinceNanoseconds > 1_000_000_000 { _ = take(record) }
        continue
      }
      switch find(record) {
      case .unknown: break
      case .found(let socket) where socket.tcpState == .timeWait:
        guard take(record), !isToldByAnother(record) else { continue }
        guard !settings.countsOnly else {
          note(1, .counts)
          continue
        }
        var record = record
        record.kind = .timeWait
        enter(record)
      case .found(let socket): hand(record, socket, minAge: minAge, body)
      case .none:
        guard take(record) else { continue }
        if record.kind == .closeWait {
          if ledger.hasTold(record.socket) { tellEnd(record) }
        } else if !(record.isTimeWaitSocket && plan.timeWaitSocket != nil) {
          rounds.unconfirmed += 1
        }
      }
    }
  }

  private func take(_ record: KernelOrigin) -> Bool {
    _ = object.take(record.socket, from: "openers")
    return object.take(record.socket, from: "connections")
  }

  /// With who accepted it, and as of now.
  private func completed(_ record: KernelOrigin) -> KernelOrigin {
    var record = record
    record.timeNanoseconds = Host.bootNanoseconds
    if record.openerSource == .none,
      let opener = object.value(at: record.socket, in: "openers", or: wire_opener())
    {
      record.setOpener(opener)
    }
    return record
  }

  /// No program saw its end: the cause is not known.
  private func tellEnd(_ record: KernelOrigin) {
    var record = record
    record.kind = .closeWaitEnd
    (record.bytesSent, record.bytesReceived) = (nil, nil)
    enter(record)
  }

  /// Hands out a connection that has waited long enough, with the state of its socket.
  private func hand(
    _ record: KernelOrigin, _ socket: DiagnosedSocket, minAge: UInt64, _ body: (KernelOrigin) -> Void
  ) {
    var record = record
    guard record.timeNanoseconds &- record.sinceNanoseconds >= minAge else { return }
    switch socket.tcpState {
    case .closeWait:
      record.kind = .closeWait
      // The peer's FIN counts as one byte that is not read, and as one that was received.
      record.unreadBytes = socket.receive_queue > 0 ? socket.receive_queue - 1 : 0
      record.unsentBytes = socket.send_queue
      record.reason =
        socket.inode == 0
        ? .notAccepted
        : socket.receive_queue > 1 ? .dataUnread : socket.receive_queue == 1 ? .eofUnread : .eofRead
    case .finWait2:
      guard settings.states.contains(.finWait2) else { return }
      record.kind = .finWait2
    default: return
    }
    if socket.has_counts {
      record.bytesSent = socket.bytes_sent - min(socket.bytes_retransmitted, socket.bytes_sent)
      record.bytesReceived =
        record.kind == .closeWait && socket.bytes_received > 0
        ? socket.bytes_received - 1 : socket.bytes_received
    }
    body(record)
  }

  /// Sockets that end, of before the tracer. Where the programs have no cookies they know them by other keys: those that
  /// they have met are left out.
  func seedByDiagnosis(_ netns: UInt32) throws {
    let states: [TCPState] = [.finWait1, .finWait2, .closeWait, .closing]
    var sockets: [DiagnosedSocket] = []
    diagnoses.forEachSocket(of: netns, states: states) { sockets.append($0) }
    var known: Set<Connection> = []
    if !plan.isTyped {
      try object.forEachElement(of: "connections") { _, value in
        if KernelOrigin.isEnding(value), let record = decode(value) { known.insert(record.connection) }
      }
    }
    for socket in sockets where !known.contains(socket.connection(netns: netns)) {
      let isCloseWait = socket.tcpState == .closeWait
      var origin = wire_origin()
      origin.key = socket.cookie
      origin.kind = UInt8((isCloseWait ? WIRE_CLOSE_WAIT : WIRE_FIN_WAIT2).rawValue)
      origin.phase = socket.is_time_wait ? WIRE_PHASE_TIME_WAIT_SOCKET.rawValue : WIRE_PHASE_ENDING.rawValue
      origin.family = socket.family
      origin.mapped = socket.connection(netns: netns).isMapped ? 1 : 0
      (origin.local_address, origin.peer_address) = (socket.local_address, socket.peer_address)
      (origin.local_port, origin.peer_port) = (socket.local_port, socket.peer_port)
      (origin.netns, origin.interface) = (netns, socket.interface)
      origin.since_ns = Host.bootNanoseconds - UInt64(socket.since_last_ack_ms) * 1_000_000
      origin.approximate_since = 1
      origin.no_byte_counts = socket.is_time_wait ? 1 : 0
      origin.role = socket.role
      if !isCloseWait && !socket.is_time_wait && socket.inode != 0 {
        origin.cause = UInt8(WIRE_CAUSE_SHUTDOWN.rawValue)
      }
      if object.add(origin, at: socket.cookie, to: "connections") { diagnoses.seeded.insert(socket.cookie) }
    }
  }

  /// The holders of each CLOSE_WAIT, and the listener of each connection that is not accepted, if there is only one.
  func findHoldersInProc(_ body: (KernelHolder) -> Void) throws {
    var keys: [Connection: UInt64] = [:]
    try object.forEachElement(of: "connections") { _, value in
      guard KernelOrigin.isEnding(value), let record = decode(value), record.kind == .closeWait else { return }
      keys[record.connection] = record.socket
    }
    guard !keys.isEmpty else { return }
    var owned: [UInt32: [(key: UInt64, queue: AcceptQueue?)]] = [:]
    for netns in diagnoses.namespaces {
      var listeners: [DiagnosedSocket] = []
      diagnoses.forEachSocket(of: netns, states: [.listen]) { listeners.append($0) }
      diagnoses.forEachSocket(of: netns, states: [.closeWait]) { socket in
        guard let key = keys[socket.connection(netns: netns)] else { return }
        if socket.inode != 0 { return owned[socket.inode, default: []].append((key, nil)) }
        let candidates = listeners.filter { $0.accepts(socket) }
        // Several may share a port: which of them has it is not known.
        guard candidates.count == 1, let listener = candidates.first else { return }
        let queue = AcceptQueue(length: listener.receive_queue, limit: listener.send_queue)
        owned[listener.inode, default: []].append((key, queue))
      }
    }
    OpenSockets.forEach { descriptor in
      let process = Process(descriptor)
      for (key, queue) in owned[descriptor.inode, default: []] {
        body(
          KernelHolder(
            socket: key,
            holder: Holder(process: process, descriptor: descriptor.number, parent: descriptor.parent),
            queue: queue))
      }
    }
  }
}
