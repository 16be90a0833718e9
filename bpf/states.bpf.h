/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every change of state of every TCP socket. The process that acts is remembered when it acts: connect,
 * close, shutdown and exit run in it. The rest runs in softirq on whatever was interrupted, and names
 * nobody.
 */
#ifndef TCPLINGER_STATES_BPF_H
#define TCPLINGER_STATES_BPF_H

#include "table.bpf.h"
#include "timewait.bpf.h"

/*
 * Does the current process act on this socket? It holds the socket's lock then; a softirq never does.
 * A kernel thread that does (delayed fput, garbage collection of unix sockets) acts for somebody else.
 */
static __always_inline bool process_acts(struct sock *sk, struct task_struct *task)
{
	return sk->sk_lock.owned && !(task_flags(task) & PF_KTHREAD);
}

/* Why the current process ends its side: the state alone does not tell close() from shutdown(). */
static __always_inline __u8 cause_of(struct tcp_sock *tcp, struct task_struct *task)
{
	struct socket *socket = plain(tcp)->sk_socket;
	struct file *file = socket ? socket->file : NULL;

	if (!file)
		return WIRE_CAUSE_UNKNOWN;
	if (!file_is_released(file))
		return WIRE_CAUSE_SHUTDOWN;
	return task_flags(task) & PF_EXITING ? WIRE_CAUSE_EXIT : WIRE_CAUSE_CLOSE;
}

/* The current process called connect(). A socket can be used again after a disconnect. */
static __always_inline void on_connect(struct sock *sk)
{
	struct task_struct *task = current_task();
	struct memory *memory = start_anew(sk);

	if (!memory)
		return;
	memory->peer_port = peer_port_of(sk);
	memory->role = WIRE_ROLE_CLIENT;
	if (process_acts(sk, task))
		name_opener(memory, task, WIRE_SOURCE_CONNECT);
	memory->opened_ns = bpf_ktime_get_boot_ns();
}

/* A passive handshake is done: the socket waits to be accepted, and no process has it yet. */
static __always_inline void on_handshake(struct sock *sk)
{
	struct tcp_sock *tcp = as_tcp(sk);
	struct memory *memory = NULL;

	if (!tcp)
		return;
	/* Nobody has called connect() on it. */
	if (HAS_TABLE && !plain(tcp)->sk_socket)
		memory = settle_in(sk);
	if (!memory) {
		memory = recall(sk);
		/* A simultaneous open: both ends called connect(). Or an understudy is late: it may be accepted meanwhile. */
		if (memory && memory->peer_port == peer_port_of(sk) &&
		    (memory->role == WIRE_ROLE_CLIENT || settings.has_understudies))
			return;
		memory = replace(sk);
	}
	if (!memory)
		return;
	memory->peer_port = peer_port_of(sk);
	memory->role = WIRE_ROLE_SERVER;
	memory->opened_ns = packet_ns(tcp);
}

/*
 * While an iterator looks at a file it holds a reference. If that becomes the last one, because the process
 * closes the file in this moment, the tracer is made to close the socket: it stands in for whom it looked at.
 */
static __always_inline bool is_tracer(struct task_struct *task)
{
	return (__u32)TASK_READ(task, tgid) == tracer;
}

/* The current process ends this side of the connection: says so in the record. */
static __always_inline void name_closer(struct wire_origin *record, struct sock *sk, struct tcp_sock *tcp,
					struct task_struct *task)
{
	if (is_tracer(task)) {
		if (record->closer.pid)
			record->closer_source = WIRE_SOURCE_CLOSE;
	} else if (process_acts(sk, task)) {
		name_process(&record->closer, task);
		record->closer_source = WIRE_SOURCE_CLOSE;
		record->cause = settings.ends_alone ? WIRE_CAUSE_UNKNOWN : cause_of(tcp, task);
	}
	forget_holder(record);
}

/*
 * The memory of a connection that begins to end. Where that is all that is remembered, who opened it is not asked, as it is
 * known who closes it, and which end it is can be read from the socket.
 */
static __always_inline struct memory *memory_of_ending(struct sock *sk)
{
	return settings.ends_alone ? start_anew(sk) : remember(sk);
}

static __always_inline void on_first_fin(struct sock *sk)
{
	struct memory *memory = memory_of_ending(sk);
	struct tcp_sock *tcp = as_tcp(sk);
	struct wire_origin *record;

	/* Neither the end of the connection before nor the beginning of this one was seen. */
	if (memory && memory->peer_port && memory->peer_port != peer_port_of(sk))
		memory = replace(sk);
	if (!memory || !tcp)
		return;
	record = record_of(memory);
	name_closer(record, sk, tcp, current_task());
	describe(record, sk, tcp);
	memory->net = (__u64)plain(tcp)->__sk_common.skc_net.net;
	memory->hash = sk->__sk_common.skc_hash;
	memory->fin_sent_ns = settings.ends_alone ? packet_ns(tcp) : bpf_ktime_get_boot_ns();
}

