/* SPDX-License-Identifier: GPL-2.0 */
/* From a socket and what is remembered of it to a record. */
#ifndef TCPLINGER_ORIGIN_BPF_H
#define TCPLINGER_ORIGIN_BPF_H

#include "count.bpf.h"
#include <bpf/bpf_endian.h>

#define sk_family __sk_common.skc_family
#define sk_state __sk_common.skc_state
#define sk_flags __sk_common.skc_flags

static __always_inline bool is_mapped(struct sock *sk)
{
	return READ(sk, sk_family) == AF_INET6 &&
	       READ(sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32[2]) == bpf_htonl(0xffff) &&
	       !READ(sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32[1]) &&
	       !READ(sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32[0]);
}

#ifdef SOCKETS_ARE_ADDRESSES
static __always_inline __u32 number_of(struct net *net)
{
	return BPF_CORE_READ(net, ns.inum);
}
#else
#define KNOWN_NAMESPACES 16

/* The numbers of network namespaces, each with the lower half of the cookie that is the namespace's own. */
static volatile __u64 known_namespaces[KNOWN_NAMESPACES] __attribute__((aligned(64)));

/* With its number the kernel counts the users of a namespace: so every new socket writes that line of the cache. */
static __always_inline __u32 number_of(struct net *net)
{
	__u32 cookie;
	__u64 known;

	if (!bpf_core_field_exists(net->net_cookie)) /* v5.12, 3d368ab87cf6 */
		return net->ns.inum;
	cookie = net->net_cookie;
	known = known_namespaces[cookie % KNOWN_NAMESPACES];
	if (!known || known >> 32 != cookie) {
		known = (__u64)cookie << 32 | net->ns.inum;
		known_namespaces[cookie % KNOWN_NAMESPACES] = known;
	}
	return known;
}
#endif

static __always_inline __u32 netns_of(struct sock *sk)
{
	return number_of(READ(sk, __sk_common.skc_net.net));
}

/* inet_sport outlives skc_num, which is 0 once the port is given back. */
static __always_inline __u16 local_port_of(struct tcp_sock *tcp)
{
	return bpf_ntohs(READ(tcp, inet_conn.icsk_inet.inet_sport));
}

static __always_inline __u16 peer_port_of(struct sock *sk)
{
	return bpf_ntohs(READ(sk, __sk_common.skc_dport));
}

static __always_inline bool has_port(const volatile __u8 *bitmap, __u16 port)
{
	__u32 index = port >> 3;

	/* The compiler knows that a port is no larger; the verifier of 6.1 has to be shown. */
	barrier_var(index);
	return bitmap[index & (WIRE_PORT_BITMAP - 1)] & (1 << (port & 7));
}

/* Does a connection pass the filters? While it is being opened its local port may not be chosen: 0. */
static __always_inline bool passes(struct sock *sk, __u16 local_port)
{
	if (settings.netns && netns_of(sk) != settings.netns)
		return false;
	if (settings.family) {
		bool ipv6 = READ(sk, sk_family) == AF_INET6 && !is_mapped(sk);

		if (ipv6 != (settings.family == 6))
			return false;
	}
	if (settings.filter_peer_ports && !has_port(target_peer_ports, peer_port_of(sk)))
		return false;
	return !settings.filter_local_ports || !local_port || has_port(target_local_ports, local_port);
}

static __always_inline bool is_wanted(struct sock *sk)
{
	struct tcp_sock *tcp = settings.filter_local_ports ? as_tcp(sk) : NULL;

	return passes(sk, tcp ? local_port_of(tcp) : 0);
}

#define copy_ipv6(to, sk, field)                                          \
	do {                                                              \
		(to)[0] = READ(sk, __sk_common.field.in6_u.u6_addr32[0]); \
		(to)[1] = READ(sk, __sk_common.field.in6_u.u6_addr32[1]); \
		(to)[2] = READ(sk, __sk_common.field.in6_u.u6_addr32[2]); \
		(to)[3] = READ(sk, __sk_common.field.in6_u.u6_addr32[3]); \
	} while (0)

static __always_inline void copy_addresses(struct wire_origin *origin, struct sock *sk)
{
	__u32 *local = (__u32 *)origin->local_address, *peer = (__u32 *)origin->peer_address;

	if (READ(sk, sk_family) == AF_INET6) {
		copy_ipv6(local, sk, skc_v6_rcv_saddr);
		copy_ipv6(peer, sk, skc_v6_daddr);
		origin->family = 6;
		origin->mapped = is_mapped(sk);
	} else {
		local[0] = READ(sk, __sk_common.skc_rcv_saddr);
		peer[0] = READ(sk, __sk_common.skc_daddr);
		origin->family = 4;
	}
}

/*
 * Payload only, each byte once. The kernel counts retransmissions into bytes_sent, and the peer's FIN
 * into bytes_received.
 */
