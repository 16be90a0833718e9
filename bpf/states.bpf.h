/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every change of state of every TCP socket. Who acts is remembered when he does: connect, close,
 * shutdown and exit run in the process. The rest runs in softirq on whatever was interrupted. All
 * that is done here can be done twice for the same change.
 */
#ifndef TCPLINGER_STATES_BPF_H
#define TCPLINGER_STATES_BPF_H

#include "origin.bpf.h"

static __always_inline bool is_wanted(struct sock *sk)
{
	struct tcp_sock *tcp;

	if (FIELD(sk, sk_protocol) != IPPROTO_TCP)
		return false;
	if (!settings.netns && !settings.family && !settings.filter_local_ports &&
	    !settings.filter_peer_ports)
		return true;
	tcp = as_tcp(settings.typed, sk);
	return tcp && passes(settings.typed, (struct sock_common *)tcp,
			     local_port_of(settings.typed, tcp));
}

/* The key of a connection that may have none yet. */
static __always_inline __u64 name_connection(struct sock *sk)
{
	if (settings.typed && !sk->__sk_common.skc_cookie.counter)
		return give_cookie(sk);
	return key_of(settings.typed, &sk->__sk_common);
}

/* The current process called connect(). A socket can be used again after a disconnect. */
static __always_inline void on_connect(struct sock *sk)
{
	struct wire_origin origin = { .address = (__u64)sk, .role = WIRE_ROLE_CLIENT };
	struct task_struct *task = current_task();

	if (process_acts(sk, task)) {
		name_current(&origin.opener);
		origin.opener_source = WIRE_SOURCE_CONNECT;
	}
	if (settings.count_opens)
		count_opened(settings.typed, &sk->__sk_common, &origin.opener, WIRE_CONNECTS);
	if (settings.ends_alone)
		return;
	origin.opened_ns = bpf_ktime_get_boot_ns();
	put(&origin, name_connection(sk), BPF_ANY);
}

/*
 * A passive handshake is done: the socket waits to be accepted, and no process has it yet. If one
 * has, both ends called connect(), or it was a fast open: what is known of it stays.
 */
static __always_inline void on_handshake(struct sock *sk)
{
	struct wire_origin origin = { .address = (__u64)sk, .role = WIRE_ROLE_SERVER };
	struct tcp_sock *tcp = as_tcp(settings.typed, sk);
	bool is_known;

	if (counts_first_reads())
		expect_accept(sk);
	if (!tcp || settings.ends_alone)
		return;
	is_known = FIELD((struct sock *)tcp, sk_socket) || settings.has_understudies;
	origin.opened_ns = packet_ns(settings.typed, tcp);
	put(&origin, name_connection(sk), is_known ? BPF_NOEXIST : BPF_ANY);
}

/* The current process ends this side of the connection. */
static __always_inline void name_closer(struct wire_origin *origin, struct sock *sk,
					struct tcp_sock *tcp)
{
	struct task_struct *task = current_task();
	struct wire_process *process;
	__u64 key = origin->key;

	if (!process_acts(sk, task))
		return;
	if (READ(TASKS_ARE_TYPED, task, tgid) == (int)tracer) {
		/* The iterator held the last reference: name the process that it met with the file. */
		process = bpf_map_lookup_elem(&visited, &key);
		if (!process)
			return;
		origin->closer = *process;
	} else {
		name_current(&origin->closer);
		origin->cause = settings.ends_alone ? WIRE_CAUSE_UNKNOWN : cause_of(tcp, task);
	}
	origin->closer_source = WIRE_SOURCE_CLOSE;
}

/* The role of a connection whose beginning no program saw. */
static __always_inline __u8 role_at_end(struct tcp_sock *tcp, int from)
{
	/* The child of a fast open is closed before its handshake is done. */
	return from == TCP_SYN_RECV ? WIRE_ROLE_SERVER
				    : role_of(settings.typed, tcp, TCP_ESTABLISHED);
}

/* How long a client's connections are open is only asked where they are told one by one. */
static __always_inline bool counts_uses(void)
{
	return settings.count_opens && !settings.counts_only;
}

/*
 * The first FIN, of this side or of the other: all that is known of the connection is put together
 * now. What another program has seen, where there are several, is left as it is.
 */
