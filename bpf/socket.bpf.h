/* SPDX-License-Identifier: GPL-2.0 */
/* What a socket of the kernel says of itself, full or time_wait. */
#ifndef TCPLINGER_SOCKET_BPF_H
#define TCPLINGER_SOCKET_BPF_H

#include "compat.bpf.h"

/* inet_sport outlives skc_num, which is 0 once the port is given back. */
static __always_inline __u16 local_port_of(bool typed, struct tcp_sock *tcp)
{
	return bpf_ntohs(READ(typed, tcp, inet_conn.icsk_inet.inet_sport));
}

static __always_inline __u16 peer_port_of(bool typed, struct sock_common *common)
{
	return bpf_ntohs(READ(typed, common, skc_dport));
}

/* The key of a full socket; 0: it has no cookie yet. */
static __always_inline __u64 key_of(bool typed, struct sock_common *common)
{
	if (settings.typed)
		return READ(typed, common, skc_cookie.counter);
	return (__u64)common;
}

/* The same of a time_wait socket, or one that is about to become one. */
static __always_inline __u64 key_of_time_wait_socket(bool typed, struct sock_common *common,
						     __u16 local_port)
{
	if (settings.typed)
		return READ(typed, common, skc_cookie.counter);
	return (__u64)READ(typed, common, skc_hash) << 32 | (__u32)local_port << 16 |
	       peer_port_of(typed, common);
}

static __always_inline bool is_mapped(bool typed, struct sock_common *common)
{
	return READ(typed, common, skc_family) == AF_INET6 &&
	       READ(typed, common, skc_v6_daddr.in6_u.u6_addr32[2]) == bpf_htonl(0xffff) &&
	       !READ(typed, common, skc_v6_daddr.in6_u.u6_addr32[1]) &&
	       !READ(typed, common, skc_v6_daddr.in6_u.u6_addr32[0]);
}

/* The network namespace that was asked for last: the lower half of its cookie, and its number. */
static volatile __u64 last_namespace;

/*
 * The kernel counts the users of a namespace beside its number, so every new socket writes that
 * line of the cache: to read it each time is 20 ns a change of state (make bench).
 */
static __always_inline __u32 netns_of(bool typed, struct sock_common *common)
{
	struct net *net = READ(typed, common, skc_net.net);
	__u64 last = last_namespace;
	__u32 cookie;

	if (!typed || !bpf_core_field_exists(net->net_cookie)) /* v5.12, 3d368ab87cf6 */
		return READ(typed, net, ns.inum);
	cookie = net->net_cookie;
	if (last >> 32 != cookie || !last) {
		last = (__u64)cookie << 32 | net->ns.inum;
		last_namespace = last;
	}
	return last;
}

/* Which connection it is. */
static __always_inline void describe(bool typed, struct wire_origin *origin,
				     struct sock_common *common, __u16 local_port)
{
	__u32 *local = (__u32 *)origin->local_address, *peer = (__u32 *)origin->peer_address;

	origin->address = (__u64)common;
	origin->netns = netns_of(typed, common);
	origin->net = (__u64)READ(typed, common, skc_net.net);
	origin->hash = READ(typed, common, skc_hash);
	origin->interface = READ(typed, common, skc_bound_dev_if);
	origin->local_port = local_port;
	origin->peer_port = peer_port_of(typed, common);
	if (READ(typed, common, skc_family) == AF_INET6) {
		bpf_core_read(local, 16, &common->skc_v6_rcv_saddr);
		bpf_core_read(peer, 16, &common->skc_v6_daddr);
		origin->family = 6;
		origin->mapped = is_mapped(typed, common);
	} else {
		local[0] = READ(typed, common, skc_rcv_saddr);
		peer[0] = READ(typed, common, skc_daddr);
		origin->family = 4;
	}
}

/*
 * Which end it is, where nobody saw it begin. The kernel counts the SYN of an active open into
 * bytes_acked, and no SYN for a passive one; once it is acknowledged the FIN is in it as well.
 * Unless the socket is locked, sequence numbers move under this reader: what does not come out as
 * one of the two is unknown.
 */
