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

/* Hands out what has waited too long. */
static __always_inline void tell(struct wire_origin *origin)
{
	struct wire_origin *answer = next_answer();

	if (!answer)
		return;
	__builtin_memcpy(answer, origin, sizeof(*answer));
	answer->time_ns = bpf_ktime_get_boot_ns();
	batch.origin_count++;
	origin->reported = 1;
}

/* What is over is told, or counted, and given back. Global, as each place is another way. */
__weak __noinline int settle_place(__u32 place, __u32 key)
{
	struct small_socket *entry = small_socket_at(place);
	struct inet_timewait_sock *small;
	enum fate fate;
	__u64 time_ns;

	if (!entry)
		return 0;
	small = (struct inet_timewait_sock *)entry->address;
	time_ns = entry->origin.time_ns;
	fate = fate_of(small, &entry->origin);
	if (fate == WAITS_TOO_LONG)
		tell(&entry->origin);
	if (fate == WAITS || fate == WAITS_TOO_LONG || !mark(place, key, key | UNFINISHED))
		return 0;
	if (entry->origin.time_ns != time_ns) { /* of another small socket that has its address by now */
		publish(place, key);
		return 0;
	}
	if (fate == IN_TIME_WAIT)
		tell_time_wait(&entry->origin);
	else if (fate == OVER_UNKNOWN)
		count_loss(handed_over_gone);
	give_back(place);
	return 0;
}

/* Over sets of the table of small sockets. */
SEC("raw_tp")
int settle_small_sockets(void *context)
{
	for_each_set_of_batch (index) {
		__u32 set = batch.keys[index];
		struct keys *found = bpf_map_lookup_elem(&keys, &set);

		for (__u32 way = 0; found && way < WIRE_WAYS; way++) {
			__u32 key = found->of[way];

			if (key && !(key & UNFINISHED))
				settle_place(set * WIRE_WAYS + way, key);
		}
	}
	return 0;
}

/* Deletes the entry that was looked at, not the one of another small socket that has its address by now. */
static __always_inline bool drop(__u64 key, const struct wire_origin *origin)
{
	struct wire_origin *present = bpf_map_lookup_elem(&handed_over, &key);

	return present && present->time_ns == origin->time_ns && take(handed_over, &key);
}

__weak __noinline int settle_entry(__u64 key)
{
	struct wire_origin *found = bpf_map_lookup_elem(&handed_over, &key), origin;

	if (!found)
		return 0;
	__builtin_memcpy(&origin, found, sizeof(origin));
	switch (fate_of((struct inet_timewait_sock *)key, &origin)) {
	case WAITS:
		break;
	case WAITS_TOO_LONG:
		tell(found);
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

/* The same over those that are not in the table. */
SEC("raw_tp")
int settle_handed_over(void *context)
{
	for_each_key_of_batch (index)
		settle_entry(batch.keys[index]);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
