// SPDX-License-Identifier: GPL-2.0
/*
 * What no change of state tells: sockets older than the tracer, sockets that stay where they are, and who
 * has them open. All of it is read by the frontend from iterators, none of it runs by itself.
 */
#include "listing.bpf.h"

/*
 * How long a small socket has waited is known from how long it still will, as it was given tcp_fin_timeout
 * at the start; TCP_LINGER2 may have said otherwise.
 */
static __always_inline __u64 small_socket_since_ns(struct inet_timewait_sock *small)
{
	struct net *net = BPF_CORE_READ(small, __tw_common.skc_net.net);
	__s64 left = BPF_CORE_READ(small, tw_timer.expires) - bpf_jiffies64();
	__s64 waited = BPF_CORE_READ(net, ipv4.sysctl_tcp_fin_timeout) - left;

	return bpf_ktime_get_boot_ns() - (waited > 0 ? waited : 0) * nanoseconds_per_jiffy();
}

/* Should the tracer be made to close the socket, it is this process that did. */
static __always_inline void note_holder(struct memory *memory, struct task_struct *task)
{
	if (!memory->fin_sent_ns && !(memory->has_record && memory->record.closer_source))
		name_process(&people_of(memory)->closer, task);
}

static __always_inline bool is_worth_seeding(__u8 state)
{
	if (settings.ends_alone)
		return state == TCP_CLOSE_WAIT || state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 ||
		       state == TCP_CLOSING;
	return state != TCP_LISTEN && state != TCP_CLOSE && state != TCP_LAST_ACK;
}

/* Every open file once, after the hooks are attached: what has no memory is older than they are. */
SEC("iter/task_file")
int seed_from_files(struct bpf_iter__task_file *context)
{
	struct sock *sk = tcp_socket_of(context);
	struct task_struct *task = context->task;
	struct memory *memory;
	__u8 state;

	tracer = bpf_get_current_pid_tgid() >> 32;
	if (!sk || !task)
		return 0;
	state = BPF_CORE_READ(sk, sk_state);
	if (!is_worth_seeding(state) || !is_wanted(sk))
		return 0;
	memory = recall(sk);
	if (memory) {
		note_holder(memory, task);
		return 0;
	}
	memory = remember_far(sk);
	if (!memory)
		return 0;
	name_opener(memory, task, WIRE_SOURCE_OPEN_FILE);
	note_holder(memory, task);
	memory->role = role_of(as_tcp(sk));
	memory->peer_port = peer_port_of(sk);
	/* It is open and has sent its FIN: that was shutdown(). */
	if (state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 || state == TCP_CLOSING)
		record_of(memory)->cause = WIRE_CAUSE_SHUTDOWN;
	seed_waiting(sk, memory);
	return 0;
}

/* These two are functions of their own, as their records do not both fit on one stack. */
static __noinline int seed_socket(struct sock *sk)
{
	__u8 state = BPF_CORE_READ(sk, sk_state);
	struct memory *memory;

	if (BPF_CORE_READ(sk, sk_socket) || !is_worth_seeding(state) || !is_wanted(sk) || recall(sk))
		return 0;
	memory = remember_far(sk);
	if (!memory)
		return 0;
	memory->role = role_of(as_tcp(sk));
	memory->peer_port = peer_port_of(sk);
	seed_waiting(sk, memory);
	return 0;
}

static __noinline int seed_small_socket(struct inet_timewait_sock *small)
{
	struct sock *sk = (struct sock *)small;
	struct wire_origin origin = {};
	__u64 key = (__u64)small;
	long error;

	origin.local_port = bpf_ntohs(BPF_CORE_READ(small, tw_sport));
	if (!passes(sk, origin.local_port))
		return 0;
	origin.kind = WIRE_FIN_WAIT2;
	origin.socket = (__u64)small;
	origin.time_ns = bpf_ktime_get_boot_ns();
	origin.since_ns = small_socket_since_ns(small);
	origin.netns = netns_of(sk);
	origin.peer_port = peer_port_of(sk);
	origin.entered_from = TCP_FIN_WAIT2;
	origin.approximate_since = 1;
	origin.no_byte_counts = 1;
	copy_addresses(&origin, sk);
	error = add(handed_over, &key, &origin);
	if (error && error != -EEXIST)
		count_loss(handed_over_full);
	return 0;
}

/* Then every socket of a network namespace: what has no file is not accepted yet, or closed already. */
SEC("iter/tcp")
int seed_from_table(struct bpf_iter__tcp *context)
{
	struct sock_common *common = context->sk_common;
	struct inet_timewait_sock *small;
	struct sock *sk;

	if (!common)
		return 0;
	sk = (void *)bpf_skc_to_tcp_sock((void *)common);
	if (sk)
		return seed_socket(sk);
	small = (void *)bpf_skc_to_tcp_timewait_sock((void *)common);
	if (small && BPF_CORE_READ(small, tw_substate) == TCP_FIN_WAIT2)
		seed_small_socket(small);
	return 0;
}

