import Stage
import Testing

/// One tracer for the tests of a suite, or the cases of a test: to start it takes longer than most of them do. Each asks
/// for the events of its own connections. After the last one it has to end as any other, with nothing lost.
struct SharedTracer: SuiteTrait, TestTrait, TestScoping {
  let options: [String]

  /// - Safety: one test at a time, so one thread at a time uses it.
  private struct Running: @unchecked Sendable {
    let tracer: Tracer
  }

  @TaskLocal private static var running: Running?

  static var current: Tracer {
    get throws {
      guard let running else { throw Failure("this test shares no tracer") }
      return running.tracer
    }
  }

  /// For all that has the trait, not for each case of it.
  func scopeProvider(for test: Test, testCase: Test.Case?) -> SharedTracer? {
    testCase == nil ? self : nil
  }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    let tracer = try Tracer(options)
    try await Self.$running.withValue(Running(tracer: tracer)) { try await function() }
    try tracer.stop()
  }
}

extension Trait where Self == SharedTracer {
  static func traced(_ options: String...) -> SharedTracer { SharedTracer(options: options) }
}
