// SPDX-License-Identifier: GPL-2.0
/* The hook on states. */
#include "states.bpf.h"

/*
 * Since v6.1 (05b24ff9b2cf) the kernel skips a program that is running on the same processor already. What a softirq does
 * then to another socket, while this one is between two instructions, the sweep finds as far as it leaves a small socket.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(handle_state, struct sock *sk, int from, int to)
{
	on_state(sk, from, to);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
