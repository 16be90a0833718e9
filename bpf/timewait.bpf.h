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

/*
 * The head of a socket in the chain, copied in one go: a call for each field would be most of the cost of a
 * TIME_WAIT. Longer than what is read of it on any kernel, shorter than any small socket.
 */
struct head {
	__u64 words[17];
};

#define HEAD(head, type, field) (*(type *)((char *)(head) + bpf_core_field_offset(struct sock_common, field)))

static __always_inline bool is_small_socket_of(struct head *head, struct sock *sk, struct tcp_sock *tcp)
{
	struct sock_common *full = &sk->__sk_common;

	if (HEAD(head, unsigned int, skc_hash) != full->skc_hash ||
	    HEAD(head, __u8, skc_state) != TCP_TIME_WAIT || HEAD(head, __be16, skc_dport) != full->skc_dport ||
	    HEAD(head, __u16, skc_num) != local_port_of(tcp) ||
	    HEAD(head, __be32, skc_daddr) != full->skc_daddr ||
	    HEAD(head, __be32, skc_rcv_saddr) != full->skc_rcv_saddr ||
	    HEAD(head, struct net *, skc_net.net) != full->skc_net.net)
		return false;
	if (full->skc_family == AF_INET6) {
		__u32 *peer = &HEAD(head, __u32, skc_v6_daddr), *local = &HEAD(head, __u32, skc_v6_rcv_saddr);

		for (int i = 0; i < 4; i++)
			if (peer[i] != full->skc_v6_daddr.in6_u.u6_addr32[i] ||
			    local[i] != full->skc_v6_rcv_saddr.in6_u.u6_addr32[i])
				return false;
	}
	return true;
}

/* Its memory may be another's by now: a small socket that ends leaves it at once. */
static __always_inline bool is_still(struct inet_timewait_sock *small, struct sock *sk, struct tcp_sock *tcp)
{
	struct head head;

	return !bpf_probe_read_kernel(&head, sizeof(head), small) && is_small_socket_of(&head, sk, tcp);
}

/* The small socket that has taken over from sk, or NULL. */
static __always_inline struct inet_timewait_sock *small_socket_of(struct sock *sk, struct tcp_sock *tcp)
{
	struct inet_hashinfo *table = tcp_hashinfo_of(sk->__sk_common.skc_net.net);
	__u32 slot = sk->__sk_common.skc_hash & BPF_CORE_READ(table, ehash_mask);
	void **chains = BPF_CORE_READ(table, ehash);
	struct sock_common *small;
	struct head head;
	__u64 node = 0;

	bpf_probe_read_kernel(&node, sizeof(node), chains + slot);
	for (int i = 0; i < MAX_CHAIN; i++) {
		/* A chain ends with its own number. Another one's: a socket on the way has gone there meanwhile. */
		if (node == ((__u64)slot << 1 | 1))
			return NULL;
		if (!node || node & 1)
			break;
		small = (void *)(node - bpf_core_field_offset(small->skc_nulls_node));
		if (bpf_probe_read_kernel(&head, sizeof(head), small))
			break;
		if (is_small_socket_of(&head, sk, tcp))
			return (void *)small;
		node = HEAD(&head, __u64, skc_nulls_node.next);
	}
	count_loss(chain_too_long);
	return NULL;
}

#endif
