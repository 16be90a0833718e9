import FoundationEssentials
import Glibc
import Stage
import Testing

extension EndToEndTests {
  /// `tcplinger doctor` as a command: what it finds is tested on the kernel.
  @Suite struct DoctorTests {
    @Test(
      "A state is explained in text and JSON, by anybody",
      arguments: ["TIME_WAIT", "close-wait", "FinWait2", "syn_recv"])
    func explain(state: String) throws {
      let text = try Run.tcplinger(["doctor", "--explain", state])
      #expect(text.ending == .status(0))
      #expect(text.output.text.contains("entered"))
      #expect(text.output.text.contains("RFC 9293"))
      let json = try Run.tcplinger(["doctor", "--json", "--explain", state])
      let object = try JSONDecoder().decode(Explanation.self, from: Data(json.output.bytes))
      #expect(text.output.text.hasPrefix(object.state + "\n"))
      #expect(!object.helps.isEmpty && !object.doesNotHelp.isEmpty)
    }

    private struct Explanation: Decodable {
      var state: String
      var helps: [String]
      var doesNotHelp: [String]

      enum CodingKeys: String, CodingKey {
        case state, helps
        case doesNotHelp = "does_not_help"
      }
    }

    @Test(
      "A bad argument is refused in one line, with status 64",
      arguments: [
        ["--explain", "WAITING"], ["--explain", ""], ["--duration", "0"], ["--duration", "soon"],
        ["--netns", "/no/such"], ["--explain"],
      ]) func badArguments(arguments: [String]) throws
    {
      let run = try Run.tcplinger(["doctor"] + arguments)
      #expect(run.ending == .status(64))
      #expect(run.output.bytes.isEmpty)
      #expect(run.errors.lines.count == 1)
    }

    @Test("Without the right to trace: status 2, and what to do")
    func unprivileged() throws {
      let setpriv = try Programs.system("setpriv", package: "util-linux")
      let run = try Run(
        setpriv, ["--reuid", "65534", "--regid", "65534", "--clear-groups", Programs.tcplinger, "doctor"])
      #expect(run.ending == .status(2))
      #expect(run.errors.lines.count == 1)
      #expect(run.errors.text.contains("root"))
    }

    @Test("A network namespace that is not there is no healthy one: status 1")
    func noNamespace() throws {
      let run = try Run.tcplinger(["doctor", "--duration", "100ms", "--netns", "4294967295"])
      #expect(run.ending == .status(1))
      #expect(run.output.bytes.isEmpty)
      #expect(run.errors.lines.count == 1)
    }

    @Test("It ends by itself, in text, with the figures")
    func duration() throws {
      let run = try Run.tcplinger(["doctor", "--duration", "1s"])
      #expect(run.ending == .status(0))
      #expect(run.output.text.contains("Watched for 1s"))
      #expect(run.output.text.contains("\nThe figures\n"))
      #expect(run.errors.bytes.isEmpty)
    }

    @Test("On a terminal it says what it watches and how long that takes, and then takes that line back")
    func progress() throws {
      let terminal = try Tmux(
        columns: 80, lines: 24, "\(try Programs.tcplinger) doctor --duration 3s | tail -n 1; exec sleep 60")
      try terminal.screen { $0.first?.hasPrefix("watching every network namespace: ") == true }
      try terminal.screen { lines in lines.first?.hasPrefix("watching") == false && !lines[0].isEmpty }
    }

    @Test("A reader who has gone is no fault")
    func closedPipe() throws {
      let child = try Child(Programs.tcplinger, ["doctor", "--duration", "1s"])
      child.output.stop()
      #expect(try child.end() == .status(0))
    }
  }
}
