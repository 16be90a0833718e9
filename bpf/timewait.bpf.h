/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The proof of a TIME_WAIT is the small socket itself: the kernel puts it in the established table
 * before the full socket goes to CLOSE. No small socket, no TIME_WAIT: so a reset, an abort,
 * TCP_LINGER2 and a full bucket table (tcp_max_tw_buckets) need no rule of their own.
 */
#ifndef TCPLINGER_TIMEWAIT_BPF_H
#define TCPLINGER_TIMEWAIT_BPF_H

#include "origin.bpf.h"
#include "table.bpf.h"

/*
 * A small socket is read where it is, if the kernel has casts; otherwise it is copied in one go, as a call for each field
 * would be most of the cost of a TIME_WAIT. What is read of it ends before the timer.
 */
struct small_head {
	__u64 words[18];
};

/* Is this the small socket of that connection, but for the network namespace? */
static __always_inline bool is_small_socket_of(const struct sock_common *small,
					       const struct wire_origin *origin)
{
	const __u32 *local = (const __u32 *)origin->local_address, *peer = (const __u32 *)origin->peer_address;

	if (small->skc_state != TCP_TIME_WAIT || bpf_ntohs(small->skc_dport) != origin->peer_port ||
	    small->skc_num != origin->local_port)
		return false;
	if (origin->family == 4)
		return small->skc_daddr == peer[0] && small->skc_rcv_saddr == local[0];
	for (int i = 0; i < 4; i++)
		if (small->skc_v6_daddr.in6_u.u6_addr32[i] != peer[i] ||
		    small->skc_v6_rcv_saddr.in6_u.u6_addr32[i] != local[i])
			return false;
	return true;
}

/* Is this the small socket of that connection? */
static __always_inline bool is_meant(const struct inet_timewait_sock *small, struct net *net,
				     const struct wire_origin *origin)
{
	return is_small_socket_of(&small->__tw_common, origin) && small->__tw_common.skc_net.net == net;
}

/*
 * TCP_FIN_WAIT2 or TCP_TIME_WAIT; 0 if its memory is another's by now, as a small socket that ends leaves it at once. The
 * state is read first, so that it is this connection's.
 */
#if HAS_CASTS
static __always_inline __u8 substate_of(struct inet_timewait_sock *small, struct net *net,
					const struct wire_origin *origin)
{
	const struct inet_timewait_sock *seen = cast(small, struct inet_timewait_sock);
	__u8 substate = seen->tw_substate;

	return is_meant(seen, net, origin) ? substate : 0;
}
#else
/* A function of its own, as the copy does not fit on one stack with a record. */
static __noinline __u8 substate_of(struct inet_timewait_sock *small, struct net *net,
				   const struct wire_origin *origin)
{
	const struct inet_timewait_sock *seen;
	struct small_head head;
	__u8 substate;

	if (bpf_probe_read_kernel(&head, sizeof(head), small))
		return 0;
	seen = (const void *)&head;
	/* As a rule it stands right behind the head. */
	if (bpf_core_field_offset(seen->tw_substate) < sizeof(head))
		substate = seen->tw_substate;
	else
		substate = BPF_CORE_READ(small, tw_substate);
	return is_meant(seen, net, origin) ? substate : 0;
}
#endif

/* A number in the kernel's memory. A pointer that is read as one stays a pointer, to the verifier. */
static __always_inline __u64 word_at(const void *address)
{
	__u64 word = 0;

	if (HAS_CASTS)
		return cast(address, struct timespec64)->tv_sec;
	bpf_probe_read_kernel(&word, sizeof(word), address);
	return word;
}

/* What a walk reads of a socket: it ends with the link to the next one. */
struct link_head {
	__u64 words[14];
};

/*
 * Chains are short, and a new small socket stands at the head of its chain. By the time the sweep comes it may stand deep in
 * it. The verifier follows each turn of a loop, yet a global function but once: so a long search is one of short loops.
 */
#define STEPS 8	    /* of a walk */
#define WALKS 4	    /* of a search */
#define SEARCHES 32 /* of the sweep */

/* Where a walk ends that has not found it: the lowest bits of a node, which is aligned. */
#define MISLED 1  /* in another chain: a socket on the way has gone there meanwhile */
#define GOES_ON 2 /* the chain does, from this node on */