static __always_inline void on_first_fin(struct sock *sk, int from, __u8 kind)
{
	struct tcp_sock *tcp = as_tcp(settings.typed, sk);
	__u64 key = name_connection(sk);
	struct wire_origin *known = NULL, *connection, origin;

	/* Where only ends are looked at it is new, unless another program has seen it. */
	if (!settings.ends_alone || settings.has_understudies)
		known = bpf_map_lookup_elem(&connections, &key);
	connection = known ?: &origin;
	if (!tcp || (known && known->phase))
		return;
	if (!known) {
		__builtin_memset(&origin, 0, sizeof(origin));
		origin.key = key;
		origin.role = role_at_end(tcp, from);
	}
	connection->approximate_since = 0;
	connection->kind = kind;
	if (kind == WIRE_FIN_WAIT2 || settings.describes_early || counts_uses())
		describe(settings.typed, connection, (struct sock_common *)tcp,
			 local_port_of(settings.typed, tcp));
	if (counts_uses() && connection->opened_ns && connection->role == WIRE_ROLE_CLIENT)
		count(connection, WIRE_USES, bpf_ktime_get_boot_ns() - connection->opened_ns);
	if (kind == WIRE_FIN_WAIT2) {
		name_closer(connection, sk, tcp);
		complete(connection);
		connection->since_ns = bpf_ktime_get_boot_ns();
	} else {
		/* Most do not stay there: the rest is for those that do. */
		connection->address = (__u64)sk;
		connection->since_ns = packet_ns(settings.typed, tcp);
	}
	if (known) {
		publish(&connection->phase, WIRE_PHASE_ENDING);
	} else {
		origin.phase = WIRE_PHASE_ENDING;
		put(&origin, key, BPF_ANY);
	}
}

/*
 * This end leaves CLOSE_WAIT: by a process, or by a reset (sk_err is set before the state then). A
 * short stay is nobody's business; one of min_age or more is told, whether or not it was reported
 * meanwhile. It is taken before it is told: so audit, which looks at the entry last, has not found
 * it any more.
 */
static __always_inline bool on_close_wait_left(struct sock *sk, int to)
{
	__u64 key = key_of(settings.typed, &sk->__sk_common), now = bpf_ktime_get_boot_ns();
	struct wire_origin *connection = bpf_map_lookup_elem(&connections, &key), end;
	bool is_reset = to == TCP_CLOSE && settings.want_resets && !FIELD(sk, sk_err), is_brief;
	struct tcp_sock *tcp = as_tcp(settings.typed, sk);

	if (!connection)
		return is_reset && is_wanted(sk);
	if (!connection->phase) { /* its beginning was not seen */
		connection->since_ns = tcp ? packet_ns(settings.typed, tcp) : now;
		connection->approximate_since = 1;
	}
	is_brief = !settings.want_close_wait ||
		   (now - connection->since_ns < settings.min_age_ns &&
		    !(settings.report_exits && process_acts(sk, current_task()) &&
		      READ(TASKS_ARE_TYPED, current_task(), flags) & PF_EXITING));
	if (is_brief) {
		if (!is_reset)
			take_record(connection);
		return is_reset;
	}
	__builtin_memcpy(&end, connection, sizeof(end));
	complete(&end);
	if (is_reset)
		publish(&connection->phase, WIRE_PHASE_OVER);
	else if (!take_record(&end))
		return false;
	if (!tcp)
		return false;
	describe(settings.typed, &end, (struct sock_common *)tcp,
		 local_port_of(settings.typed, tcp));
	end.kind = WIRE_CLOSE_WAIT_END;
	end.time_ns = now;
	explain_close_wait(settings.typed, &end, tcp);
	copy_byte_counts(settings.typed, &end, tcp, true);
	if (FIELD(sk, sk_err))
		end.cause = WIRE_CAUSE_RESET;
	else
		name_closer(&end, sk, tcp);
	send(&end);
	return is_reset;
}

/*
 * By a reset, or because nobody answers any more: then there is no time_wait socket. Other errors
 * may be notes of a router's (IP_RECVERR), of a connection that ended like any other.
 */
static __always_inline bool was_aborted(struct sock *sk)
{
	int error = FIELD(sk, sk_err);

	return error == ECONNRESET || error == ETIMEDOUT || error == ECONNABORTED;
}

/*
 * The full socket is gone. The time_wait socket that took over, if any, says whether this is
 * TIME_WAIT or still FIN_WAIT2, in which case it is looked at again when the peer's FIN comes.
 */
