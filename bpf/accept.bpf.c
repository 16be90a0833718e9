// SPDX-License-Identifier: GPL-2.0
/*
 * Who accepted. A server's socket is born in softirq, so its process is the one to which accept() returns
 * it; where that cannot be hooked, the one that reads from it first.
 */
#include "memory.bpf.h"
#include <linux/ptrace.h>

/* Only sockets whose birth was seen: an older one was accepted before anybody looked. */
static __always_inline void on_accepted(struct sock *sk, __u8 source)
{
	struct task_struct *task = current_task();
	struct memory *memory = recall(sk);

	if (memory && memory->role == WIRE_ROLE_SERVER && !source_of_opener(memory) &&
	    !(task_flags(task) & PF_KTHREAD))
		name_opener(memory, task, source);
}

/* v6.10, 92ef0fd55ac8: inet_csk_accept() takes struct proto_accept_arg. Before: flags, err, kern. */
SEC("fexit/inet_csk_accept")
int BPF_PROG(handle_accept, struct sock *listener, void *arg, struct sock *accepted)
{
	if (accepted)
		on_accepted(accepted, WIRE_SOURCE_ACCEPT);
	return 0;
}

SEC("fexit/inet_csk_accept")
int BPF_PROG(handle_accept_before_6_10, struct sock *listener, int flags, int *err, bool kern,
	     struct sock *accepted)
{
	if (accepted)
		on_accepted(accepted, WIRE_SOURCE_ACCEPT);
	return 0;
}

/* Where fexit is not to be had: the return value alone, and memory in the hash. */
SEC("kretprobe/inet_csk_accept")
int BPF_KRETPROBE(handle_accept_return, struct sock *accepted)
{
	if (accepted)
		on_accepted(accepted, WIRE_SOURCE_ACCEPT);
	return 0;
}

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(handle_read, struct sock *sk)
{
	if (sk->sk_lock.owned) /* or the kernel reads for itself, in softirq */
		on_accepted(sk, WIRE_SOURCE_FIRST_READ);
	return 0;
}
