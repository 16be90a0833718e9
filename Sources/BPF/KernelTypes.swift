import CLibbpf

/// The running kernel's own description of its types (BTF): what tells one kernel from another.
public struct KernelTypes: ~Copyable {
  private let handle: OpaquePointer

  private init(owning handle: OpaquePointer) { self.handle = handle }

  /// Reads /sys/kernel/btf/vmlinux; about 10 ms.
  public static func load() throws(BPFError) -> KernelTypes {
    var handle: OpaquePointer?
    try check(clb_kernel_btf_load(&handle), "read", "the kernel's BTF (/sys/kernel/btf/vmlinux)")
    guard let handle else { throw BPFError("read", "the kernel's BTF", code: 2) }
    return KernelTypes(owning: handle)
  }

  deinit { clb_kernel_btf_free(handle) }

  public func hasStruct(_ name: String) -> Bool { clb_kernel_btf_has_struct(handle, name) }

  public func hasFunction(_ name: String) -> Bool { clb_kernel_btf_has_function(handle, name) }

  /// Is there a BPF helper of this name, say `BPF_FUNC_loop`?
  public func hasHelper(_ name: String) -> Bool {
    clb_kernel_btf_has_enumerator(handle, "bpf_func_id", name)
  }

  /// The number of arguments that a tracepoint passes; nil: the kernel has no tracepoint of this name.
  public func argumentCount(ofTracepoint name: String) -> Int? {
    let count = clb_kernel_btf_tracepoint_arguments(handle, name)
    return count < 0 ? nil : Int(count)
  }

  /// Attaches an empty program to the exit of a function and takes it away again: the only way to know
  /// whether this kernel, with this configuration and these privileges, lets anybody hook it.
  public func tryHookingExit(of function: String) throws(BPFError) {
    try check(clb_probe_fexit(handle, function), "hook", "fexit/\(function)")
  }
}
