import Events
import Language
import Testing

@testable import Diagnosis

@Suite struct `Who has a part in a finding` {
  private func process(_ pid: UInt32, _ unit: String?) -> Process {
    var process = Process(pid: pid, tid: pid, comm: Comm("worker"), startedNanoseconds: UInt64(pid))
    process.context = ProcessContext(
      comm: Comm("worker"), cgroup: unit.map { Cgroup(path: "/system.slice/\($0)", units: [$0]) })
    return process
  }

  private func flow(_ pid: UInt32, _ unit: String?, count: Int) -> Flow {
    let service = Endpoint(address: Address(ipv4: 10, 0, 0, 5), port: 80)
    return Flow(
      netns: 1, process: process(pid, unit), role: .client, family: .ipv4, local: Address(ipv4: 10, 0, 0, 1),
      service: service, count: count)
  }

  @Test func `is a service where more than three of its processes have one`() {
    let flows = (1...6).map { flow($0, "shop.service", count: 10) } + [flow(20, "other.service", count: 100)]
    let actors = Flow.actors(flows)
    #expect(actors.map(\.service) == [nil, "shop.service"])
    #expect(actors.map(\.processes) == [1, 6])
    #expect(actors.map(\.process?.pid) == [20, nil])
    #expect(actors.map(\.part.description) == ["100 TIME_WAITs as the client", "60 TIME_WAITs as the client"])
  }

  @Test func `is each process where they are three, or of no service`() {
    let flows = (1...3).map { flow($0, "shop.service", count: 10) } + (11...15).map { flow($0, nil, count: 1) }
    let actors = Flow.actors(flows)
    #expect(actors.allSatisfy { $0.service == nil && $0.process != nil })
    #expect(actors.prefix(3).map(\.process?.pid) == [1, 2, 3])
  }
}