static __always_inline void copy_byte_counts(struct wire_origin *origin, struct tcp_sock *tcp,
					     bool fin_received)
{
	__u64 received;

	if (settings.ends_alone)
		return;
	received = READ(tcp, bytes_received);
	origin->bytes_sent = READ(tcp, bytes_sent) - READ(tcp, bytes_retrans);
	origin->bytes_received = fin_received && received ? received - 1 : received;
}

/*
 * What keeps the socket in CLOSE_WAIT. rcv_nxt counts the peer's FIN as one byte, so with everything
 * but the FIN read copied_seq is one behind.
 */
static __always_inline void explain_close_wait(struct wire_origin *origin, struct tcp_sock *tcp)
{
	__u32 unread = READ(tcp, rcv_nxt) - READ(tcp, copied_seq);

	origin->unread_bytes = unread ? unread - 1 : 0;
	if (!READ(plain(tcp), sk_socket))
		origin->reason = WIRE_REASON_NOT_ACCEPTED;
	else if (unread > 1)
		origin->reason = WIRE_REASON_DATA_UNREAD;
	else
		origin->reason = unread ? WIRE_REASON_EOF_UNREAD : WIRE_REASON_EOF_READ;
}

/*
 * Which end it is, where nobody saw it begin. The kernel counts the SYN of an active open into bytes_acked, and no SYN for a
 * passive one; once it is acknowledged the FIN is in it as well. Unless the socket is locked, sequence numbers move under
 * this reader: what does not come out as one of the two is unknown.
 */
static __always_inline __u8 role_of(struct tcp_sock *tcp)
{
	__u64 acked = READ(tcp, bytes_acked);
	__u32 unacknowledged = READ(tcp, snd_nxt) - READ(tcp, snd_una);
	__u64 sent = READ(tcp, bytes_sent) - READ(tcp, bytes_retrans);
	__u8 state = READ(plain(tcp), sk_state);
	__u64 beyond_payload = acked + unacknowledged - sent;

	if (READ(tcp, bytes_acked) != acked)
		return WIRE_ROLE_UNKNOWN;
	if (state == TCP_FIN_WAIT2 || (state == TCP_CLOSING && READ(tcp, write_seq) == READ(tcp, snd_una)))
		beyond_payload--;
	else if (state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT)
		return WIRE_ROLE_UNKNOWN;
	if (beyond_payload > 1)
		return WIRE_ROLE_UNKNOWN;
	return beyond_payload ? WIRE_ROLE_CLIENT : WIRE_ROLE_SERVER;
}

/* Which connection it is. */
static __always_inline void describe(struct wire_origin *origin, struct sock *sk, struct tcp_sock *tcp)
{
	origin->socket = (__u64)sk;
	origin->netns = netns_of(plain(tcp));
	origin->local_port = local_port_of(tcp);
	origin->peer_port = peer_port_of(sk);
	copy_addresses(origin, sk);
}

/* In place of a closer that is not known there may be the process that was met with the socket: it is not meant. */
static __always_inline void forget_holder(struct wire_origin *origin)
{
	if (!origin->closer_source)
		__builtin_memset(&origin->closer, 0, sizeof(origin->closer));
}

/* What is remembered of whom and since when; the rest is to be filled in. */
static __always_inline void recount(struct wire_origin *origin, const struct memory *memory)
{
	if (memory->has_record) {
		__builtin_memcpy(origin, &memory->record, sizeof(*origin));
	} else {
		__builtin_memset(origin, 0, sizeof(*origin));
		if (memory->has_people)
			__builtin_memcpy(origin, &memory->record, PEOPLE);
	}
	origin->opener_source = source_of_opener(memory);
	forget_holder(origin);
	origin->opened_ns = memory->opened_ns;
	origin->since_ns = memory->fin_sent_ns;
	origin->role = memory->role;
}

/*
 * When the packet came that is being handled. The kernel notes that for each, so it costs no look at a clock. Outside of
 * what a packet does it is when the last one came or went.
 */
static __always_inline __u64 packet_ns(struct tcp_sock *tcp)
{
	return READ(tcp, tcp_mstamp) * 1000 + suspended_ns;
}

static __always_inline bool is_target_process(struct wire_origin *origin)
{
	__u32 pid = origin->closer.pid ?: origin->opener.pid;

	return !settings.filter_pids || bpf_map_lookup_elem(&target_pids, &pid);
}

/* One in 2,048, by chance: how full the ring is would be one more call for each. */
static __always_inline bool is_time_to_wake(const struct wire_origin *origin)
{
	return !((__u32)(origin->time_ns >> 3) * 0x9e3779b1 >> 21);
}

/*
 * The reader comes by itself within its tick, and is woken now and then when there is much for it. Where TIME_WAITs are only
 * counted nothing is sent: what is in CLOSE_WAIT the reader finds there.
 */
static __always_inline void send(const struct wire_origin *origin)
{
	if (settings.counts_only) {
		if (origin->kind == WIRE_TIME_WAIT)
			count_time_wait(origin);
		return;
	}
	if (bpf_ringbuf_output(&events, (void *)origin, sizeof(*origin),
			       is_time_to_wake(origin) ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP))
		count_loss(ring_full);
}

#endif