/*
 * What the kernel leaves out of the hash of an IPv6 connection, in one number: all of the own address but the last four bytes.
 * Many an interface has several addresses that end alike.
 */
static __always_inline __u32 prefix_of(const __u32 *own_address)
{
	return (own_address[0] * 31 + own_address[1]) * 31 + own_address[2];
}

/*
 * The small socket with this hash and these ports (the hash above them) and this prefix in the chain from this node on, 0 if
 * there is none, or where it ended. A global function: the verifier goes through its loop once, not once for each way that
 * leads here, which would take longer than the rest of the start.
 */
__weak __noinline __u64 walk_chain(__u64 node, __u32 slot, __u64 hash_and_ports, __u32 prefix)
{
	struct link_head head;

	for (int i = 0;; i++) {
		struct sock_common *sk;
		__u64 address;

		/* A chain ends with its own number. */
		if (node == ((__u64)slot << 1 | 1))
			return 0;
		if (!node || node & 1)
			return MISLED;
		if (i == STEPS)
			return node | GOES_ON;
		address = node - bpf_core_field_offset(struct sock_common, skc_nulls_node);
		if (bpf_probe_read_kernel(&head, sizeof(head), (void *)address))
			return MISLED;
		sk = (void *)&head;
		if (sk->skc_hash == hash_and_ports >> 32 && sk->skc_state == TCP_TIME_WAIT &&
		    sk->skc_num == (__u16)(hash_and_ports >> 16) &&
		    bpf_ntohs(sk->skc_dport) == (__u16)hash_and_ports &&
		    (sk->skc_family == AF_INET || prefix_of(sk->skc_v6_rcv_saddr.in6_u.u6_addr32) == prefix))
			return address;
		node = (__u64)sk->skc_nulls_node.next;
	}
}

/*
 * The same from where an earlier search ended, at first, and where one was misled, from the head of the chain; what is no
 * address says where this one ended. Of a global function there is one for all objects, those without casts as well: so it
 * has none.
 */
__weak __noinline __u64 search_chain(__u64 chain, __u32 slot, __u64 hash_and_ports, __u32 prefix, __u64 end)
{
	for (int walk = 0; walk < WALKS; walk++) {
		__u64 node = end & ~GOES_ON;

		if (end == MISLED)
			bpf_probe_read_kernel(&node, sizeof(node), (void *)chain);
		end = walk_chain(node, slot, hash_and_ports, prefix);
		if (!(end & (MISLED | GOES_ON)))
			break;
	}
	return end;
}

/*
 * The same for the sweep, which has the time. No function of its own: a kernel that rounds the stack of each call up to 32 bytes
 * has no room for one more (6.1).
 */
static __always_inline __u64 search_deeply(__u64 chain, __u32 slot, __u64 hash_and_ports, __u32 prefix)
{
	__u64 end = MISLED;

	for (int search = 0; search < SEARCHES && end & (MISLED | GOES_ON); search++)
		end = search_chain(chain, slot, hash_and_ports, prefix, end);
	return end;
}

struct found {
	struct inet_timewait_sock *small;
	__u8 substate; /* 0: there is none */
	bool gave_up;  /* or it was not found */
};

/* Finds the small socket that has taken over from a full one with this hash. */
static __always_inline struct found find_small_socket(const struct wire_origin *origin, struct net *net,
						      __u32 hash, bool deeply)
{
	struct inet_hashinfo *table = tcp_hashinfo_of(net);
	__u32 slot = hash & READ(table, ehash_mask), prefix = prefix_of((const __u32 *)origin->local_address);
	__u64 hash_and_ports = (__u64)hash << 32 | (__u32)origin->local_port << 16 | origin->peer_port,
	      chain = word_at(&table->ehash) + slot * sizeof(void *), small = word_at((void *)chain);
	struct found found = {};

	/* As a rule it is the first one. */
	if (!(small & 1)) {
		found.small = (void *)(small - bpf_core_field_offset(struct sock_common, skc_nulls_node));
		found.substate = substate_of(found.small, net, origin);
		if (found.substate)
			return found;
	}
	small = deeply ? search_deeply(chain, slot, hash_and_ports, prefix)
		       : search_chain(chain, slot, hash_and_ports, prefix, MISLED);
	if (!small)
		return found;
	found.small = (void *)small;
	if (!(small & (MISLED | GOES_ON)))
		found.substate = substate_of(found.small, net, origin);
	/* Or it has ended since. */
	found.gave_up = !found.substate;
	return found;
}

