import FoundationEssentials
import Glibc
import Stage
import Testing

extension EndToEndTests {
  /// The fields of each line of `--json`: there whether known or not, and of one type.
  @Suite struct ContractTests {
    /// Any JSON value.
    enum Value: Decodable, Equatable {
      case null
      case bool(Bool)
      case number(Double)
      case text(String)
      case array([Value])
      case object([String: Value])

      init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
          self = .null
        } else if let value = try? container.decode(Bool.self) {
          self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
          self = .number(value)
        } else if let value = try? container.decode(String.self) {
          self = .text(value)
        } else if let value = try? container.decode([Value].self) {
          self = .array(value)
        } else {
          self = .object(try container.decode([String: Value].self))
        }
      }

      var kind: String {
        switch self {
        case .null: "null"
        case .bool: "bool"
        case .number: "number"
        case .text: "text"
        case .array: "array"
        case .object: "object"
        }
      }
    }

    static let common = [
      "event": "text", "time": "text", "family": "text", "netns": "number", "role": "text", "local": "object",
      "peer": "object", "process": "object|null", "opener": "object|null", "attribution": "text",
      "lifetime_ms": "number|null", "bytes_sent": "number|null", "bytes_received": "number|null",
    ]

    static let own: [String: [String: String]] = [
      "start": ["version": "text", "kernel": "text", "hooks": "array"],
      "time_wait": ["cause": "text", "entered_from": "text"],
      "fin_wait2": ["cause": "text", "age_ms": "number"],
      "close_wait": [
        "age_ms": "number", "reason": "text", "unread_bytes": "number", "holders": "array",
      ],
      "close_wait_end": ["held_ms": "number", "cause": "text"],
      "summary": [
        "duration_s": "number", "time_wait": "object", "close_wait": "object", "lost": "number",
        "processes": "array",
      ],
    ]

    @Test("Every line has the fields that the contract promises")
    func fields() throws {
      // In a network namespace of their own: what goes on beside, a burst even, is none of this test's lines.
      let client = try Player("client")
      try client.enterNewNetworkNamespace()
      let server = try client.fork()
      // A time_wait socket of before: nothing is known of its process.
      let old = try Conversation(client, server)
      try old.client.close()
      try old.client.awaitTabledState(.finWait2)
      let child = try textTracer(["--json", "--min-age", "200ms", "--netns", "\(client.networkNamespace)"])
      let talk = try Conversation(client, server)
      try talk.client.close()
      for state in ["fin_wait2", "close_wait", "close_wait_end", "time_wait"] {
        if state == "close_wait_end" { try talk.server.close() }
        try #require(
          eventually {
            child.output.fill(within: 10)
            return child.output.lines.contains {
              $0.contains("\"event\":\"\(state)\"") && $0.contains("\"port\":\(talk.client.local.port)}")
            }
          }, "\(state)")
      }
      try old.server.close()
      try #require(
        eventually {
          child.output.fill(within: 10)
          return child.output.lines.contains { $0.contains("\"process\":null") }
        })
      child.send(SIGINT)
      #expect(try child.end() == .status(0))

      var seen: Set<String> = []
      for line in child.output.lines {
        let value = try JSONDecoder().decode(Value.self, from: Data(line.utf8))
        guard case .object(let fields) = value, case .text(let event) = fields["event"] else {
          Issue.record("no event: \(line)")
          continue
        }
        seen.insert(event)
        let isConnection = event != "start" && event != "summary"
        let promised = (Self.own[event] ?? [:]).merging(isConnection ? Self.common : [:]) { own, _ in own }
        for (name, kinds) in promised {
          let kind = fields[name]?.kind ?? "missing"
          #expect(kinds.split(separator: "|").contains { $0 == kind }, "\(name) is \(kind) in \(line)")
        }
      }
      #expect(seen == Set(Self.own.keys))
      #expect(child.output.lines.first?.hasPrefix(#"{"event":"start""#) == true)
      #expect(child.output.lines.last?.hasPrefix(#"{"event":"summary""#) == true)
    }

    @Test("Standard output is JSON alone; what is said of the trace goes to standard error")
    func streams() throws {
      let run = try Run.tcplinger(["--json", "--verbose", "--duration", "100ms"])

      #expect(run.ending == .status(0))
      #expect(run.output.lines.count >= 2)
      for line in run.output.lines {
        #expect(throws: Never.self) { try JSONDecoder().decode(Value.self, from: Data(line.utf8)) }
      }
      #expect(run.errors.text.contains("inet_sock_set_state"))
    }
  }
}
