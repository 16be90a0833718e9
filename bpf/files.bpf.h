/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets older than the tracer, and the holders of sockets: iterators that the frontend runs. */
#ifndef TCPLINGER_FILES_BPF_H
#define TCPLINGER_FILES_BPF_H

#include "origin.bpf.h"

/* The TCP socket behind an open file, or NULL. */
static __always_inline struct sock *tcp_socket_of(struct file *file)
{
	struct sock *sk = file ? socket_of_file(file) : NULL;
	__u16 family, protocol;

	if (!sk)
		return NULL;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	protocol = BPF_CORE_READ(sk, sk_protocol);
	if (family != AF_INET && family != AF_INET6)
		return NULL;
	if (protocol != IPPROTO_TCP)
		return protocol == IPPROTO_MPTCP ? tcp_socket_behind(sk) : NULL;
	/* A socket gets its cookie when it is first asked for. */
	if (settings.typed && FILES_ARE_TYPED && !sk->__sk_common.skc_cookie.counter)
		give_cookie(sk);
	return sk;
}

/* Fills in what is not known of a connection yet. */
static __always_inline void seed(struct sock_common *common, bool is_open)
{
	__u8 state = READ(false, common, skc_state);
	struct wire_origin *origin = &scratch;
	__u64 key = key_of(false, common);

	if (!key || state == TCP_LISTEN || state == TCP_CLOSE || state == TCP_LAST_ACK ||
	    (settings.ends_alone && !is_ending(state)) || bpf_map_lookup_elem(&connections, &key) ||
	    !passes(false, common, READ(false, common, skc_num)))
		return;
	__builtin_memset(origin, 0, sizeof(*origin));
	origin->address = (__u64)common;
	origin->role = role_of(false, (struct tcp_sock *)common, state);
	if (is_ending(state))
		begin_to_end(origin, common, state);
	/* It is open and has sent its FIN: that was shutdown(). */
	if (is_open && origin->kind == WIRE_FIN_WAIT2)
		origin->cause = WIRE_CAUSE_SHUTDOWN;
	origin->older = is_open;
	put(origin, key, BPF_NOEXIST);
}

/* A record for the frontend, if the socket is one that it asks for. */
static __always_inline void write_holder(struct seq_file *seq, struct sock_common *common,
					 struct wire_holder *holder)
{
	struct wire_origin *connection;

	holder->key = key_of(false, common);
	connection = bpf_map_lookup_elem(&connections, &holder->key);
	if (settings.lists_all || (connection && READ(false, common, skc_state) == TCP_CLOSE_WAIT))
		bpf_seq_write(seq, holder, sizeof(*holder));
}

struct queue_walk {
	struct seq_file *seq;
	struct sock *listener;
	struct request_sock *request;
	struct wire_holder holder;
};

/*
 * The next connection that waits to be accepted, or NULL. What is accepted meanwhile leaves its
 * request to the next one, which may be in the queue of another listener: there the walk ends.
 */
static __always_inline struct sock *next_queued(struct queue_walk *walk)
{
	struct request_sock *request = walk->request;
	struct sock *listener, *sk;

	if (!request)
		return NULL;
	sk = BPF_CORE_READ(request, sk);
	walk->request = BPF_CORE_READ(request, dl_next);
	listener = BPF_CORE_READ(request, __req_common.skc_listener);
	/* A request made from a SYN cookie has no listener. */
	return !listener || listener == walk->listener ? sk : NULL;
}

static __always_inline void begin_walk(struct queue_walk *walk, struct sock *listener)
{
	struct inet_connection_sock *icsk = (void *)listener;

	walk->listener = listener;
	walk->request = BPF_CORE_READ(icsk, icsk_accept_queue.rskq_accept_head);
	walk->holder.accept_queue = BPF_CORE_READ(listener, sk_ack_backlog);
	walk->holder.accept_limit = BPF_CORE_READ(listener, sk_max_ack_backlog) + 1;
}

static long write_next_queued(__u32 index, struct queue_walk *walk)
{
	struct sock *sk = next_queued(walk);

	if (sk)
		write_holder(walk->seq, &sk->__sk_common, &walk->holder);
	return !sk;
}

/* Should the tracer be made to close the socket, it is for this process. */
static __always_inline void remember(struct sock_common *common, const struct wire_process *process)
{
	struct wire_opener opener = { .process = *process, .source = WIRE_SOURCE_OPEN_FILE };
	__u64 key = key_of(false, common);
	struct wire_origin *connection = bpf_map_lookup_elem(&connections, &key);

	bpf_map_update_elem(&visited, &key, &opener.process, BPF_ANY);
	/* For connections older than the tracer the holder stands in for the opener. */
	if (key && !settings.ends_alone && (!connection || connection->older))
		bpf_map_update_elem(&openers, &key, &opener, BPF_NOEXIST);
	seed(common, true);
}

