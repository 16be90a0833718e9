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
 * A small socket, copied in one go: a call for each field would be most of the cost of a TIME_WAIT. What is read of it ends
 * before the timer.
 */
struct small_head {
	__u64 words[18];
};

#define HEAD(head, type, field) (*(type *)((char *)(head) + bpf_core_field_offset(struct sock_common, field)))

/* As a rule it stands right behind the head. */
static __always_inline __u8 substate_of(struct small_head *head, struct inet_timewait_sock *small)
{
	__u32 offset = bpf_core_field_offset(struct inet_timewait_sock, tw_substate);

	return offset < sizeof(*head) ? ((__u8 *)head)[offset] : BPF_CORE_READ(small, tw_substate);
}

/* Is this the small socket of that connection, but for the network namespace? */
static __always_inline bool is_small_socket_of(struct small_head *head, const struct wire_origin *origin)
{
	const __u32 *local = (const __u32 *)origin->local_address, *peer = (const __u32 *)origin->peer_address;

	if (HEAD(head, __u8, skc_state) != TCP_TIME_WAIT ||
	    bpf_ntohs(HEAD(head, __be16, skc_dport)) != origin->peer_port ||
	    HEAD(head, __u16, skc_num) != origin->local_port)
		return false;
	if (origin->family == 4)
		return HEAD(head, __be32, skc_daddr) == peer[0] &&
		       HEAD(head, __be32, skc_rcv_saddr) == local[0];
	for (int i = 0; i < 4; i++)
		if ((&HEAD(head, __u32, skc_v6_daddr))[i] != peer[i] ||
		    (&HEAD(head, __u32, skc_v6_rcv_saddr))[i] != local[i])
			return false;
	return true;
}

/* Copies it. False: its memory is another's by now, as a small socket that ends leaves it at once. */
static __always_inline bool copy_small_socket(struct small_head *head, struct inet_timewait_sock *small,
					      struct net *net, const struct wire_origin *origin)
{
	return !bpf_probe_read_kernel(head, sizeof(*head), small) && is_small_socket_of(head, origin) &&
	       HEAD(head, struct net *, skc_net.net) == net;
}

/* Chains are short, and a new small socket stands at the head of its chain. A longer walk is counted as a loss. */
#define MAX_CHAIN 16
#define GAVE_UP 1

/* What a walk reads of a socket: it ends with the link to the next one. */
struct link_head {
	__u64 words[14];
};

/*
 * The small socket with this hash and these ports in the chain that begins there, 0 if there is none, or GAVE_UP. A
 * global function: the verifier goes through its loop once, not once for each way that leads here, which would take
 * longer than the rest of the start.
 */
__weak __noinline __u64 walk_chain(__u64 chain, __u32 slot, __u32 hash, __u32 ports)
{
	struct sock_common *small;
	struct link_head head;
	__u64 node = 0;

	bpf_probe_read_kernel(&node, sizeof(node), (void *)chain);
	for (int i = 0; i < MAX_CHAIN; i++) {
		/* A chain ends with its own number. */
		if (node == ((__u64)slot << 1 | 1))
			return 0;
		if (!node || node & 1)
			break;
		small = (void *)(node - bpf_core_field_offset(small->skc_nulls_node));
		if (bpf_probe_read_kernel(&head, sizeof(head), small))
			break;
		if (HEAD(&head, unsigned int, skc_hash) == hash &&
		    HEAD(&head, __u8, skc_state) == TCP_TIME_WAIT &&
		    HEAD(&head, __u16, skc_num) == ports >> 16 &&
		    bpf_ntohs(HEAD(&head, __be16, skc_dport)) == (ports & 0xffff))
			return (__u64)small;
		node = HEAD(&head, __u64, skc_nulls_node.next);
	}
	return GAVE_UP;
}

/* Finds and copies the small socket that has taken over from a full one with this hash; NULL: there is none. */
static __always_inline struct inet_timewait_sock *
small_socket_of(struct small_head *head, struct memory *memory, struct net *net, __u32 hash, bool *gave_up)
{
	const struct wire_origin *origin = &memory->record;
	struct inet_hashinfo *table = tcp_hashinfo_of(net);
	__u32 slot = hash & READ(table, ehash_mask),
	      ports = (__u32)origin->local_port << 16 | origin->peer_port;
	volatile __u64 *chains = &memory->chains;
	__u64 chain, node = 0, small;

	*chains = (__u64)READ(table, ehash);
	chain = *chains + slot * sizeof(void *);
	/* As a rule it is the first one. */
	bpf_probe_read_kernel(&node, sizeof(node), (void *)chain);
	small = node - bpf_core_field_offset(struct sock_common, skc_nulls_node);
	if (!(node & 1) && copy_small_socket(head, (void *)small, net, origin))
		return (void *)small;
	small = walk_chain(chain, slot, hash, ports);
	if (small == GAVE_UP) /* a socket on the way has gone into another chain meanwhile */
		small = walk_chain(chain, slot, hash, ports);
	if (!small || (small != GAVE_UP && copy_small_socket(head, (void *)small, net, origin)))
		return (void *)small;
	/* Or another connection with this hash and these ports stands before it. */
	count_loss(chain_too_long);
	*gave_up = true;
	return NULL;
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
static __always_inline bool hand_over_near(struct small_head *head, struct inet_timewait_sock *small,
					   struct net *net, const struct wire_origin *origin)
{
	__u32 half = half_of(small), place = claim_place(half, OF_SMALL_SOCKETS);
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
	entry->is_written = 0;
	publish(place, half);
	/* The peer's FIN may have come on another processor before the entry was there for the hook to find, and a reset. */
	if (!copy_small_socket(head, small, net, origin)) {
		if (mark(place, half, half | UNFINISHED)) {
			count_loss(ended_unseen);
			give_back(place);
		}
	} else if (substate_of(head, small) == TCP_TIME_WAIT) {
		take_and_tell(place, half, &entry->origin);
	}
	return true;
}

static __always_inline void hand_over_far(struct small_head *head, struct inet_timewait_sock *small,
					  struct net *net, struct wire_origin *origin)
{
	__u64 key = (__u64)small;

	handed_over_in_use = 1;
	if (bpf_map_lookup_elem(&handed_over, &key))
		count_loss(handed_over_gone);
	if (bpf_map_update_elem(&handed_over, &key, origin, BPF_ANY)) {
		count_loss(handed_over_full);
		return;
	}
	if (!copy_small_socket(head, small, net, origin)) {
		if (!bpf_map_delete_elem(&handed_over, &key))
			count_loss(ended_unseen);
	} else if (substate_of(head, small) == TCP_TIME_WAIT) {
		if (!bpf_map_delete_elem(&handed_over, &key))
			tell_time_wait(origin);
	}
}

/*
 * The small socket is in FIN_WAIT2: it is looked at again when the peer's FIN comes. Where it is not to go into the table
 * the caller must be free of fetching atomics. Copies the small socket once more.
 */
static __always_inline void hand_over(struct small_head *head, struct inet_timewait_sock *small,
				      struct net *net, struct wire_origin *origin, bool into_table)
{
	origin->kind = WIRE_FIN_WAIT2;
	if (!origin->since_ns)
		origin->since_ns = origin->time_ns;
	if (!into_table || !hand_over_near(head, small, net, origin))
		hand_over_far(head, small, net, origin);
}

#endif
