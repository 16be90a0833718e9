// SPDX-License-Identifier: GPL-2.0
/*
 * When a small socket goes from FIN_WAIT2 to TIME_WAIT: no tracepoint says so. Hooked, it is known at
 * once; not hooked, the frontend runs settle_handed_over several times a second.
 */
#define SOCKETS_ARE_ADDRESSES
#include "timewait.bpf.h"

/* Is the memory at this address still the small socket of this connection, alive or just dead? */
static __always_inline bool is_same_connection(struct inet_timewait_sock *small, struct wire_origin *origin)
{
	struct head head;

	return !bpf_probe_read_kernel(&head, sizeof(head), small) && is_small_socket_of(&head, origin) &&
	       netns_of((struct sock *)small) == origin->netns;
}

static __always_inline void on_small_socket(struct inet_timewait_sock *small)
{
	struct wire_origin *found, origin;
	__u64 key = (__u64)small;

	if (BPF_CORE_READ(small, tw_substate) != TCP_TIME_WAIT)
		return;
	found = bpf_map_lookup_elem(&handed_over, &key);
	/* A small socket that was reset leaves its entry until the next look, and its memory to the next one. */
	if (!found || !is_same_connection(small, found))
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
	same = is_same_connection(small, &origin);
	/* Before the state: what is dead has the state in which it died. */
	is_alive = BPF_CORE_READ(small, __tw_common.skc_refcnt.refs.counter);
	if (same && BPF_CORE_READ(small, tw_substate) == TCP_TIME_WAIT) {
		report_time_wait(key, &origin);
		return 0;
	}
	if (!same || !is_alive) {
		/*
		 * Its memory is used again. With a hook, it was not in TIME_WAIT; yet a hook can be skipped, and
		 * a short-lived TIME_WAIT then falls between two looks. The frontend counts no more of these than runs
		 * that were skipped. No small socket times out within a second.
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

/*
 * Follows the connections whose end no program has seen: the hook runs before the state changes, so what is pending
 * here and in no state before its end is past it. What it had sent and received is gone with the full socket.
 */
SEC("iter/bpf_map_elem")
int settle_departed(struct bpf_iter__bpf_map_elem *context)
{
	struct departure *found = context->value;
	struct wire_origin origin, *entry;
	struct inet_timewait_sock *small;
	bool gave_up = false;
	struct net *net;
	__u32 hash;

	if (!context->key || !found || !found->is_pending)
		return 0;
	if (is_on_its_way(found)) {
		current_round.departing++;
		return 0;
	}
	__builtin_memcpy(&origin, &found->origin, sizeof(origin));
	net = (struct net *)found->net;
	hash = found->hash;
	barrier();
	if (!found->is_pending || found->origin.since_ns != origin.since_ns)
		return 0; /* seen after all, or another one's place by now */
	found->is_pending = 0;
	entry = bpf_map_lookup_elem(&waiting, &origin.socket);
	if (entry && entry->since_ns == origin.since_ns) {
		origin.reported = entry->reported;
		bpf_map_delete_elem(&waiting, &origin.socket);
	}
	if (!is_target_process(&origin))
		return 0;
	origin.no_byte_counts = 1;
	origin.time_ns = bpf_ktime_get_boot_ns();
	small = small_socket_of(net, hash, &origin, &gave_up);
	if (!small) {
		if (settings.want_time_wait && !gave_up)
			count_loss(ended_unseen);
		return 0;
	}
	/* In TIME_WAIT it does not tell how it came there. */
	if (BPF_CORE_READ(small, tw_substate) == TCP_FIN_WAIT2)
		origin.entered_from = TCP_FIN_WAIT2;
	hand_over(small, net, &origin);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