static __always_inline bool on_closed_actively(struct sock *sk, int from)
{
	struct tcp_sock *tcp = as_tcp(settings.typed, sk);
	__u64 key = key_of(settings.typed, &sk->__sk_common), tw_key = key, tw = 0;
	struct wire_origin *connection = bpf_map_lookup_elem(&connections, &key), *record, origin;
	bool is_kept;

	/* Without a cookie it is older than the tracer, and the tracer did not find it. */
	if (!tcp || !key || (connection && connection->phase == WIRE_PHASE_TIME_WAIT_SOCKET) ||
	    (!connection && (settings.has_understudies || !is_wanted(sk))))
		return false;
	if (!settings.typed)
		tw_key =
			key_of_time_wait_socket(false, &sk->__sk_common, local_port_of(false, tcp));
	if (from != TCP_FIN_WAIT1 && !was_aborted(sk))
		tw = find_in_chain(chain_of(settings.typed,
					    FIELD((struct sock *)tcp, __sk_common.skc_net.net),
					    FIELD(sk, __sk_common.skc_hash)),
				   tw_key);
	if (!tw) {
		if (!settings.want_resets)
			take(key, true);
		return settings.want_resets;
	}
	/* Where there are no cookies a time_wait socket has another key: the record moves. */
	is_kept = settings.typed && connection;
	record = is_kept ? connection : &origin;
	if (!connection) {
		__builtin_memset(&origin, 0, sizeof(origin));
		origin.key = key;
		origin.role = role_at_end(tcp, from);
	} else if (record == &origin) {
		__builtin_memcpy(&origin, connection, sizeof(origin));
	}
	if (!record->phase) /* its FIN was not seen: who sent it is unknown */
		describe(settings.typed, record, (struct sock_common *)tcp,
			 local_port_of(settings.typed, tcp));
	if (!record->phase || record->approximate_since)
		complete(record);
	if (record == &origin)
		take(key, true);
	record->time_ns =
		FIELD(sk, sk_lock.owned) ? bpf_ktime_get_boot_ns() : packet_ns(settings.typed, tcp);
	if (!record->since_ns)
		record->since_ns = record->time_ns;
	record->kind = WIRE_FIN_WAIT2;
	record->entered_from = from;
	record->address = tw == NOT_KNOWN ? 0 : tw;
	if (substate_of(record->address) != TCP_TIME_WAIT) {
		copy_byte_counts(settings.typed, record, tcp, false);
		publish(&record->phase, WIRE_PHASE_TIME_WAIT_SOCKET);
		if (record == &origin)
			put(&origin, tw_key, BPF_ANY);
		/* The peer's FIN may have come before the hook could see that. */
		if (!settings.time_wait_sockets_hooked ||
		    substate_of(record->address) != TCP_TIME_WAIT)
			return false;
		is_kept = true;
	}
	if (record != &origin)
		__builtin_memcpy(&origin, record, sizeof(origin));
	copy_byte_counts(settings.typed, &origin, tcp, true);
	if (!is_kept || take_record(&origin))
		tell_time_wait(&origin);
	return false;
}

/* True: it ended without a TIME_WAIT; keep its owner for handle_reset. */
static __always_inline bool on_closed(struct sock *sk, int from)
{
	if (from == TCP_FIN_WAIT1 || from == TCP_FIN_WAIT2 || from == TCP_CLOSING)
		return on_closed_actively(sk, from);
	if (from == TCP_LAST_ACK)
		return false;
	if (settings.want_resets && from != TCP_SYN_SENT && !FIELD(sk, sk_err) && is_wanted(sk))
		return true;
	take(key_of(settings.typed, &sk->__sk_common), true);
	return false;
}

/* Who or what has a reset sent: the kernel does that next, if one is sent. */
static __always_inline void blame_for_reset(struct wire_origin *origin, struct sock *sk,
					    struct tcp_sock *tcp, int from)
{
	struct task_struct *task = current_task();
	bool is_accepted = FIELD((struct sock *)tcp, sk_socket);

	if (!FIELD(sk, sk_lock.owned) && (from == TCP_FIN_WAIT1 || from == TCP_FIN_WAIT2)) {
		origin->cause = FIELD(tcp, linger2) < 0 ? WIRE_CAUSE_LINGER2 : WIRE_CAUSE_LATE_DATA;
		return;
	}
	/* A listener's close() does not own what waits in its queue. */
	if (!is_kernel_thread(task)) {
		name_current(&origin->closer);
		origin->closer_source = WIRE_SOURCE_CLOSE;
	}
	if (!is_accepted && from != TCP_FIN_WAIT1 && from != TCP_FIN_WAIT2)
		origin->cause = WIRE_CAUSE_LISTENER;
	else if (cause_of(tcp, task) == WIRE_CAUSE_SHUTDOWN)
		origin->cause = WIRE_CAUSE_DISCONNECT;
	else if (origin->unread_bytes)
		origin->cause = WIRE_CAUSE_UNREAD;
	else if (FIELD(sk, __sk_common.skc_flags) & 1 << SOCK_LINGER && !FIELD(sk, sk_lingertime))
		origin->cause = WIRE_CAUSE_LINGER;
	else
		origin->cause = FIELD(tcp, linger2) < 0 ? WIRE_CAUSE_LINGER2 : WIRE_CAUSE_UNKNOWN;
}

