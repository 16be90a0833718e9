/* SPDX-License-Identifier: GPL-2.0 */
/* From a socket to a record, and on its way to the frontend. */
#ifndef TCPLINGER_ORIGIN_BPF_H
#define TCPLINGER_ORIGIN_BPF_H

#include "maps.bpf.h"

/* inet_sport outlives skc_num, which is 0 once the port is given back. */
static __always_inline __u16 local_port_of(bool typed, struct tcp_sock *tcp)
{
	return bpf_ntohs(READ(typed, tcp, inet_conn.icsk_inet.inet_sport));
}

static __always_inline __u16 peer_port_of(bool typed, struct sock_common *common)
{
	return bpf_ntohs(READ(typed, common, skc_dport));
}

/* Names the connection of a full socket; 0: nobody has named it yet. */
static __always_inline __u64 key_of(bool typed, struct sock_common *common)
{
	if (settings.typed)
		return READ(typed, common, skc_cookie.counter);
	return (__u64)common;
}

/* The same of a small socket, or one that is about to become one. */
static __always_inline __u64 key_of_small(bool typed, struct sock_common *common, __u16 local_port)
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

static __always_inline bool has_port(const volatile __u8 *bitmap, __u16 port)
{
	__u32 index = port >> 3;

	/* The compiler knows that a port is no larger; the verifier of 6.1 has to be shown. */
	barrier_var(index);
	return bitmap[index & (WIRE_PORT_BITMAP - 1)] & (1 << (port & 7));
}

