import Glibc
import System
import Testing

@testable import BPF
@testable import Tracing

private let restrictions = Restrictions(
  lockdown: "none [integrity] confidentiality", securityModules: "lockdown,capability,bpf", seccomp: "filter",
  userNamespace: "initial", container: "none seen", kernel: "6.18.0")

private func text(
  _ code: Int32, _ capabilities: Capabilities = [.bpf, .perfmon], log: [String] = [],
  operation: String = "load"
) -> String {
  let error = BPFError(operation, "find_holders (iter/task_file)", code: code)
  return "\(TracingError(error, log: log, capabilities: capabilities, restrictions: restrictions))"
}

@Suite struct `An error of the kernel` {
  @Test func `without the capabilities says which to grant`() {
    #expect(
      text(EPERM, [.bpf])
        == "cannot load find_holders (iter/task_file): Operation not permitted; "
        + "run as root or grant CAP_BPF and CAP_PERFMON")
  }

  @Test func `with all of them says what may forbid it, as it was read`() {
    #expect(
      text(EPERM)
        == "cannot load find_holders (iter/task_file): Operation not permitted, though the capabilities for it "
        + "are granted; find which of these forbids it: lockdown none [integrity] confidentiality; "
        + "LSMs lockdown,capability,bpf; seccomp filter; user namespace initial; container none seen; kernel 6.18.0"
    )
  }

  @Test func `of a program that was loaded asks for no capability that is given up by then`() {
    #expect(text(EPERM, .bpf, operation: "run").contains("though the capabilities for it are granted"))
    #expect(text(EPERM, [], operation: "run").contains("grant CAP_BPF and CAP_PERFMON"))
  }

  @Test func `of the verifier has its last word`() {
    let log = [
      "libbpf: -- BEGIN PROG LOAD LOG --", "0: R1=ctx()", "invalid mem access", "processed 3 insns",
      "-- END PROG LOAD LOG --", "libbpf: failed to load object",
    ]
    #expect(
      text(EACCES, log: log)
        == "cannot load find_holders (iter/task_file): Permission denied; the kernel says: invalid mem access; "
        + "run it again with --verbose, and report what it prints")
  }

  @Test func `that the C library has no words for is said in words`() {
    #expect(text(524).contains("Not supported by this kernel"))
  }

  @Test(arguments: [EPERM, EACCES, EINVAL, ENOENT, ENOMEM, ESRCH, 524])
  func `says what to do next`(code: Int32) {
    #expect(text(code).contains("; "))
    #expect(!text(code).hasSuffix("; "))
  }
}
