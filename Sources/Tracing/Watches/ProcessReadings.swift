import Diagnosis
import Events
import System

/// What /proc says of processes at the end of the watch, beside what it said before.
public struct ProcessReadings {
  private let before: [UInt32: (startTicks: UInt64, open: Int)]

  public init(before: [UInt32: (startTicks: UInt64, open: Int)]) { self.before = before }

  public func reading(of process: Process) -> ProcessReading? {
    guard PidNamespace.isInitial, let facts = ProcessFacts(pid: process.pid),
      let now = Descriptors(pid: process.pid, startedNanoseconds: process.startedNanoseconds)
    else { return nil }
    let earlier = before[process.pid].flatMap { earlier in
      Descriptors.isOf(startTicks: earlier.startTicks, startedNanoseconds: process.startedNanoseconds)
        ? earlier.open : nil
    }
    return ProcessReading(
      state: facts.state, program: Program(of: process), descriptorsOpen: now.open, descriptorsBefore: earlier,
      descriptorLimit: now.limit)
  }

  /// Those that have as many descriptors as they may have.
  public func exhausted(among processes: [Process]) -> [(process: Process, reading: ProcessReading)] {
    processes.compactMap { process in
      guard let reading = reading(of: process), reading.isExhausted else { return nil }
      return (process, reading)
    }
  }
}

extension Program {
  /// nil where /proc has another process under this number, or none.
  public init?(of process: Process) {
    // In another pid namespace it has others.
    guard PidNamespace.isInitial, let facts = ProcessFacts(pid: process.pid),
      Descriptors.isOf(startTicks: facts.startTicks, startedNanoseconds: process.startedNanoseconds)
    else { return nil }
    self.init(
      executable: Executable.path(pid: process.pid)?.split(separator: "/").last.map(String.init),
      commandLine: ProcessFiles.commandLine(pid: process.pid).map { [String](commandLine: $0) },
      isGo: Executable.isGo(pid: process.pid))
  }
}