/* Does a connection pass the filters? As it is opened its local port may not be chosen: 0. */
static __always_inline bool passes(bool typed, struct sock_common *common, __u16 local_port)
{
	if (settings.netns && netns_of(typed, common) != settings.netns)
		return false;
	if (settings.family) {
		bool ipv6 =
			READ(typed, common, skc_family) == AF_INET6 && !is_mapped(typed, common);

		if (ipv6 != (settings.family == 6))
			return false;
	}
	if (settings.filter_peer_ports && !has_port(target_peer_ports, peer_port_of(typed, common)))
		return false;
	return !settings.filter_local_ports || !local_port ||
	       has_port(target_local_ports, local_port);
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
 * When the last packet came or went; while one is handled, that. The kernel notes it for each, so
 * it costs no look at a clock, which is dear in a virtual machine.
 */
static __always_inline __u64 packet_ns(bool typed, struct tcp_sock *tcp)
{
	return READ(typed, tcp, tcp_mstamp) * 1000 + suspended_ns;
}

/*
 * Payload only, each byte once. The kernel counts retransmissions into bytes_sent, and the peer's
 * FIN into bytes_received.
 */
static __always_inline void copy_byte_counts(bool typed, struct wire_origin *origin,
					     struct tcp_sock *tcp, bool fin_received)
{
	__u64 received;

	if (settings.ends_alone)
		return;
	received = READ(typed, tcp, bytes_received);
	origin->bytes_sent = READ(typed, tcp, bytes_sent) - READ(typed, tcp, bytes_retrans);
	origin->bytes_received = fin_received && received ? received - 1 : received;
}

/*
 * What keeps the socket in CLOSE_WAIT. rcv_nxt counts the peer's FIN as one byte, so with
 * everything but the FIN read copied_seq is one behind.
 */
static __always_inline void explain_close_wait(bool typed, struct wire_origin *origin,
					       struct tcp_sock *tcp)
{
	__u32 unread = READ(typed, tcp, rcv_nxt) - READ(typed, tcp, copied_seq);
	__u32 acknowledged = READ(typed, tcp, snd_una);

	origin->unsent_bytes = READ(typed, tcp, write_seq) - acknowledged;
	origin->unread_bytes = unread ? unread - 1 : 0;
	if (!READ(typed, (struct sock *)tcp, sk_socket))
		origin->reason = WIRE_REASON_NOT_ACCEPTED;
	else if (unread > 1)
		origin->reason = WIRE_REASON_DATA_UNREAD;
	else
		origin->reason = unread ? WIRE_REASON_EOF_UNREAD : WIRE_REASON_EOF_READ;
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

/*
 * What no program saw begin to end: it has been in its state since the last packet at the latest.
 */
static __always_inline void begin_to_end(struct wire_origin *origin, struct sock_common *common,
					 __u8 state)
{
	describe(false, origin, common, READ(false, common, skc_num));
	origin->since_ns = packet_ns(false, (struct tcp_sock *)common);
	origin->approximate_since = 1;
	origin->kind = state == TCP_CLOSE_WAIT ? WIRE_CLOSE_WAIT : WIRE_FIN_WAIT2;
	origin->phase = WIRE_PHASE_ENDING;
}

/* TCP_FIN_WAIT2 or TCP_TIME_WAIT, of a small socket; 0 if there is none at the address. */
static __always_inline __u8 substate_of(__u64 address)
{
	struct inet_timewait_sock *small = (void *)address;

	return BPF_CORE_READ(small, tw_substate);
}

#define NOT_KNOWN 1ULL /* no address */
#define STEPS 32 /* along a chain of the kernel's table: a new small socket stands at its head */

/*
 * The small socket that has taken over from a full one that goes to CLOSE: the proof of a
 * TIME_WAIT, since the kernel puts it into its table of connections before. So a reset,
 * TCP_LINGER2, and a full bucket table (tcp_max_tw_buckets) need no rule of their own. 0: there is
 * none. What has the same key is the same connection.
 *
 * A global function: the verifier goes through its loop once.
 */
__weak __noinline __u64 find_in_chain(__u64 chain, __u64 key)
{
	struct sock_common *small;
	__u64 node;

	if (bpf_probe_read_kernel(&node, sizeof(node), (void *)chain))
		return NOT_KNOWN;
	/* A chain ends with an odd number. */
	for (int i = 0; i < STEPS && !(node & 1); i++) {
		small = (void *)node - bpf_core_field_offset(struct sock_common, skc_nulls_node);
		if (key_of_small(false, small, settings.typed ? 0 : READ(false, small, skc_num)) ==
		    key)
			return (__u64)small;
		node = (__u64)READ(false, small, skc_nulls_node.next);
	}
	return node & 1 ? 0 : NOT_KNOWN;
}

static __always_inline __u64 chain_of(bool typed, struct net *net, __u32 hash)
{
	struct inet_hashinfo *table = tcp_hashinfo_of(typed, net);
	__u32 slot = hash & READ(typed, table, ehash_mask);

	return (__u64)BPF_CORE_READ(table, ehash) + slot * sizeof(void *);
}

static __always_inline bool is_target_process(const struct wire_origin *origin)
{
	__u32 pid = origin->closer.pid ?: origin->opener.pid;

	return !settings.filter_pids || bpf_map_lookup_elem(&target_pids, &pid);
}

/*
 * A client's own port is another each time, as is the port of a server's peer: neither is counted
 * by. The local address matters to who has a range of ports for each: the client.
 */
static __always_inline void count_time_wait(const struct wire_origin *origin)
{
	const struct wire_process *process = origin->closer.pid ? &origin->closer : &origin->opener;
	static const struct wire_count nothing = {};
	struct wire_count_key key = {
		.started_ns = process->started_ns,
		.pid = process->pid,
		.netns = origin->netns,
		.port = origin->role == WIRE_ROLE_SERVER ? origin->local_port : origin->peer_port,
		.family = origin->family,
		.mapped = origin->mapped,
		.role = origin->role,
		.generation = generation,
	};
	struct wire_count *count;

	if (origin->role != WIRE_ROLE_SERVER)
		__builtin_memcpy(key.local_address, origin->local_address,
				 sizeof(key.local_address));
	__builtin_memcpy(key.peer_address, origin->peer_address, sizeof(key.peer_address));
	count = bpf_map_lookup_elem(&counts, &key);
	if (!count) {
		bpf_map_update_elem(&counts, &key, (void *)&nothing, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&counts, &key);
	}
	if (!count) {
		count_loss(counts_full);
		return;
	}
	/* A softirq may come between the processor's reading and writing. */
	__atomic_fetch_add(&count->time_waits, 1, __ATOMIC_RELAXED);
	if (!count->comm[0])
		__builtin_memcpy(count->comm, process->comm, sizeof(count->comm));
}

/*
 * The reader comes by itself, ten times a second: nobody is woken. Where TIME_WAITs are only
 * counted nothing is sent: what is in CLOSE_WAIT the reader finds there.
 */
static __always_inline void send(const struct wire_origin *origin)
{
	if (settings.counts_only) {
		if (origin->kind == WIRE_TIME_WAIT)
			count_time_wait(origin);
		return;
	}
	if (bpf_ringbuf_output(&events, (void *)origin, sizeof(*origin), BPF_RB_NO_WAKEUP))
		count_loss(ring_full);
}

static __always_inline void tell_time_wait(struct wire_origin *origin)
{
	if (!settings.want_time_wait || !is_target_process(origin))
		return;
	origin->kind = WIRE_TIME_WAIT;
	send(origin);
}

/* Is there something about it in openers? */
static __always_inline bool has_late_opener(const struct wire_origin *origin)
{
	return origin->older || (settings.accept_hooked && origin->role == WIRE_ROLE_SERVER);
}

/* Who opened it, where that was known later than its beginning, is in the record from here on. */
static __always_inline void complete(struct wire_origin *origin)
{
	struct wire_opener *opener = NULL;
	__u64 key = origin->key;

	if (!origin->opener_source && has_late_opener(origin))
		opener = bpf_map_lookup_elem(&openers, &key);
	if (!opener)
		return;
	origin->opener = opener->process;
	origin->opener_source = opener->source;
}

/* Puts it in. BPF_ANY: in place of an older one that nobody saw end. */
static __always_inline void put(struct wire_origin *origin, __u64 key, __u64 flags)
{
	long error;

	origin->key = key;
	error = bpf_map_update_elem(&connections, &key, origin, flags);
	if (error && error != -EEXIST)
		count_loss(connections_full);
}

/* Nothing more is to be told of the connection; false: somebody else has told it. */
static __always_inline bool take(__u64 key, bool has_opener)
{
	if (bpf_map_delete_elem(&connections, &key))
		return false;
	if (has_opener)
		bpf_map_delete_elem(&openers, &key);
	return true;
}

#define take_record(origin) take((origin)->key, has_late_opener(origin))

#endif
