// SPDX-License-Identifier: GPL-2.0
/*
 * How many sockets there are, counted where they are: a host in trouble has a million of them, and only the
 * groups that they fall into leave the kernel. Loaded by the census alone, anew for each look.
 */
#include "files.bpf.h"

/* Who has a socket: written by note_owners, read by count_sockets; gone with the look. */
struct owner {
	struct wire_process process;
	__u32 holders; /* processes that have a descriptor */
	__u32 latest;  /* pid of the last of them, as one can have many descriptors */
	__u32 standing;
	__u32 padding;
};

/* By the socket's address. The frontend sets the size of these three; a trace does not use them. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct owner);
} owners SEC(".maps");

/* Ports that somebody listens at. The kernel's iterator comes to the listeners first. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, __u64); /* network namespace, then port */
	__type(value, __u8);
} listening_ports SEC(".maps");

/* The result: written by count_sockets, read by the frontend. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct wire_census_group);
	__type(value, struct wire_census_count);
} groups SEC(".maps");

static __always_inline void note_owner(struct sock *sk, const struct wire_process *process, __u32 standing)
{
	__u64 key = (__u64)sk;
	struct owner *known = bpf_map_lookup_elem(&owners, &key);
	struct owner owner = {
		.holders = 1,
		.latest = process->pid,
		.standing = standing,
	};

	if (known) {
		if (known->latest != process->pid)
			known->holders++;
		known->latest = process->pid;
		return;
	}
	owner.process = *process;
	if (bpf_map_update_elem(&owners, &key, &owner, BPF_NOEXIST))
		count_loss(owners_full);
}

static __always_inline bool note_next_queued(struct queue_walk *walk)
{
	struct sock *sk = next_queued(walk);

	if (sk)
		note_owner(sk, &walk->owner, WIRE_STANDING_LISTENER);
	return sk;
}

static long note_queued_in_loop(__u32 index, struct queue_walk *walk)
{
	return !note_next_queued(walk);
}

/* The socket of an open file, noted; false if it is none, or a listener in whose queue nothing waits. */
static __always_inline bool note_file(struct bpf_iter__task_file *context, struct queue_walk *walk)
{
	struct sock *sk = tcp_socket_of(context);
	struct task_struct *task = context->task;

	if (!sk || !task)
		return false;
	name_process(&walk->owner, task);
	note_owner(sk, &walk->owner, WIRE_STANDING_HOLDER);
	return begin_walk(walk, sk, task);
}

/* Before the count: every open file, and what waits in the accept queues of the listeners. */
SEC("iter/task_file")
int note_owners(struct bpf_iter__task_file *context)
{
	struct queue_walk walk = {};

	if (note_file(context, &walk))
		bpf_loop(65536, note_queued_in_loop, &walk, 0);
	return 0;
}

/* v5.17, e6f2dd0f8067: bpf_loop(). Before, the first 512 of a queue. */
SEC("iter/task_file")
int note_owners_before_5_17(struct bpf_iter__task_file *context)
{
	struct queue_walk walk = {};

	if (!note_file(context, &walk))
		return 0;
	for (int turn = 0; turn < 512; turn++)
		if (!note_next_queued(&walk))
			break;
	return 0;
}

static __always_inline void copy_address(__u8 *to, struct sock_common *common, bool is_peer)
{
	if (common->skc_family == AF_INET6 && !is_mapped((struct sock *)common))
		bpf_probe_read_kernel(to, 16, is_peer ? &common->skc_v6_daddr : &common->skc_v6_rcv_saddr);
	else /* of a mapped socket the kernel keeps the plain addresses as well */
		*(__u32 *)to = is_peer ? common->skc_daddr : common->skc_rcv_saddr;
}

static __always_inline void copy_addresses_of(struct wire_census_group *group, struct sock_common *common,
					      bool with_local)
{
	group->family = common->skc_family == AF_INET6 && !is_mapped((struct sock *)common) ? 6 : 4;
	copy_address(group->peer_address, common, true);
	if (with_local)
		copy_address(group->local_address, common, false);
}

/*
 * Which end a socket is. A small socket knows nothing of it, yet connect() takes no local port that
 * somebody listens at: its port is evidence.
 */
