/* SPDX-License-Identifier: GPL-2.0 */
/* When a time_wait socket goes to TIME_WAIT: no tracepoint says so. Not hooked, audit finds it. */
#ifndef TCPLINGER_TIME_WAIT_BPF_H
#define TCPLINGER_TIME_WAIT_BPF_H

#include "origin.bpf.h"

static __always_inline void on_time_wait_socket(struct sock_common *tw)
{
	__u64 key = key_of_time_wait_socket(true, tw, READ(true, tw, skc_num));
	struct wire_origin *found = bpf_map_lookup_elem(&connections, &key), origin;

	/* Who is about to hand it over looks at it afterwards. */
	if (!found || substate_of((__u64)tw) != TCP_TIME_WAIT ||
	    published(&found->phase) != WIRE_PHASE_TIME_WAIT_SOCKET)
		return;
	__builtin_memcpy(&origin, found, sizeof(origin));
	origin.time_ns = bpf_ktime_get_boot_ns();
	if (take_record(&origin))
		tell_time_wait(&origin);
}

/* 3 arguments until 6.1, 4 in 6.12, 5 in 7.2: only the first, the time_wait socket, is read. */
SEC("fexit/tcp_timewait_state_process")
int BPF_PROG(handle_time_wait_socket, struct sock_common *tw)
{
	on_time_wait_socket(tw);
	return 0;
}

/*
 * v6.11, ba8de796baf4: kfree_skb names the receiving socket. A packet for a time_wait socket has
 * nobody to go to, so it always ends here, after the time_wait socket has taken notice of it.
 */
SEC("tp_btf/kfree_skb")
int BPF_PROG(handle_packet_end, struct sk_buff *skb, void *location, int reason,
	     struct sock *receiver)
{
	if (receiver && receiver->__sk_common.skc_state == TCP_TIME_WAIT)
		on_time_wait_socket((struct sock_common *)receiver);
	return 0;
}

#endif
