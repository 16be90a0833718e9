import Testing

/// Real sockets in processes of their own, and a tracer beside them. Each test compares what the tracer
/// says with what the processes did. One test at a time: the kernel is shared.
@Suite(.serialized) struct KernelTests {}