static __always_inline void tell_time_wait(struct wire_origin *origin)
{
	if (!settings.want_time_wait || !is_target_process(origin))
		return;
	origin->kind = WIRE_TIME_WAIT;
	origin->time_ns = bpf_ktime_get_boot_ns();
	send(origin);
}

static __always_inline struct small_socket *small_socket_at(__u32 place)
{
	__u32 number = place - (WIRE_WAYS << settings.table_bits);

	return bpf_map_lookup_elem(&small_sockets, &number);
}

/*
 * A small socket that was handed over is in TIME_WAIT. Several may find out at the same time, the hook, the look and who
 * handed it over: whoever takes the entry tells.
 */
static __always_inline void take_and_tell(__u32 place, __u32 key, struct wire_origin *origin)
{
	if (!mark(place, key, key | UNFINISHED))
		return;
	tell_time_wait(origin);
	give_back(place);
}

/* False: the table has no room. */
static __always_inline bool hand_over_near(struct inet_timewait_sock *small, struct net *net,
					   const struct wire_origin *origin)
{
	bool is_looked_for = settings.small_sockets_hooked;
	__u32 half = half_of(small),
	      place = is_looked_for ? claim_place(half, OF_SMALL_SOCKETS) : claim_next_place(half);
	struct small_socket *entry;

	if (place == NOWHERE) {
		/* An entry of the small socket that had this memory before, and ended since the last look? */
		__u32 older = find_place(half, OF_SMALL_SOCKETS);

		entry = small_socket_at(older);
		if (!entry || entry->address != (__u64)small || !mark(older, half, half | UNFINISHED))
			return false;
		count_loss(handed_over_gone);
		place = older;
	}
	entry = small_socket_at(place);
	if (!entry)
		return false;
	__builtin_memcpy(&entry->origin, origin, sizeof(entry->origin));
	entry->address = (__u64)small;
	if (!is_looked_for) {
		release(place, half);
		return true;
	}
	publish(place, half);
	/* The peer's FIN may have come on another processor before the entry was there for the hook to find, and a reset. */
	switch (substate_of(small, net, origin)) {
	case 0:
		if (mark(place, half, half | UNFINISHED)) {
			count_loss(ended_unseen);
			give_back(place);
		}
		break;
	case TCP_TIME_WAIT:
		take_and_tell(place, half, &entry->origin);
		break;
	}
	return true;
}

/*
 * With casts, and so on a kernel where it may be given a pointer, it is a function that is verified once: there it is rare.
 */
#if HAS_CASTS
__weak __noinline
#else
static __always_inline
#endif
	int
	hand_over_far(__u64 address, struct wire_origin *origin)
{
	struct inet_timewait_sock *small = (void *)address;
	struct net *net = BPF_CORE_READ(small, __tw_common.skc_net.net);

	if (!origin)
		return 0;
	if (bpf_map_lookup_elem(&handed_over, &address))
		count_loss(handed_over_gone);
	if (!put(handed_over, &address, origin)) {
		count_loss(handed_over_full);
		return 0;
	}
	switch (BPF_CORE_READ(net, ns.inum) == origin->netns ? substate_of(small, net, origin) : 0) {
	case 0:
		if (take(handed_over, &address))
			count_loss(ended_unseen);
		break;
	case TCP_TIME_WAIT:
		if (take(handed_over, &address))
			tell_time_wait(origin);
		break;
	}
	return 0;
}

/*
 * The small socket is in FIN_WAIT2: it is looked at again when the peer's FIN comes. Where it is not to go into the table
 * the caller must be free of fetching atomics.
 */
static __always_inline void hand_over(struct inet_timewait_sock *small, struct net *net,
				      struct wire_origin *origin, bool into_table)
{
	origin->kind = WIRE_FIN_WAIT2;
	if (!origin->since_ns)
		origin->since_ns = origin->time_ns;
	if (!into_table || !hand_over_near(small, net, origin))
		hand_over_far((__u64)small, origin);
}

#endif
