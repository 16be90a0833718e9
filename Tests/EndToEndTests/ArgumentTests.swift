import Stage
import Testing

extension EndToEndTests {
  @Suite struct ArgumentTests {
    @Test(
      "A bad argument is refused by one line that names it, and status 64",
      arguments: [
        ["--frobnicate"], ["-L", "70000"], ["-L", "10-5"], ["-L", "80,"], ["-L", "80,,443"], ["-L", "0x50"],
        ["-L", "-1"], ["-D", "http"], ["-D", "1-2-3"], ["--duration", "soon"], ["--duration", "10x"],
        ["--duration", "99999999999999999999s"], ["--min-age", "1 second"], ["--count", "0"],
        ["--count", "many"], ["--netns", "/no/such"], ["--netns", "/etc/passwd"],
        ["--netns", "999999999"], ["--state", "foo"], ["--state", "TIME_WAITS"], ["--role", "peer"],
        ["--peer", "db.example"], ["--peer", "10.0.0.5/33"], ["leaks", "--peer", "[::1]:0"],
        ["-p", "nginx"], ["-p", "0"], ["-p", "-5"], ["-p", "4294967296"],
        ["--comm", "a name of more than fifteen bytes"], ["surplus"], ["trace", "surplus"],
      ])
    func badArguments(arguments: [String]) throws {
      let run = try Run.tcplinger(arguments)

      #expect(run.ending == .status(64))
      #expect(run.output.bytes.isEmpty)
      #expect(run.errors.lines.count == 1)
      let culprit = try #require(arguments.last)
      // A value with a dash in front counts as an option; what is named then is the option without a value.
      let isDashed = arguments.count == 2 && culprit.hasPrefix("-")
      #expect(run.errors.text.contains(isDashed ? arguments[0] : culprit))
    }

    @Test(
      "An error says what is allowed",
      arguments: [
        (["-L", "70000"], "65535"), (["--duration", "soon"], "30s"), (["--state", "foo"], "close_wait"),
        (["--role", "peer"], "server"), (["--netns", "/no/such"], "pid"),
        (["--peer", "db.example"], "10.0.0.0/8"), (["census", "--peer", "10.0.0.5"], "--by peer"),
        (["top", "--peer", "10.0.0.5:80"], "--role client"),
        (["top", "--role", "server", "--peer", "10.0.0.5", "--peer", "[::1]:80"], "without a port"),
      ])
    func remedy(arguments: [String], allowed: String) throws {
      let run = try Run.tcplinger(arguments)

      #expect(run.errors.text.contains(allowed))
    }

    @Test("Options that leave nothing are refused")
    func contradiction() throws {
      let run = try Run.tcplinger(["-4", "-6"])

      #expect(run.ending == .status(64))
      #expect(run.errors.text.contains("-4") && run.errors.text.contains("-6"))
    }

    @Test("An option without its value is refused", arguments: ["-L", "--duration", "--netns", "--state"])
    func missingValue(option: String) throws {
      let run = try Run.tcplinger([option])

      #expect(run.ending == .status(64))
      #expect(run.errors.lines.count == 1)
      #expect(run.errors.text.contains(option))
    }

    @Test("Arguments are judged before anything else, privileges among it")
    func argumentsFirst() throws {
      let run = try Privileges.none.run(["-L", "70000"])

      #expect(run.ending == .status(64))
    }

    @Test("The version is printed", arguments: [["--version"], ["trace", "--version"]])
    func version(arguments: [String]) throws {
      let run = try Run.tcplinger(arguments)

      #expect(run.ending == .status(0))
      #expect(run.output.text.wholeMatch(of: /\d+\.\d+\.\d+\S*\n/) != nil)
      #expect(run.errors.bytes.isEmpty)
    }

    @Test(
      "Help goes to standard output and has worked examples",
      arguments: [["--help"], ["-h"], ["help"], ["trace", "--help"], ["help", "trace"]])
    func help(arguments: [String]) throws {
      let run = try Run.tcplinger(arguments)

      #expect(run.ending == .status(0))
      #expect(run.output.text.contains("EXAMPLES"))
      #expect(run.output.text.contains("tcplinger -"))
      #expect(run.errors.bytes.isEmpty)
    }

    @Test("The help of trace names every option")
    func options() throws {
      let text = try Run.tcplinger(["trace", "--help"]).output.text

      for option in [
        "-p, --pid", "--comm", "-L, --port", "-D, --peer-port", "-4", "-6", "--state", "--role", "--netns",
        "--min-age", "--duration", "--count", "--json", "--no-color", "-v, --verbose", "--version",
      ] { #expect(text.contains(option), "\(option)") }
    }
  }
}
