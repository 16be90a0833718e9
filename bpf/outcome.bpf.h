/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When a small socket goes from FIN_WAIT2 to TIME_WAIT: no tracepoint says so. Hooked, it is known at
 * once; not hooked, the sweep finds it several times a second.
 */
#ifndef TCPLINGER_OUTCOME_BPF_H
#define TCPLINGER_OUTCOME_BPF_H

#include "timewait.bpf.h"

/*
 * Is it in TIME_WAIT, and still the small socket of this connection? One that was reset leaves its entry until the next
 * look, and its memory to the next one.
 */
static __always_inline bool has_entered_time_wait(struct inet_timewait_sock *small, struct net *net,
						  const struct wire_origin *origin)
{
	return number_of(net) == origin->netns && substate_of(small, net, origin) == TCP_TIME_WAIT;
}

/* False: the table does not have it. */
static __always_inline bool tell_near(struct inet_timewait_sock *small, struct net *net)
{
	__u32 half = half_of(small), place = find_place(half, OF_SMALL_SOCKETS);
	struct small_socket *entry = small_socket_at(place);

	if (place == NOWHERE || !entry || entry->address != (__u64)small)
		return false;
	if (has_entered_time_wait(small, net, &entry->origin))
		take_and_tell(place, half, &entry->origin);
	return true;
}

static __always_inline void tell_far(struct inet_timewait_sock *small, struct net *net)
{
	struct wire_origin *found, origin;
	__u64 key = (__u64)small;

	found = bpf_map_lookup_elem(&handed_over, &key);
	if (!found || !has_entered_time_wait(small, net, found))
		return;
	__builtin_memcpy(&origin, found, sizeof(origin));
	if (take(handed_over, &key))
		tell_time_wait(&origin);
}

static __always_inline void on_small_socket(struct inet_timewait_sock *small, struct net *net)
{
	if (HAS_TABLE && tell_near(small, net))
		return;
	if (handed_over_entries)
		tell_far(small, net);
}

#endif
