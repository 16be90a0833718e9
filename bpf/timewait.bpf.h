/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The proof of a TIME_WAIT is the small socket itself: the kernel puts it in the established table
 * before the full socket goes to CLOSE. No small socket, no TIME_WAIT: so a reset, an abort,
 * TCP_LINGER2 and a full bucket table (tcp_max_tw_buckets) need no rule of their own.
 */
#ifndef TCPLINGER_TIMEWAIT_BPF_H
#define TCPLINGER_TIMEWAIT_BPF_H

#include "origin.bpf.h"

/* Chains are short, and a new small socket stands at the head of its chain. A longer walk is counted as a loss. */
#define MAX_CHAIN 16

static __always_inline bool is_small_socket_of(struct sock_common *small, struct sock *sk, struct tcp_sock *tcp)
{
	struct sock_common *full = &sk->__sk_common;

	if (BPF_CORE_READ(small, skc_hash) != full->skc_hash ||
	    BPF_CORE_READ(small, skc_state) != TCP_TIME_WAIT ||
	    BPF_CORE_READ(small, skc_dport) != full->skc_dport ||
	    BPF_CORE_READ((struct inet_timewait_sock *)small, tw_sport) !=
		    tcp->inet_conn.icsk_inet.inet_sport ||
	    BPF_CORE_READ(small, skc_daddr) != full->skc_daddr ||
	    BPF_CORE_READ(small, skc_rcv_saddr) != full->skc_rcv_saddr ||
	    BPF_CORE_READ(small, skc_net.net) != full->skc_net.net)
		return false;
	if (full->skc_family == AF_INET6) {
		struct in6_addr peer, local;

		BPF_CORE_READ_INTO(&peer, small, skc_v6_daddr);
		BPF_CORE_READ_INTO(&local, small, skc_v6_rcv_saddr);
		for (int i = 0; i < 4; i++)
			if (peer.in6_u.u6_addr32[i] != full->skc_v6_daddr.in6_u.u6_addr32[i] ||
			    local.in6_u.u6_addr32[i] != full->skc_v6_rcv_saddr.in6_u.u6_addr32[i])
				return false;
	}
	return true;
}

/* The small socket that has taken over from sk, or NULL. */
static __always_inline struct inet_timewait_sock *small_socket_of(struct sock *sk, struct tcp_sock *tcp)
{
	struct inet_hashinfo *table = tcp_hashinfo_of(sk->__sk_common.skc_net.net);
	__u32 slot = sk->__sk_common.skc_hash & BPF_CORE_READ(table, ehash_mask);
	void **chains = BPF_CORE_READ(table, ehash);
	struct sock_common *small;
	__u64 node = 0;

	bpf_probe_read_kernel(&node, sizeof(node), chains + slot);
	for (int i = 0; i < MAX_CHAIN; i++) {
		if (!node || node & 1) /* the chain's end is marked by the lowest bit */
			return NULL;
		small = (void *)(node - bpf_core_field_offset(small->skc_nulls_node));
		if (is_small_socket_of(small, sk, tcp))
			return (void *)small;
		node = (__u64)BPF_CORE_READ(small, skc_nulls_node.next);
	}
	count_loss(chain_too_long);
	return NULL;
}

#endif
