// SPDX-License-Identifier: GPL-2.0
/*
 * When a small socket goes from FIN_WAIT2 to TIME_WAIT: no tracepoint says so. Hooked, it is known at
 * once; not hooked, the frontend runs settle_handed_over several times a second.
 */
#define SOCKETS_ARE_ADDRESSES
#include "origin.bpf.h"

/* Is the memory at this address still the small socket of this connection, alive or just dead? */
static __always_inline bool is_same_connection(struct sock_common *small, struct wire_origin *origin)
{
	__u32 peer, local;

	if (BPF_CORE_READ(small, skc_state) != TCP_TIME_WAIT ||
	    bpf_ntohs(BPF_CORE_READ(small, skc_dport)) != origin->peer_port ||
	    bpf_ntohs(BPF_CORE_READ((struct inet_timewait_sock *)small, tw_sport)) != origin->local_port ||
	    netns_of((struct sock *)small) != origin->netns)
		return false;
	if (origin->family == 6) {
		struct wire_origin now = {};

		copy_addresses(&now, (struct sock *)small);
		return !__builtin_memcmp(now.peer_address, origin->peer_address, 16) &&
		       !__builtin_memcmp(now.local_address, origin->local_address, 16);
	}
	peer = BPF_CORE_READ(small, skc_daddr);
	local = BPF_CORE_READ(small, skc_rcv_saddr);
	return peer == *(__u32 *)origin->peer_address && local == *(__u32 *)origin->local_address;
}

static __always_inline void on_small_socket(struct inet_timewait_sock *small)
{
	struct wire_origin *found, origin;
	__u64 key = (__u64)small;

	if (BPF_CORE_READ(small, tw_substate) != TCP_TIME_WAIT)
		return;
	found = bpf_map_lookup_elem(&handed_over, &key);
	/* A small socket that was reset leaves its entry until the next look, and its memory to the next one. */
	if (!found || !is_same_connection(&small->__tw_common, found))
		return;
	__builtin_memcpy(&origin, found, sizeof(origin));
	report_time_wait(key, &origin);
}

/* 3 arguments until 6.1, 4 in 6.12, 5 in 7.2: only the first, the small socket, is read. */
SEC("fexit/tcp_timewait_state_process")
int BPF_PROG(handle_small_socket, struct inet_timewait_sock *small)
{
	on_small_socket(small);
	return 0;
}

/*
 * v6.11, ba8de796baf4: kfree_skb names the receiving socket. A packet for a small socket has nobody to
 * go to, so it always ends here, after the small socket has taken notice of it.
 */
SEC("tp_btf/kfree_skb")
int BPF_PROG(handle_packet_end, struct sk_buff *skb, void *location, int reason, struct sock *receiver)
{
	if (receiver && receiver->sk_state == TCP_TIME_WAIT)
		on_small_socket((struct inet_timewait_sock *)receiver);
	return 0;
}

/* Deletes the entry that was looked at, not the one of another small socket that has its address by now. */
static __always_inline bool drop(__u64 key, const struct wire_origin *origin)
{
	struct wire_origin *present = bpf_map_lookup_elem(&handed_over, &key);

	return present && present->time_ns == origin->time_ns && !bpf_map_delete_elem(&handed_over, &key);
}

/*
 * Sends a record for each small socket that is in TIME_WAIT now, or was when it died, and writes one for each
 * that has waited in FIN_WAIT2 for min_age.
 */
SEC("iter/bpf_map_elem")
int settle_handed_over(struct bpf_iter__bpf_map_elem *context)
{
	struct wire_origin *found = context->value, origin;
	__u64 *address = context->key, key;
	struct inet_timewait_sock *small;
	bool same, is_alive;

	if (!address || !found)
		return 0;
	key = *address;
	small = (struct inet_timewait_sock *)key;
	__builtin_memcpy(&origin, found, sizeof(origin));
	same = is_same_connection(&small->__tw_common, &origin);
	/* Before the state: what is dead has the state in which it died. */
	is_alive = BPF_CORE_READ(small, __tw_common.skc_refcnt.refs.counter);
	if (same && BPF_CORE_READ(small, tw_substate) == TCP_TIME_WAIT) {
		report_time_wait(key, &origin);
		return 0;
	}
	if (!same || !is_alive) {
		/*
		 * Its memory is used again. With a hook, it was not in TIME_WAIT; yet a hook can be skipped, and
		 * a short-lived TIME_WAIT then falls between two looks. No small socket times out within a second.
		 */
		if (drop(key, &origin) && !same &&
		    (!settings.small_sockets_hooked || bpf_ktime_get_boot_ns() - origin.time_ns < 1000000000))
			count_loss(handed_over_gone);
		return 0;
	}
	origin.time_ns = bpf_ktime_get_boot_ns();
	if (!settings.want_fin_wait2 || (origin.reported && !current_round.everything) ||
	    origin.time_ns - origin.since_ns < settings.min_age_ns || !is_target_process(&origin))
		return 0;
	if (!bpf_seq_write(context->meta->seq, &origin, sizeof(origin)))
		found->reported = 1;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
