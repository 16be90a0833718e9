import Events
import Testing

@testable import Render

@Suite struct `The table of top` {
  private func row(_ pid: UInt32?, _ name: [UInt8], _ change: (inout TopReport.Row) -> Void) -> TopReport.Row {
    var row = TopReport.Row(
      id: pid.map { ProcessKey(pid: $0, startedNanoseconds: 0) }, comm: pid == nil ? nil : Comm(name))
    change(&row)
    return row
  }

  private func peer(_ role: Role, _ last: UInt8, _ port: UInt16, share: Double? = nil) -> TopReport.Peer {
    var peer = TopReport.Peer(
      name: .init(role: role, family: .ipv4, address: Address(ipv4: 10, 0, 0, last), port: port))
    peer.portShare = share
    return peer
  }

  private var rows: [TopReport.Row] {
    [
      row(4123, Array("curl".utf8)) {
        $0.connectsPerSecond = 12_345
        $0.timeWaitsPerSecond = 470.4
        $0.timeWaits = 28_000
        $0.peers = [peer(.client, 5, 8080, share: 0.992), peer(.client, 6, 8080, share: 0.01)]
      },
      row(991, Array("gateway\u{1b}[31m".utf8)) {
        $0.acceptsPerSecond = 9.96
        $0.timeWaitsPerSecond = 0.25
        $0.closeWaits = 12
        $0.oldest = Age(nanoseconds: 65_000_000_000, isEstimate: true)
        $0.leaked = 11
        $0.peers = [peer(.server, 7, 443), peer(.client, 8, 53, share: 2)]
      },
      row(nil, []) { $0.timeWaits = 1 },
    ]
  }

  private func frame(columns: Int) -> String {
    let renderer = TopRenderer(columns: columns)
    var line = LineBuffer()
    renderer.render(renderer.headings.map(\.title), into: &line)
    for row in rows { renderer.render(renderer.cells(row), into: &line) }
    return String(decoding: line.bytes, as: UTF8.self)
  }

  @Test func `has whole words where there is room`() {
    #expect(
      frame(columns: 200) == """
            PID COMM            CONNECTS/S ACCEPTS/S TIME_WAIT/S TIME_WAIT CLOSE_WAIT OLDEST LEAKED ROLE   PORTS BUSIEST PEER
           4123 curl                 12345         -         470     28000          0      -      0 client   99% 10.0.0.5:8080 +1
            991 gateway\\x1b[31m          0      10.0         0.3         0         12 ~1m05s     11 both    100% 10.0.0.7 +1
              - -                        0         -           0         1          0      -      0 -          - -

        """)
  }

  @Test func `fits 80 columns`() {
    #expect(
      frame(columns: 80) == """
            PID COMM        CN/S AC/S TW/S   TW   CW OLDEST LEAK ROLE PORTS BUSIEST PEER
           4123 curl         12k    -  470  28k    0      -    0 ->     99% 10.0.0.5:8080 +1
            991 gateway\\x1+    0 10.0  0.3    0   12 ~1m05s   11 <>    100% 10.0.0.7 +1
              - -              0    -    0    1    0      -    0 -        - -

        """)
  }

  @Test func `shows a peer below its process`() {
    let renderer = TopRenderer(columns: 80)
    var line = LineBuffer()
    renderer.render(renderer.cells(peer(.client, 6, 8080, share: 0.01)), into: &line)
    #expect(
      String(decoding: line.bytes, as: UTF8.self) == """
                               0         0    0    0             ->      1% 10.0.0.6:8080

        """)
  }

  @Test func `finds a row by its pid, its name as it is shown, and every peer`() {
    let text = TopRenderer(columns: 80).searchable(rows[1])
    #expect(text == "991 gateway\\x1b[31m 10.0.0.7 10.0.0.8:53")
  }

  @Test func `says what was lost, or that nothing was`() {
    #expect(Loss.summary(of: [:]) == "Nothing was lost.")
    #expect(Loss.summary(of: [.skippedRun: 2, .counts: 7]) == "lost: skipped_run 2, counts 7")
  }
}