/* From now on the process may leave it there. Most do not: no more than the time is noted. */
static __always_inline void on_close_wait(struct sock *sk)
{
	struct memory *memory = memory_of_ending(sk);
	struct tcp_sock *tcp = as_tcp(sk);

	if (!memory || !tcp)
		return;
	memory->peer_port = peer_port_of(sk);
	memory->waiting_since_ns = packet_ns(tcp);
	memory->waiting_since_jiffies = bpf_jiffies64();
	memory->waiting = WIRE_CLOSE_WAIT;
}

#define LONGEST_JIFFY_NS 10000000

/* Has it waited for less than min_age? Jiffies are at hand, other than the time: false where they do not tell. */
static __always_inline bool waits_briefly(struct memory *memory)
{
	__u32 jiffies = (__u32)bpf_jiffies64() - memory->waiting_since_jiffies;

	return memory->waiting_since_jiffies && (jiffies + 1ULL) * LONGEST_JIFFY_NS < settings.min_age_ns;
}

/*
 * This end leaves CLOSE_WAIT: by a process, or by a reset (sk_err is set before the state then). A short
 * stay is nobody's business; one of min_age or more is told, whether or not it was reported meanwhile.
 */
static __always_inline void on_close_wait_left(struct sock *sk, struct memory *memory)
{
	struct wire_origin *entry = NULL, *end;
	struct task_struct *task;
	struct tcp_sock *tcp;
	__u64 now;

	if (!memory || memory->waiting != WIRE_CLOSE_WAIT)
		return;
	memory->waiting = 0;
	if (memory->listed)
		entry = entry_of(sk);
	else if (!settings.report_exits && waits_briefly(memory))
		return;
	tcp = as_tcp(sk);
	if (!tcp)
		return;
	task = current_task();
	now = bpf_ktime_get_boot_ns();
	if (now - memory->waiting_since_ns < settings.min_age_ns && !(entry && entry->reported) &&
	    !(settings.report_exits && task_flags(task) & PF_EXITING && process_acts(sk, task))) {
		if (entry)
			unlist(sk);
		return;
	}
	/* Nothing else comes of the memory: it becomes the record. */
	end = record_of(memory);
	describe(end, sk, tcp);
	end->kind = WIRE_CLOSE_WAIT_END;
	end->time_ns = now;
	end->opened_ns = memory->opened_ns;
	end->since_ns = memory->waiting_since_ns;
	end->approximate_since = memory->approximate_since;
	end->role = memory->role;
	if (entry) {
		end->reported = entry->reported;
		if (!end->opener_source) { /* the owner of its listener */
			end->opener = entry->opener;
			end->opener_source = entry->opener_source;
		}
		unlist(sk);
	}
	explain_close_wait(end, tcp);
	copy_byte_counts(end, tcp, true);
	if (sk->sk_err) {
		end->cause = WIRE_CAUSE_RESET;
		forget_holder(end);
	} else {
		name_closer(end, sk, tcp, task);
	}
	send(end);
}

/*
 * By a reset, or because nobody answers any more: then there is no small socket to look for. Other errors may be notes of a
 * router's (IP_RECVERR), of a connection that ended like any other.
 */
static __always_inline bool was_aborted(struct sock *sk)
{
	int error = sk->sk_err;

	return error == ECONNRESET || error == ETIMEDOUT || error == ECONNABORTED;
}

/* Where the search was given up the sweep tries once more. False: it cannot. */
static __always_inline bool leave_to_sweep(struct sock *sk, const struct wire_origin *origin, struct net *net)
{
	struct memory *memory;
	__u32 place;

	if (!HAS_TABLE || settings.has_understudies)
		return false;
	place = claim_in_set(half_of(sk), OF_SOCKETS);
	memory = memory_at(place);
	if (!memory)
		return false;
	clear(memory, sk);
	__builtin_memcpy(&memory->record, origin, sizeof(*origin));
	memory->kept = IN_TABLE;
	memory->place = place;
	memory->has_people = 1;
	memory->has_record = 1;
	memory->opener_source = origin->opener_source;
	memory->opened_ns = origin->opened_ns;
	memory->role = origin->role;
	memory->net = (__u64)net;
	memory->hash = sk->__sk_common.skc_hash;
	memory->fin_sent_ns = origin->since_ns ?: origin->time_ns;
	release(place, half_of(sk) | ENDED_UNSEEN);
	return true;
}