/* It is left in the map until handle_reset has told it, or audit has seen that none was sent. */
static __always_inline void expect_reset(struct sock *sk, int from)
{
	__u64 key = key_of(settings.typed, &sk->__sk_common);
	struct wire_origin *known = bpf_map_lookup_elem(&connections, &key), origin = {};
	struct tcp_sock *tcp = as_tcp(settings.typed, sk);

	if (!tcp)
		return;
	if (known)
		__builtin_memcpy(&origin, known, sizeof(origin));
	else
		origin.role = role_at_end(tcp, from);
	origin.key = key;
	complete(&origin);
	describe(settings.typed, &origin, (struct sock_common *)tcp,
		 local_port_of(settings.typed, tcp));
	explain_close_wait(settings.typed, &origin, tcp);
	copy_byte_counts(settings.typed, &origin, tcp, from == TCP_CLOSE_WAIT);
	blame_for_reset(&origin, sk, tcp, from);
	origin.since_ns = bpf_ktime_get_boot_ns();
	origin.kind = WIRE_RESET;
	origin.phase = WIRE_PHASE_OVER;
	put(&origin, key, BPF_ANY);
}

static __always_inline void on_state(struct sock *sk, int from, int to)
{
	bool may_be_reset = false;

	/* close() after shutdown() sets FIN_WAIT1 or FIN_WAIT2 once more, but sends no FIN. */
	if (from == to)
		return;
	switch (to) {
	case TCP_SYN_SENT:
		if (is_wanted(sk))
			on_connect(sk);
		break;
	case TCP_ESTABLISHED:
		if (from == TCP_SYN_RECV && is_wanted(sk))
			on_handshake(sk);
		break;
	case TCP_FIN_WAIT1:
		if (is_wanted(sk))
			on_first_fin(sk, from, WIRE_FIN_WAIT2);
		break;
	case TCP_CLOSE_WAIT:
		if (!settings.ends_alone && settings.want_close_wait && is_wanted(sk))
			on_first_fin(sk, from, WIRE_CLOSE_WAIT);
		break;
	case TCP_CLOSE:
		if (from != TCP_CLOSE_WAIT)
			may_be_reset = on_closed(sk, from);
		break;
	}
	if (counts_first_reads() && (to == TCP_FIN_WAIT1 || to == TCP_LAST_ACK || to == TCP_CLOSE))
		count_accept(sk, process_acts(sk, current_task()));
	if (to == TCP_LAST_ACK && settings.want_time_wait && !settings.counts_only &&
	    process_acts(sk, current_task()))
		note_peer(sk);
	/* The peer has closed first: no TIME_WAIT comes of it. */
	if (from == TCP_CLOSE_WAIT && !settings.ends_alone)
		may_be_reset = on_close_wait_left(sk, to);
	if (may_be_reset)
		expect_reset(sk, from);
}

/*
 * Since v6.1 (05b24ff9b2cf) the kernel skips a program that is running on the same processor
 * already. What a softirq does then to another socket, while this one is between two instructions,
 * audit finds.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(handle_state, struct sock *sk, int from, int to)
{
	on_state(sk, from, to);
	return 0;
}

/* Where tp_btf is refused, and before cookies. */
SEC("raw_tp/inet_sock_set_state")
int BPF_PROG(handle_state_raw, struct sock *sk, int from, int to)
{
	on_state(sk, from, to);
	return 0;
}

#define NOTES 4096

/*
 * Linux 7.0 made programs preemptible: a process can be put aside in the middle of one, and until
 * it goes on the program is skipped for everybody else on its processor, a close() as well. So two
 * understudies stand behind it on the same hook, and one of them plays when all before it have
 * missed the call. Which calls were played is noted; that two connections share a note is rare, and
 * the worst of it that the work is done twice.
 */
static __u64 notes[NOTES];

static __always_inline bool is_first_to_play(struct sock *sk, int from, int to)
{
	__u64 cookie = give_cookie(sk), call = cookie << 8 | (from & 15) << 4 | (to & 15);
	__u64 *note = &notes[cookie % NOTES];
	bool is_first = *note != call;

	*note = call;
	return is_first;
}

static __always_inline void play_if_missed(struct sock *sk, int from, int to)
{
	if (!is_first_to_play(sk, from, to))
		return;
	__atomic_fetch_add(&losses.rescued, 1, __ATOMIC_RELAXED);
	on_state(sk, from, to);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(handle_state_since_7_0, struct sock *sk, int from, int to)
{
	is_first_to_play(sk, from, to);
	on_state(sk, from, to);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(handle_missed_state, struct sock *sk, int from, int to)
{
	play_if_missed(sk, from, to);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(handle_twice_missed_state, struct sock *sk, int from, int to)
{
	play_if_missed(sk, from, to);
	return 0;
}

#endif
