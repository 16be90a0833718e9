// SPDX-License-Identifier: GPL-2.0
/*
 * What the reader asks of all memories, several times a second: which socket has waited for too long, and which one is
 * gone, though no program saw it end. A kernel runs no program while it is in the name of a process that it hides, nor
 * one that a softirq finds running on its processor already.
 */
#include "listing.bpf.h"
#include "table.bpf.h"
#include "timewait.bpf.h"

#define SURELY_BORN_NS 1000000000 /* handle_state fills in a memory in far less */

/*
 * A socket that has sent the first FIN is on its way to its end, as far as anybody has seen. The hook runs before the
 * state changes, so it may still be in the one before.
 */
static __always_inline bool is_on_its_way(struct sock *sk, struct memory *memory)
{
	__u8 state = BPF_CORE_READ(sk, sk_state);

	return (state == TCP_ESTABLISHED || state == TCP_SYN_RECV || state == TCP_FIN_WAIT1 ||
		state == TCP_FIN_WAIT2 || state == TCP_CLOSING) &&
	       BPF_CORE_READ(sk, __sk_common.skc_hash) == memory->hash &&
	       (__u64)BPF_CORE_READ(sk, __sk_common.skc_net.net) == memory->net;
}

/* One that has not: it leaves when its peer has closed first, by a reset, or because nobody answered. */
static __always_inline bool is_there(struct sock *sk, struct memory *memory)
{
	__u64 born_ns = memory->opened_ns ?: memory->waiting_since_ns;

	if (memory->closed)
		return BPF_CORE_READ(sk, sk_state) != TCP_CLOSE;
	if (!born_ns || bpf_ktime_get_boot_ns() - born_ns < SURELY_BORN_NS)
		return true;
	return BPF_CORE_READ(sk, sk_state) != TCP_CLOSE &&
	       (!memory->peer_port || peer_port_of(sk) == memory->peer_port);
}

static __always_inline bool is_gone(struct sock *sk, struct memory *memory)
{
	return !(memory->fin_sent_ns ? is_on_its_way(sk, memory) : is_there(sk, memory));
}

/*
 * To the small socket of a connection that had sent the first FIN. How much was sent and received is not known any more:
 * that was in the full socket.
 */
static __always_inline void follow(struct memory *memory, __u8 reported, bool in_table)
{
	struct wire_origin *origin = record_of(memory);
	struct net *net = (struct net *)memory->net;
	struct found found;

	forget_holder(origin);
	if (!is_target_process(origin))
		return;
	origin->opened_ns = memory->opened_ns;
	origin->since_ns = memory->fin_sent_ns;
	origin->role = memory->role;
	origin->reported = reported;
	origin->no_byte_counts = 1;
	origin->time_ns = bpf_ktime_get_boot_ns();
	found = find_small_socket(origin, net, memory->hash, true);
	if (!found.substate) {
		if (found.gave_up)
			count_loss(chain_too_long);
		else if (settings.want_time_wait)
			count_loss(ended_unseen);
		return;
	}
	/* In TIME_WAIT it does not tell how it came there. */
	if (found.substate == TCP_FIN_WAIT2)
		origin->entered_from = TCP_FIN_WAIT2;
	hand_over(found.small, net, origin, in_table);
}

/* Its socket is gone, and nobody saw it go. */
static __always_inline void settle(struct sock *sk, struct memory *memory, bool in_table)
{
	struct wire_origin *entry = memory->listed ? entry_of(sk) : NULL;
	__u8 reported = memory->has_record ? memory->record.reported : 0;

	if (entry && entry->opened_ns == memory->opened_ns) {
		reported = entry->reported;
		if (reported && entry->kind == WIRE_CLOSE_WAIT) {
			/* It was told, so its end is, whatever that was. */
			__builtin_memcpy(record_of(memory), entry, sizeof(*entry));
			memory->record.kind = WIRE_CLOSE_WAIT_END;
			memory->record.time_ns = bpf_ktime_get_boot_ns();
			memory->record.no_byte_counts = 1;
			send(&memory->record);
		}
		unlist(sk);
	}
	if (memory->fin_sent_ns && !memory->closed)
		follow(memory, reported, in_table);
}

/* Global, as each place is another way. */
__weak __noinline int sweep_place(__u32 place, __u32 key)
{
	struct memory *memory = memory_at(place);
	struct sock *sk;

	if (!memory)
		return 0;
	sk = (struct sock *)memory->socket;
	if (!(key & ENDED_UNSEEN)) {
		if (!is_gone(sk, memory)) {
			list_if_due(sk, memory);
			return 0;
		}
		/* From here on no program finds it, unless it was another one's by then. */
		if (!mark(place, key, key | ENDED_UNSEEN))
			return 0;
		if (!is_gone(sk, memory)) {
			publish(place, key);
			return 0;
		}
	}
	settle(sk, memory, true);
	give_back(place);
	return 0;
}

/* Over sets of the table of sockets. */
SEC("raw_tp")
int sweep_table(void *context)
{
	for_each_set_of_batch (index) {
		__u32 set = batch.keys[index];
		struct keys *found = bpf_map_lookup_elem(&keys, &set);

		for (__u32 way = 0; found && way < WIRE_WAYS; way++) {
			__u32 key = found->of[way];

			if (key && !(key & UNFINISHED))
				sweep_place(set * WIRE_WAYS + way, key);
		}
	}
	return 0;
}

__weak __noinline int sweep_entry(__u64 key)
{
	struct memory *memory = bpf_map_lookup_elem(&socket_hash, &key);
	struct sock *sk = (struct sock *)key;

	if (!memory)
		return 0;
	if (!is_gone(sk, memory)) {
		list_if_due(sk, memory);
		return 0;
	}
	settle(sk, memory, false);
	take(socket_hash, &key);
	return 0;
}

/* Over sockets that are remembered in the hash. */
SEC("raw_tp")
int sweep_hash(void *context)
{
	for_each_key_of_batch (index)
		sweep_entry(batch.keys[index]);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
