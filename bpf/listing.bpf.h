/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets that stay in CLOSE_WAIT or FIN_WAIT2 are put where a round finds them. */
#ifndef TCPLINGER_LISTING_BPF_H
#define TCPLINGER_LISTING_BPF_H

#include "files.bpf.h"

/* The peer's last packet is the best that is known of when an older socket entered its state. */
static __always_inline __u64 last_packet_ns(struct sock *sk)
{
	__u32 jiffies = (__u32)bpf_jiffies64() - BPF_CORE_READ((struct tcp_sock *)sk, rcv_tstamp);

	if (jiffies > (__u32)-1000) /* a packet came meanwhile, in a later jiffy */
		jiffies = 0;
	return bpf_ktime_get_boot_ns() - jiffies * nanoseconds_per_jiffy();
}

/* Puts the socket into the map of those that wait, where the next steps find it. */
static __always_inline void list(struct sock *sk, struct memory *memory, __u8 kind, __u64 since_ns)
{
	struct wire_origin origin;
	__u64 key = (__u64)sk;
	__u8 state;

	recount(&origin, memory);
	describe(&origin, sk, as_tcp(sk));
	if (settings.ends_alone)
		origin.role = role_of(as_tcp(sk));
	origin.time_ns = bpf_ktime_get_boot_ns();
	origin.kind = kind;
	origin.since_ns = since_ns;
	origin.approximate_since = memory->approximate_since;
	memory->listed = 1;
	if (memory->socket != key) {
		memory->listed = 0; /* its place is another's by now */
		return;
	}
	if (!put(waiting, &key, &origin)) {
		count_loss(waiting_full);
		return;
	}
	/* Did it leave its state while this ran, and was not found in the map? */
	state = BPF_CORE_READ(sk, sk_state);
	if (memory->closed || state != (kind == WIRE_CLOSE_WAIT ? TCP_CLOSE_WAIT : TCP_FIN_WAIT2) ||
	    (kind == WIRE_CLOSE_WAIT && !memory->waiting))
		unlist(sk);
}

/* A socket in CLOSE_WAIT or FIN_WAIT2 that no program saw enter: as long there as the peer's last packet is old. */
static __always_inline void seed_waiting(struct sock *sk, struct memory *memory)
{
	__u8 state = BPF_CORE_READ(sk, sk_state);

	if (!(state == TCP_CLOSE_WAIT && settings.want_close_wait) &&
	    !(state == TCP_FIN_WAIT2 && settings.want_fin_wait2))
		return;
	memory->waiting_since_ns = last_packet_ns(sk);
	memory->approximate_since = 1;
	memory->waiting = state == TCP_CLOSE_WAIT ? WIRE_CLOSE_WAIT : WIRE_FIN_WAIT2;
	list(sk, memory, memory->waiting, memory->waiting_since_ns);
}

static __always_inline bool is_due(__u64 since_ns)
{
	return bpf_ktime_get_boot_ns() - since_ns >= current_round.min_age_ns;
}

/* If it has waited for min_age. A FIN_WAIT2 lasts since the first FIN. */
static __always_inline void list_if_due(struct sock *sk, struct memory *memory)
{
	if (memory->closed || memory->listed)
		return;
	if (memory->waiting) {
		if (is_due(memory->waiting_since_ns))
			list(sk, memory, memory->waiting, memory->waiting_since_ns);
	} else if (memory->fin_sent_ns) {
		if (settings.want_fin_wait2 && is_due(memory->fin_sent_ns) &&
		    BPF_CORE_READ(sk, sk_state) == TCP_FIN_WAIT2)
			list(sk, memory, WIRE_FIN_WAIT2, memory->fin_sent_ns);
	} else if (!memory->waiting_since_ns) {
		/* It may have entered its state while no program ran. */
		seed_waiting(sk, memory);
	}
}

#endif