static __always_inline __u8 role_of(bool typed, struct tcp_sock *tcp, __u8 state)
{
	__u64 acked = READ(typed, tcp, bytes_acked);
	__u32 unacknowledged = READ(typed, tcp, snd_nxt) - READ(typed, tcp, snd_una);
	__u64 sent = READ(typed, tcp, bytes_sent) - READ(typed, tcp, bytes_retrans);
	__u64 beyond_payload = acked + unacknowledged - sent;

	if (READ(typed, tcp, bytes_acked) != acked)
		return WIRE_ROLE_UNKNOWN;
	if (state == TCP_FIN_WAIT2 ||
	    (state == TCP_CLOSING && READ(typed, tcp, write_seq) == READ(typed, tcp, snd_una)))
		beyond_payload--;
	else if (state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT)
		return WIRE_ROLE_UNKNOWN;
	if (beyond_payload > 1)
		return WIRE_ROLE_UNKNOWN;
	return beyond_payload ? WIRE_ROLE_CLIENT : WIRE_ROLE_SERVER;
}

static __always_inline bool is_ending(__u8 state)
{
	return state == TCP_CLOSE_WAIT || state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 ||
	       state == TCP_CLOSING;
}

/* TCP_FIN_WAIT2 or TCP_TIME_WAIT, of a time_wait socket; 0 if there is none at the address. */
static __always_inline __u8 substate_of(__u64 address)
{
	struct inet_timewait_sock *tw = (void *)address;

	return BPF_CORE_READ(tw, tw_substate);
}

#define NOT_KNOWN 1ULL /* no address */
#define STEPS \
	32 /* along a chain of the kernel's table: a new time_wait socket stands at its head */

/*
 * The time_wait socket that has taken over from a full one that goes to CLOSE: the proof of a
 * TIME_WAIT, since the kernel puts it into its table of connections before. So a reset,
 * TCP_LINGER2, and a full bucket table (tcp_max_tw_buckets) need no rule of their own. 0: there is
 * none. What has the same key is the same connection.
 *
 * A global function: the verifier goes through its loop once.
 */
__weak __noinline __u64 find_in_chain(__u64 chain, __u64 key)
{
	struct sock_common *tw;
	__u64 node;

	if (bpf_probe_read_kernel(&node, sizeof(node), (void *)chain))
		return NOT_KNOWN;
	/* A chain ends with an odd number. */
	for (int i = 0; i < STEPS && !(node & 1); i++) {
		tw = (void *)node - bpf_core_field_offset(struct sock_common, skc_nulls_node);
		if (key_of_time_wait_socket(false, tw,
					    settings.typed ? 0 : READ(false, tw, skc_num)) == key)
			return (__u64)tw;
		node = (__u64)READ(false, tw, skc_nulls_node.next);
	}
	return node & 1 ? 0 : NOT_KNOWN;
}

static __always_inline __u64 chain_of(bool typed, struct net *net, __u32 hash)
{
	struct inet_hashinfo *table = tcp_hashinfo_of(typed, net);
	__u32 slot = hash & READ(typed, table, ehash_mask);

	return (__u64)BPF_CORE_READ(table, ehash) + slot * sizeof(void *);
}

/* A field of the socket that the hook is called with, or of what it points to. */
#define FIELD(from, field) READ(settings.typed, from, field)

static __always_inline bool is_kernel_thread(struct task_struct *task)
{
	return READ(TASKS_ARE_TYPED, task, flags) & PF_KTHREAD;
}

/*
 * Does the current process act on this socket? It holds the socket's lock then; a softirq never
 * does. A kernel thread that does (delayed fput, garbage collection of unix sockets) acts for
 * somebody else.
 */
static __always_inline bool process_acts(struct sock *sk, struct task_struct *task)
{
	return FIELD(sk, sk_lock.owned) && !is_kernel_thread(task);
}

/* Why the current process ends its side: the state alone does not tell close() from shutdown(). */
static __always_inline __u8 cause_of(struct tcp_sock *tcp, struct task_struct *task)
{
	struct socket *socket = FIELD((struct sock *)tcp, sk_socket);
	struct file *file = socket ? FIELD(socket, file) : NULL;

	if (!file)
		return WIRE_CAUSE_UNKNOWN;
	if (!file_is_released(settings.typed, file))
		return WIRE_CAUSE_SHUTDOWN;
	return READ(TASKS_ARE_TYPED, task, flags) & PF_EXITING ? WIRE_CAUSE_EXIT : WIRE_CAUSE_CLOSE;
}

#endif
