// SPDX-License-Identifier: GPL-2.0
/*
 * When a small socket goes from FIN_WAIT2 to TIME_WAIT: no tracepoint says so. Hooked, it is known at
 * once; not hooked, the sweep finds it several times a second.
 */
#define SOCKETS_ARE_ADDRESSES
#include "timewait.bpf.h"

/*
 * Is the memory that was copied still the small socket of this connection? One that was reset leaves its entry until the
 * next look, and its memory to the next one.
 */
static __always_inline bool is_meant(struct small_head *head, __u32 netns, const struct wire_origin *origin)
{
	return is_small_socket_of(head, origin) && origin->netns == netns;
}

/* False: the table does not have it. */
static __always_inline bool tell_near(struct small_head *head, struct inet_timewait_sock *small, __u32 netns)
{
	__u32 half = half_of(small), place = find_place(half, OF_SMALL_SOCKETS);
	struct small_socket *entry = small_socket_at(place);

	if (place == NOWHERE || !entry || entry->address != (__u64)small)
		return false;
	if (is_meant(head, netns, &entry->origin))
		take_and_tell(place, half, &entry->origin);
	return true;
}

static __always_inline void tell_far(struct small_head *head, struct inet_timewait_sock *small, __u32 netns)
{
	struct wire_origin *found, origin;
	__u64 key = (__u64)small;

	found = bpf_map_lookup_elem(&handed_over, &key);
	if (!found || !is_meant(head, netns, found))
		return;
	__builtin_memcpy(&origin, found, sizeof(origin));
	if (!bpf_map_delete_elem(&handed_over, &key))
		tell_time_wait(&origin);
}

static __always_inline void on_small_socket(struct inet_timewait_sock *small, __u32 netns)
{
	struct small_head head;

	if (bpf_probe_read_kernel(&head, sizeof(head), small) || substate_of(&head, small) != TCP_TIME_WAIT)
		return;
	if (HAS_TABLE && tell_near(&head, small, netns))
		return;
	if (handed_over_in_use)
		tell_far(&head, small, netns);
}

/* 3 arguments until 6.1, 4 in 6.12, 5 in 7.2: only the first, the small socket, is read. */
SEC("fexit/tcp_timewait_state_process")
int BPF_PROG(handle_small_socket, struct inet_timewait_sock *small)
{
	on_small_socket(small, small->__tw_common.skc_net.net->ns.inum);
	return 0;
}

#ifndef WITHOUT_TABLE
/*
 * v6.11, ba8de796baf4: kfree_skb names the receiving socket. A packet for a small socket has nobody to
 * go to, so it always ends here, after the small socket has taken notice of it.
 */
SEC("tp_btf/kfree_skb")
int BPF_PROG(handle_packet_end, struct sk_buff *skb, void *location, int reason, struct sock *receiver)
{
	if (receiver && receiver->sk_state == TCP_TIME_WAIT)
		on_small_socket((struct inet_timewait_sock *)receiver,
				receiver->__sk_common.skc_net.net->ns.inum);
	return 0;
}
#endif

char LICENSE[] SEC("license") = "GPL";
