import Events
import Language

extension LineBuffer {
  /// The pid, the name and what else is known of a process, as fields of an object that has begun: `"pid":1,"comm":…`.
  mutating func fields(_ process: Process?) {
    fields(pid: process?.pid, comm: process?.comm, process?.context)
  }

  mutating func fields(pid: UInt32?, comm: Comm?, _ context: ProcessContext?) {
    append("\"pid\":")
    if let pid { append(pid) } else { append("null") }
    key("comm")
    if let comm { append(json: comm) } else { append("null") }
    fields(context)
  }

  /// What is not known is null. Nothing at all, where nobody has looked.
  mutating func fields(_ context: ProcessContext?) {
    guard let context else { return }
    field("cmdline", context.commandLine?.joined(separator: " "))
    if context.isCommandCut { append(",\"cmdline_cut\":true") }
    field("exe", context.executable)
    field("user", context.user?.text)
    field("unit", context.unit)
    key("container")
    if let container = context.container {
      append("{\"id\":")
      append(json: container.id)
      field("name", container.name)
      field("runtime", container.runtime)
      append("}")
    } else {
      append("null")
    }
    key("pod")
    if let pod = context.pod {
      append("{\"name\":")
      if let name = pod.name { append(json: name) } else { append("null") }
      field("namespace", pod.namespace)
      field("uid", pod.uid)
      append("}")
    } else {
      append("null")
    }
  }

  /// What a process is, for a person: `python3 worker.py, unit billing.service, user billing`.
  ///
  /// - Parameter isWhole: the whole command line.
  /// - Returns: false if there is nothing to say.
  @discardableResult
  mutating func append(
    _ context: ProcessContext?, isWhole: Bool = false, in language: Language = .english
  ) -> Bool {
    let facts = context?.facts(isWhole: isWhole) ?? []
    append(escaping: facts.joined(separator: ", ").shown(in: language))
    return !facts.isEmpty
  }
}

extension ProcessContext {
  /// A command line of which no more is shown, unless all is asked for.
  private static let longestTitle = 80

  fileprivate func facts(isWhole: Bool) -> [Text] {
    var facts: [Text] = []
    if let title = title(isWhole: isWhole) { facts.append(Text(verbatim: title)) }
    // Of a container the unit is its id once more.
    if let unit, container.map({ !unit.contains($0.id) }) ?? true { facts.append("unit \(unit)") }
    if let container {
      facts.append(
        container.runtime.map { "container \(container.text) (\($0))" } ?? "container \(container.text)")
    }
    if let pod { facts.append("pod \(pod.text)") }
    if let user { facts.append("user \(user.text)") }
    return facts
  }

  private func title(isWhole: Bool) -> String? {
    // A process may have blanked its words: its program it cannot.
    guard let commandLine else { return executable }
    if isWhole { return commandLine.joined(separator: " ") + (isCommandCut ? "\u{2026}" : "") }
    return CommandTitle.of(commandLine).map {
      $0.count > Self.longestTitle ? $0.prefix(Self.longestTitle) + "\u{2026}" : $0
    }
  }
}

/// What contexts are in JSON, each made once: a process makes many events. Used on one thread.
final class ContextFields {
  private var made = [(context: ProcessContext, bytes: [UInt8])?](repeating: nil, count: 256)

  /// Appends the fields of `LineBuffer.fields`.
  func append(_ process: Process, to line: inout LineBuffer) {
    guard let context = process.context else { return }
    let place = Int(process.pid % 256)
    if let known = made[place], known.context === context { return line.append(known.bytes) }
    let start = line.count
    line.fields(context)
    made[place] = (context, line.bytes(from: start))
  }
}
