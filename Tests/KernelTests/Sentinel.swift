import Stage

/// What must not come cannot be waited for. So one more connection goes through every state that is
/// reported; once its events are there, those of earlier connections would have come as well.
extension Tracer {
  func passSentinel(waitingStates: Bool = true) throws {
    let talk = try Conversation(sentinel.get(), sentinel.get())
    try talk.client.close()
    try talk.client.awaitTabledState(.finWait2)
    if waitingStates {
      _ = try event("close_wait", of: talk.server)
      _ = try event("fin_wait2", of: talk.client)
    }
    try talk.server.close()
    _ = try event("time_wait", of: talk.client)
  }
}
