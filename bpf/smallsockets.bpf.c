// SPDX-License-Identifier: GPL-2.0
/*
 * The look at small sockets, several times a second: those that no hook has told are in TIME_WAIT, those that ended without
 * it, and those that stay in FIN_WAIT2.
 */
#define SOCKETS_ARE_ADDRESSES
#include "timewait.bpf.h"

enum fate {
	WAITS,
	WAITS_TOO_LONG, /* for min_age, and it was not told yet */
	IN_TIME_WAIT,	/* or was when it died */
	OVER,
	OVER_UNKNOWN, /* it may have been in TIME_WAIT */
};

static __always_inline enum fate fate_of(struct inet_timewait_sock *small, const struct wire_origin *origin)
{
	struct net *net = BPF_CORE_READ(small, __tw_common.skc_net.net);
	__u64 now = bpf_ktime_get_boot_ns();
	bool same, is_alive;
	__u8 substate;

	/* Before the state: what is dead has the state in which it died. */
	is_alive = BPF_CORE_READ(small, __tw_common.skc_refcnt.refs.counter);
	substate = substate_of(small, net, origin);
	same = substate && number_of(net) == origin->netns;
	if (same && substate == TCP_TIME_WAIT)
		return IN_TIME_WAIT;
	/*
	 * Its memory is used again. With a hook, it was not in TIME_WAIT; yet a hook can be skipped, and
	 * a short-lived TIME_WAIT then falls between two looks. The frontend counts no more of these than runs
	 * that were skipped. No small socket times out within a second.
	 */
	if (!same && (!settings.small_sockets_hooked || now - origin->time_ns < 1000000000))
		return OVER_UNKNOWN;
	if (!same || !is_alive)
		return OVER;
	if (!settings.want_fin_wait2 || (origin->reported && !current_round.everything) ||
	    now - origin->since_ns < settings.min_age_ns || !is_target_process((struct wire_origin *)origin))
		return WAITS;
	return WAITS_TOO_LONG;
}

/* Changes the time of the record, which is a copy. */
static __always_inline bool write(struct seq_file *seq, struct wire_origin *origin)
{
	origin->time_ns = bpf_ktime_get_boot_ns();
	return !bpf_seq_write(seq, origin, sizeof(*origin));
}

/* What is over is told, or counted, and given back. Global, as each place is another way. */
__weak __noinline int settle_place(__u32 place, __u32 key)
{
	struct small_socket *entry = small_socket_at(place);
	struct inet_timewait_sock *small;
	enum fate fate;
	__u64 time_ns;

	if (!entry)
		return WAITS;
	small = (struct inet_timewait_sock *)entry->address;
	time_ns = entry->origin.time_ns;
	fate = fate_of(small, &entry->origin);
	if (fate == WAITS || fate == WAITS_TOO_LONG)
		return fate;
	if (!mark(place, key, key | UNFINISHED))
		return WAITS;
	if (entry->origin.time_ns != time_ns) { /* of another small socket that has its address by now */
		publish(place, key);
		return WAITS;
	}
	if (fate == IN_TIME_WAIT)
		tell_time_wait(&entry->origin);
	else if (fate == OVER_UNKNOWN)
		count_loss(handed_over_gone);
	give_back(place);
	return fate;
}

__weak __noinline int note_told(__u32 place)
{
	struct small_socket *entry = small_socket_at(place);

	if (entry && entry->is_written) {
		entry->is_written = 0;
		entry->origin.reported = 1;
	}
	return 0;
}

/*
 * Over the table, a set a run. What finds no room in the reader's buffer is asked for again, the whole set: so nothing is
 * marked as told before all of it is written.
 */
SEC("iter/bpf_map_elem")
int settle_small_sockets(struct bpf_iter__bpf_map_elem *context)
{
	struct keys *found = context->value;
	__u32 *set = context->key, first;

	if (!set || !found || *set < 1U << settings.table_bits)
		return 0;
	first = *set * WIRE_WAYS;
	for (__u32 way = 0; way < WIRE_WAYS; way++) {
		__u32 key = found->of[way];
		struct small_socket *entry;
		struct wire_origin origin;

		if (!key || key & UNFINISHED || settle_place(first + way, key) != WAITS_TOO_LONG)
			continue;
		entry = small_socket_at(first + way);
		if (!entry)
			return 0;
		__builtin_memcpy(&origin, &entry->origin, sizeof(origin));
		if (!write(context->meta->seq, &origin))
			return 0;
		entry->is_written = 1;
	}
	for (__u32 way = 0; way < WIRE_WAYS; way++)
		if (found->of[way])
			note_told(first + way);
	return 0;
}

/* Deletes the entry that was looked at, not the one of another small socket that has its address by now. */
static __always_inline bool drop(__u64 key, const struct wire_origin *origin)
{
	struct wire_origin *present = bpf_map_lookup_elem(&handed_over, &key);

	return present && present->time_ns == origin->time_ns && take(handed_over, &key);
}

/* The same over those that are not in the table. */
SEC("iter/bpf_map_elem")
int settle_handed_over(struct bpf_iter__bpf_map_elem *context)
{
	struct wire_origin *found = context->value, origin;
	__u64 *address = context->key, key;

	if (!address || !found)
		return 0;
	key = *address;
	__builtin_memcpy(&origin, found, sizeof(origin));
	switch (fate_of((struct inet_timewait_sock *)key, &origin)) {
	case WAITS:
		break;
	case WAITS_TOO_LONG:
		if (write(context->meta->seq, &origin))
			found->reported = 1;
		break;
	case IN_TIME_WAIT:
		if (drop(key, &origin))
			tell_time_wait(&origin);
		break;
	case OVER:
		drop(key, &origin);
		break;
	case OVER_UNKNOWN:
		if (drop(key, &origin))
			count_loss(handed_over_gone);
		break;
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
