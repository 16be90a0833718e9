// SPDX-License-Identifier: GPL-2.0
/*
 * The hooks on what happens to connections. They are one object, because the linker of libbpf 1.1 stands a function of the
 * kernel's, as casts are, in one alone.
 */
#ifndef WITHOUT_CASTS
#define HAS_CASTS true
#endif
#include "states.bpf.h"
#include "outcome.bpf.h"

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

/* 3 arguments until 6.1, 4 in 6.12, 5 in 7.2: only the first, the small socket, is read. */
SEC("fexit/tcp_timewait_state_process")
int BPF_PROG(handle_small_socket, struct inet_timewait_sock *small)
{
	on_small_socket(small, small->__tw_common.skc_net.net);
	return 0;
}

#ifndef WITHOUT_TABLE
/*
 * v6.11, ba8de796baf4: kfree_skb names the receiving socket. A packet for a small socket has nobody to
 * go to, so it always ends here, after the small socket has taken notice of it.
 */
SEC("tp_btf/kfree_skb")
int BPF_PROG(handle_packet_end, struct sk_buff *skb, void *location, int reason, struct sock *receiver)
{
	if (receiver && receiver->sk_state == TCP_TIME_WAIT)
		on_small_socket((struct inet_timewait_sock *)receiver, receiver->__sk_common.skc_net.net);
	return 0;
}
#endif

#if HAS_CASTS
/* Where nothing is remembered of a connection before it begins to end. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(count_state, struct sock *sk, int from, int to)
{
	if (to != TCP_SYN_SENT && to != TCP_ESTABLISHED)
		on_state(sk, from, to);
	return 0;
}

#include "understudies.bpf.h"
#endif

char LICENSE[] SEC("license") = "GPL";
