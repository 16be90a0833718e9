import Events
import Testing

@testable import Render

@Suite struct `The view of top` {
  private func rows(_ values: (UInt32, String, UInt64)...) -> [TopReport.Row] {
    values.map { pid, name, timeWaits in
      var row = TopReport.Row(id: ProcessKey(pid: pid, startedNanoseconds: 0), comm: Comm(name))
      row.timeWaits = timeWaits
      row.peers = [
        .init(name: .init(role: .client, family: .ipv4, address: Address(ipv4: 10, 0, 0, 5), port: UInt16(pid)))
      ]
      return row
    }
  }

  private func pids(_ lines: [TopView.Line]) -> [UInt32] { lines.compactMap { $0.key.process?.pid } }

  private func text(_ row: TopReport.Row) -> String {
    String(decoding: row.comm?.bytes ?? [], as: UTF8.self)
  }

  @Test func `sorts by what is chosen, the largest or the first letter first, and turns round`() {
    var view = TopView()
    let rows = rows((1, "b", 10), (2, "c", 30), (3, "a", 20))
    #expect(pids(view.lines(of: rows, text: text)) == [2, 3, 1])
    view.choose(.comm)
    #expect(pids(view.lines(of: rows, text: text)) == [3, 1, 2])
    view.choose(.comm)
    #expect(pids(view.lines(of: rows, text: text)) == [2, 1, 3])
    view.choose(.closeWait)
    #expect(pids(view.lines(of: rows, text: text)) == [1, 2, 3])
  }

  @Test func `has every column in a circle`() {
    var view = TopView()
    let first = view.column
    for _ in TopView.Column.allCases { view.moveColumn(by: 1) }
    #expect(view.column == first)
    view.moveColumn(by: -TopView.Column.allCases.count + 1)
    #expect(view.column.rawValue == first.rawValue + 1)
  }

  @Test func `filters by letters, large or small`() {
    var view = TopView()
    view.filter = "CU"
    #expect(pids(view.lines(of: rows((1, "curl", 1), (2, "wget", 2)), text: text)) == [1])
    view.filter = "nothing has this"
    #expect(view.lines(of: rows((1, "curl", 1)), text: text).isEmpty)
    #expect(view.selection == 0)
  }

  @Test func `keeps a chosen process selected when its line moves, and the first line when none was chosen`() {
    var view = TopView()
    var lines = view.lines(of: rows((1, "a", 10), (2, "b", 5)), text: text)
    lines = view.lines(of: rows((1, "a", 10), (2, "b", 50)), text: text)
    #expect(lines[view.selection].key.process?.pid == 2)
    view.moveSelection(by: 1, in: lines)
    lines = view.lines(of: rows((1, "a", 100), (2, "b", 50)), text: text)
    #expect(lines[view.selection].key.process?.pid == 1)
    view.moveSelection(by: -7, in: lines)
    #expect(view.selection == 0)
    lines = view.lines(of: [], text: text)
    #expect(view.selection == 0)
  }

  @Test func `unfolds a process to its peers, and folds it again`() {
    var view = TopView()
    let rows = rows((1, "a", 10), (2, "b", 5))
    var lines = view.lines(of: rows, text: text)
    view.toggle(in: lines)
    lines = view.lines(of: rows, text: text)
    #expect(pids(lines) == [1, 1, 2])
    view.toggle(in: lines)
    #expect(pids(view.lines(of: rows, text: text)) == [1, 2])
  }
}