__weak __noinline int mark_entry(__u64 key)
{
	struct wire_origin *origin = bpf_map_lookup_elem(&waiting, &key);
	__u64 now = bpf_ktime_get_boot_ns();

	if (!origin)
		return 0;
	if (origin->reported && !current_round.everything) {
		origin->reported = WIRE_REPORTED_BEFORE; /* numbers come again */
		return 0;
	}
	if (now - origin->since_ns < current_round.min_age_ns)
		return 0;
	origin->reported = current_round.number;
	__atomic_fetch_add(&current_round.due, 1, __ATOMIC_RELAXED);
	return 0;
}

/* Second step: marks each listed socket that has waited for min_age, and was not marked before. */
SEC("raw_tp")
int mark_due(void *context)
{
	for_each_key_of_batch (index)
		mark_entry(batch.keys[index]);
	return 0;
}

/* The record of this socket, if this round marked it. */
static __always_inline struct wire_origin *marked(struct sock *sk)
{
	struct wire_origin *origin = entry_of(sk);

	if (!origin || origin->kind != WIRE_CLOSE_WAIT || origin->reported != (__u8)current_round.number)
		return NULL;
	return origin;
}

static __always_inline bool note_next(struct queue_walk *walk)
{
	struct sock *sk = next_queued(walk);
	struct wire_origin *origin;

	if (!sk)
		return false;
	origin = marked(sk);
	if (origin && !origin->opener_source) {
		origin->opener = walk->owner;
		origin->opener_source = WIRE_SOURCE_LISTENER;
	}
	if (origin) {
		origin->accept_queue = walk->length;
		origin->accept_limit = walk->limit;
	}
	return true;
}

static long note_in_loop(__u32 index, struct queue_walk *walk)
{
	return !note_next(walk);
}

static __always_inline void write_holder(struct bpf_iter__task_file *context, struct task_struct *task,
					 struct sock *sk)
{
	struct memory *memory = recall(sk);
	struct wire_holder holder = {};

	name_process(&holder.process, task);
	if (memory)
		note_holder(memory, task);
	if (!marked(sk))
		return;
	holder.socket = (__u64)sk;
	holder.fd = context->fd;
	holder.parent = BPF_CORE_READ(task, real_parent, tgid);
	bpf_seq_write(context->meta->seq, &holder, sizeof(holder));
}

/*
 * Third step, over every open file: writes a record for each descriptor of a marked socket, and notes in
 * the sockets that wait to be accepted who has their listener. A port may have many listeners
 * (SO_REUSEPORT), so the accept queues themselves are asked.
 */
SEC("iter/task_file")
int find_holders(struct bpf_iter__task_file *context)
{
	struct sock *sk = tcp_socket_of(context);
	struct task_struct *task = context->task;
	struct queue_walk walk = {};

	if (!sk || !task)
		return 0;
	if (begin_walk(&walk, sk, task))
		bpf_loop(65536, note_in_loop, &walk, 0);
	else
		write_holder(context, task, sk);
	return 0;
}

/* v5.17, e6f2dd0f8067: bpf_loop(). Before, the verifier follows every turn, and stands 512. */
SEC("iter/task_file")
int find_holders_before_5_17(struct bpf_iter__task_file *context)
{
	struct sock *sk = tcp_socket_of(context);
	struct task_struct *task = context->task;
	struct queue_walk walk = {};

	if (!sk || !task)
		return 0;
	if (!begin_walk(&walk, sk, task)) {
		write_holder(context, task, sk);
		return 0;
	}
	for (int turn = 0; turn < 512; turn++)
		if (!note_next(&walk))
			break;
	return 0;
}

__weak __noinline int report_entry(__u64 key)
{
	struct wire_origin *found = bpf_map_lookup_elem(&waiting, &key), *origin = next_answer();
	struct sock *sk = (struct sock *)key;

	if (!found || !origin || found->reported != (__u8)current_round.number)
		return 0;
	__builtin_memcpy(origin, found, sizeof(*origin));
	origin->time_ns = bpf_ktime_get_boot_ns();
	if (origin->kind == WIRE_CLOSE_WAIT)
		explain_close_wait(origin, as_tcp(sk));
	else if (!is_target_process(origin))
		return 0;
	copy_byte_counts(origin, as_tcp(sk), origin->kind == WIRE_CLOSE_WAIT);
	/* Left meanwhile: handle_state tells it, with what it saw itself; or nobody saw it leave, and the entry is stale. */
	if (BPF_CORE_READ(sk, sk_state) != (origin->kind == WIRE_CLOSE_WAIT ? TCP_CLOSE_WAIT : TCP_FIN_WAIT2) ||
	    peer_port_of(sk) != origin->peer_port || local_port_of(as_tcp(sk)) != origin->local_port) {
		unlist(sk);
		return 0;
	}
	batch.origin_count++;
	return 0;
}

/* Last step: hands out each socket that was marked and is still there. */
SEC("raw_tp")
int report_due(void *context)
{
	for_each_key_of_batch (index)
		report_entry(batch.keys[index]);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