/*
 * The full socket is gone. The small socket that took over, if any, says whether this is TIME_WAIT or
 * still FIN_WAIT2, in which case it is looked at again when the peer's FIN comes.
 */
static __always_inline void on_closed_actively(struct sock *sk, int from)
{
	struct memory *memory =
		settings.has_understudies && sk->sk_protocol == IPPROTO_TCP ? remember(sk) : recall(sk);
	struct tcp_sock *tcp = as_tcp(sk);
	struct wire_origin origin, *entry;
	struct found found;
	struct net *net;

	if (!tcp || (memory ? memory->closed : settings.has_understudies || sk->sk_protocol != IPPROTO_TCP))
		return;
	if (memory)
		recount(&origin, memory);
	else
		__builtin_memset(&origin, 0, sizeof(origin));
	if (!memory || !memory->fin_sent_ns)
		describe(&origin, sk, tcp);
	if (settings.ends_alone)
		origin.role = role_of(tcp);
	if (memory && memory->listed) {
		entry = entry_of(sk);
		if (entry) {
			origin.reported = entry->reported;
			unlist(sk);
		}
	}
	/* All is known: another processor has written most of it, and this one only reads it, and lets it go. */
	if (!settings.has_understudies)
		forget_memory(sk, memory);
	else if (memory)
		memory->closed = 1; /* for the last of them to forget */
	if (was_aborted(sk))
		return;
	/* close() may come long after the last packet. */
	origin.time_ns = sk->sk_lock.owned && !settings.ends_alone ? bpf_ktime_get_boot_ns() : packet_ns(tcp);
	origin.entered_from = from;
	net = plain(tcp)->__sk_common.skc_net.net;
	found = find_small_socket(&origin, net, sk->__sk_common.skc_hash, false);
	if (found.gave_up && !leave_to_sweep(sk, &origin, net))
		count_loss(chain_too_long);
	if (!found.substate)
		return;
	copy_byte_counts(&origin, tcp, found.substate == TCP_TIME_WAIT);
	if (found.substate != TCP_TIME_WAIT) {
		hand_over(found.small, net, &origin, HAS_TABLE);
	} else if (settings.want_time_wait && is_target_process(&origin)) {
		origin.kind = WIRE_TIME_WAIT;
		send(&origin);
	}
}

static __always_inline void on_state(struct sock *sk, int from, int to)
{
	struct memory *memory;

	/* close() after shutdown() sets FIN_WAIT1 or FIN_WAIT2 once more, and is not who sent the FIN. */
	if (from == to)
		return;
	/*
	 * More than half of all changes are nothing to remember: they end here. So is FIN_WAIT2, in which a closed socket as a
	 * rule is handed over to a small one in the same breath; one that stays in it the sweep finds.
	 */
	if (from != TCP_CLOSE_WAIT &&
	    (to == TCP_SYN_RECV || to == TCP_LISTEN || to == TCP_LAST_ACK || to == TCP_CLOSING ||
	     to == TCP_FIN_WAIT2 || from == TCP_LAST_ACK || (to == TCP_ESTABLISHED && from != TCP_SYN_RECV)))
		return;
	/* What ends was looked at as it began. */
	if (to != TCP_CLOSE && from != TCP_CLOSE_WAIT && sk->sk_protocol != IPPROTO_TCP)
		return;
	if (!is_wanted(sk)) {
		/* Before its local port was chosen it may have been wanted. */
		if (to == TCP_CLOSE || from == TCP_CLOSE_WAIT)
			forget(sk);
		return;
	}
	if (from == TCP_CLOSE_WAIT) {
		memory = recall(sk);
		on_close_wait_left(sk, memory);
		forget_memory(sk, memory); /* the peer has closed first: no TIME_WAIT comes of it */
		return;
	}
	switch (to) {
	case TCP_SYN_SENT:
		on_connect(sk);
		break;
	case TCP_ESTABLISHED:
		on_handshake(sk);
		break;
	case TCP_FIN_WAIT1:
		on_first_fin(sk);
		break;
	case TCP_CLOSE_WAIT:
		if (settings.want_close_wait)
			on_close_wait(sk);
		break;
	case TCP_CLOSE:
		if (from == TCP_FIN_WAIT1 || from == TCP_FIN_WAIT2 || from == TCP_CLOSING)
			on_closed_actively(sk, from);
		else if (!settings.has_understudies)
			forget_memory(sk, recall(sk));
		break;
	}
}

#endif
