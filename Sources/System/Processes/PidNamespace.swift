import Glibc

public enum PidNamespace {
  /// Source: include/linux/proc_ns.h, PROC_PID_INIT_INO.
  private static let initialInode: UInt64 = 0xefff_fffc

  /// Is this process in the namespace in which the kernel counts pids for everybody?
  public static var isInitial: Bool {
    var facts = stat()
    return stat("/proc/self/ns/pid", &facts) == 0 && UInt64(facts.st_ino) == initialInode
  }
}
