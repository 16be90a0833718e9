import Events
import Language

/// What is said of one process, or of all processes of one service where a person would not read the lines of each.
struct Gathered<Element> {
  var elements: [Element]
  /// One of them, if there are several.
  var process: Process?
  var processes: Int
  /// The container or the unit that they are of; nil: it is one process.
  var service: String?

  func actor(_ part: Text) -> Finding.Actor {
    var actor = Finding.Actor(service == nil ? process : nil, part)
    (actor.service, actor.processes) = (service, processes)
    return actor
  }
}

/// So many processes of one service are named one by one.
private let mostAlone = 3

extension Collection {
  /// By process. Those of a container or unit that more than three are of stand together.
  func gathered(by process: (Element) -> Process?) -> [Gathered<Element>] {
    let byProcess = Dictionary(grouping: self) { process($0)?.identity }.values.map { elements in
      Gathered(elements: elements, process: process(elements[0]), processes: 1)
    }
    return Dictionary(grouping: byProcess) { $0.process?.context?.service }.flatMap { service, alone in
      guard let service, alone.count > mostAlone else { return alone }
      return [
        Gathered(
          elements: alone.flatMap(\.elements), process: alone[0].process, processes: alone.count,
          service: service)
      ]
    }
  }
}

extension Sequence {
  /// Most first; of equals the lowest pid.
  func most<Item>(by count: (Gathered<Item>) -> Int) -> [Gathered<Item>] where Element == Gathered<Item> {
    map { (gathered: $0, count: count($0)) }.filter { $0.count > 0 }.sorted {
      ($1.count, $0.gathered.process?.pid ?? 0) < ($0.count, $1.gathered.process?.pid ?? 0)
    }.map(\.gathered)
  }
}

extension Finding.Actor {
  func isOf<Element>(_ some: Gathered<Element>) -> Bool {
    some.service != nil
      ? service == some.service : process?.identity == some.process?.identity && service == nil
  }
}