/* True: it is a listener, so look at its queue. */
static __always_inline bool visit(struct bpf_iter__task_file *context, struct queue_walk *walk)
{
	struct sock *sk = tcp_socket_of(context->file);
	struct task_struct *task = context->task;
	bool is_listener;

	tracer = bpf_get_current_pid_tgid() >> 32;
	if (!sk || !task)
		return false;
	is_listener = BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN;
	name_process(&walk->holder.process, task);
	walk->seq = context->meta->seq;
	walk->holder.fd = context->fd;
	walk->holder.parent = BPF_CORE_READ(task, real_parent, tgid);
	if (!is_listener && !settings.lists_all)
		remember(&sk->__sk_common, &walk->holder.process);
	write_holder(walk->seq, &sk->__sk_common, &walk->holder);
	if (is_listener)
		begin_walk(walk, sk);
	return is_listener;
}

/*
 * Every open file, after the hooks are attached: what is not known by then is older than they are.
 * Writes a record for each descriptor of a socket in CLOSE_WAIT (for a census: of any), and for
 * each such socket in the accept queue of a listener. A port may have many listeners
 * (SO_REUSEPORT), so the queues themselves are asked.
 */
SEC("iter/task_file")
int visit_files(struct bpf_iter__task_file *context)
{
	struct queue_walk walk = {};

	if (visit(context, &walk))
		bpf_loop(65536, write_next_queued, &walk, 0);
	return 0;
}

/* v5.17, e6f2dd0f8067: bpf_loop(). Before, the first of a queue. */
SEC("iter/task_file")
int visit_files_before_5_17(struct bpf_iter__task_file *context)
{
	struct queue_walk walk = {};

	if (!visit(context, &walk))
		return 0;
	for (int turn = 0; turn < 256; turn++)
		if (write_next_queued(turn, &walk))
			break;
	return 0;
}

/* Since tcp_fin_timeout less the time left; TCP_LINGER2 may have set another timeout. */
static __always_inline __u64 time_wait_socket_since_ns(struct inet_timewait_sock *tw)
{
	struct net *net = BPF_CORE_READ(tw, __tw_common.skc_net.net);
	__s64 left = BPF_CORE_READ(tw, tw_timer.expires) - bpf_jiffies64();
	__s64 waited = BPF_CORE_READ(net, ipv4.sysctl_tcp_fin_timeout) - left;

	return bpf_ktime_get_boot_ns() - (waited > 0 ? waited : 0) * jiffy_ns;
}

static __always_inline void seed_time_wait_socket(struct inet_timewait_sock *tw)
{
	struct sock_common *common = (void *)tw;
	struct wire_origin *origin = &scratch;
	__u16 local_port = READ(false, common, skc_num);

	if (!passes(false, common, local_port))
		return;
	__builtin_memset(origin, 0, sizeof(*origin));
	describe(false, origin, common, local_port);
	origin->kind = WIRE_FIN_WAIT2;
	origin->since_ns = time_wait_socket_since_ns(tw);
	origin->entered_from = TCP_FIN_WAIT2;
	origin->approximate_since = 1;
	origin->no_byte_counts = 1;
	origin->phase = WIRE_PHASE_TIME_WAIT_SOCKET;
	put(origin, key_of_time_wait_socket(false, common, local_port), BPF_NOEXIST);
}

/* Before that, every socket of a namespace: what no process has open, or what is ending already. */
SEC("iter/tcp")
int visit_sockets(struct bpf_iter__tcp *context)
{
	struct sock_common *common = context->sk_common;
	struct inet_timewait_sock *tw;
	struct sock *sk;
	bool has_file;

	if (!common)
		return 0;
	if (settings.typed)
		give_cookie((void *)common);
	sk = (void *)bpf_skc_to_tcp_sock(common);
	tw = (void *)bpf_skc_to_tcp_timewait_sock(common);
	has_file = sk && BPF_CORE_READ(sk, sk_socket);
	if (sk && (!has_file || is_ending(READ(false, common, skc_state))))
		seed(common, has_file);
	else if (tw && BPF_CORE_READ(tw, tw_substate) == TCP_FIN_WAIT2)
		seed_time_wait_socket(tw);
	return 0;
}

#endif
