import Stage
import Testing

/// Real sockets in processes of their own, and a tracer beside them. Each test compares what the tracer
/// says with what the processes did. One test at a time: the kernel is shared.
@Suite(.serialized) struct KernelTests {}

extension Trait where Self == ConditionTrait {
  /// What no kernel does otherwise: it is not played again in an emulated machine, where everything takes ten times as long.
  static var onceIsEnough: Self { .disabled(if: Machine.isEmulated, "the same on every kernel") }
}

extension Array {
  /// In an emulated machine the first and the last are enough.
  var sampled: [Element] { Machine.isEmulated && count > 2 ? [self[0], self[count - 1]] : self }
}

/// Connections that were closed and have not come to their TIME_WAIT, by the kernel's own account: where a machine is
/// emulated, one in some thousands stays so.
func unfinished(in home: Player) throws -> Int {
  let list = try Child(
    in: home, Programs.system("ss", package: "iproute2"),
    ["-tanH", "state", "fin-wait-1", "state", "fin-wait-2", "state", "closing"])
  guard try list.end() == .status(0) else { throw Failure("ss failed; \(list.report())") }
  return list.output.lines.count
}