static __always_inline __u8 role_in_census(struct sock_common *common, struct tcp_sock *full,
					   const struct wire_census_group *group)
{
	__u64 port = (__u64)group->netns << 32 | common->skc_num;
	__u8 role = WIRE_ROLE_UNKNOWN;

	if (group->state == TCP_LISTEN)
		return WIRE_ROLE_SERVER;
	if (group->state == TCP_SYN_SENT)
		return WIRE_ROLE_CLIENT;
	if (full)
		role = role_of(full);
	if (!role && bpf_map_lookup_elem(&listening_ports, &port))
		role = WIRE_ROLE_SERVER;
	return role;
}

static __always_inline void note_listening_port(struct sock_common *common)
{
	__u64 port = (__u64)common->skc_net.net->ns.inum << 32 | common->skc_num;
	__u8 present = 1;

	bpf_map_update_elem(&listening_ports, &port, &present, BPF_ANY);
}

/* Of a server's connections each has a peer port of its own, of a client's each a local port: left out. */
static __always_inline void copy_ports(struct wire_census_group *group, struct sock_common *common, bool each)
{
	if (each || group->role == WIRE_ROLE_SERVER)
		group->local_port = common->skc_num;
	if (each || group->role != WIRE_ROLE_SERVER)
		group->peer_port = bpf_ntohs(common->skc_dport);
}

/* Whose a socket is, for what its state and file tell without an owner. */
static __always_inline struct owner *owner_of(struct wire_census_group *group, struct sock_common *common,
					      struct tcp_sock *full)
{
	struct owner *owner = NULL;
	__u64 key = (__u64)full;

	if (common->skc_state == TCP_NEW_SYN_RECV)
		key = (__u64)BPF_CORE_READ(common, skc_listener);
	if (key)
		owner = bpf_map_lookup_elem(&owners, &key);
	if (owner) {
		group->pid = owner->process.pid;
		group->standing = full ? owner->standing : WIRE_STANDING_LISTENER;
	} else if (group->state == TCP_TIME_WAIT) {
		group->standing = WIRE_STANDING_TIME_WAIT;
	} else if (!full || (!BPF_CORE_READ((struct sock *)full, sk_socket) &&
			     group->state != TCP_ESTABLISHED && group->state != TCP_CLOSE_WAIT)) {
		group->standing = WIRE_STANDING_CLOSED;
	}
	return owner;
}

static __always_inline void count_in(const struct wire_census_group *group, const struct owner *owner)
{
	struct wire_census_count *count = bpf_map_lookup_elem(&groups, group), first = { .sockets = 1 };
	bool is_shared = owner && owner->holders > 1;

	if (count) {
		/* This iterator is the only writer. */
		count->sockets++;
		count->shared += is_shared;
		return;
	}
	first.shared = is_shared;
	if (owner)
		first.process = owner->process;
	if (bpf_map_update_elem(&groups, group, &first, BPF_NOEXIST))
		count_loss(groups_full);
}

/* Every socket of a network namespace, once. */
SEC("iter/tcp")
int count_sockets(struct bpf_iter__tcp *context)
{
	struct sock_common *common = context->sk_common;
	struct wire_census_group group = {};
	struct inet_timewait_sock *small;
	struct tcp_sock *full = NULL;
	struct owner *owner = NULL;
	bool each;

	if (!common)
		return 0;
	/* It is evidence also where it does not pass itself: it has no peer, and may be IPv6 for IPv4. */
	if (settings.census_role && common->skc_state == TCP_LISTEN)
		note_listening_port(common);
	if (!passes((struct sock *)common, common->skc_num))
		return 0;
	group.netns = common->skc_net.net->ns.inum;
	group.state = common->skc_state;
	if (group.state == TCP_TIME_WAIT) {
		small = (void *)bpf_skc_to_tcp_timewait_sock((void *)common);
		if (small)
			group.state = small->tw_substate;
	} else if (group.state == TCP_NEW_SYN_RECV) {
		group.state = TCP_SYN_RECV;
	} else if (settings.census_role || settings.census_owner) {
		full = (void *)bpf_skc_to_tcp_sock((void *)common);
	}
	if (!(settings.census_states & 1 << group.state))
		return 0;
	each = settings.census_lists_time_waits && group.state == TCP_TIME_WAIT;
	if (settings.census_role)
		group.role = role_in_census(common, full, &group);
	if (settings.census_peer || each)
		copy_addresses_of(&group, common, settings.census_ports || each);
	if (settings.census_ports || each)
		copy_ports(&group, common, each);
	if (settings.census_owner)
		owner = owner_of(&group, common, full);
	if (each)
		bpf_seq_write(context->meta->seq, &group, sizeof(group));
	else
		count_in(&group, owner);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
