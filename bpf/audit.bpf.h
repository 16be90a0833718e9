/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What no change of state tells, asked several times a second: which connection has waited for too
 * long, and what happened to one whose end no program saw. A kernel runs none in the name of a
 * process that it hides, nor one that a softirq finds running on its processor already.
 */
#ifndef TCPLINGER_AUDIT_BPF_H
#define TCPLINGER_AUDIT_BPF_H

#include "origin.bpf.h"

/* Its state; 0: its memory is another connection's by now, which has another key. */
static __always_inline __u8 state_of(const struct wire_origin *origin)
{
	struct sock_common *common = (void *)origin->address;
	__u8 state = READ(false, common, skc_state);
	__u64 key = origin->phase == WIRE_PHASE_TIME_WAIT_SOCKET
			    ? key_of_time_wait_socket(false, common, origin->local_port)
			    : key_of(false, common);

	return key == origin->key ? state : 0;
}

/*
 * To the frontend, if it is still there: who deletes it tells what became of it, and this comes
 * before.
 */
static __always_inline void answer(const struct wire_origin *origin, __u8 kind)
{
	__u32 index = batch.origin_count;
	__u64 key = origin->key;
	struct wire_origin *to, *found;

	barrier_var(index);
	if (index >= WIRE_BATCH)
		return;
	to = &batch.origins[index];
	__builtin_memcpy(to, origin, sizeof(*to));
	to->kind = kind;
	complete(to);
	if (!to->opener_source) /* handle_read may be about to name it */
		__builtin_memset(&to->opener, 0, sizeof(to->opener));
	if (kind == WIRE_CLOSE_WAIT_END) {
		if (!take_record(to))
			return;
	} else {
		found = bpf_map_lookup_elem(&connections, &key);
		if (!found || published(&found->phase) == WIRE_PHASE_OVER)
			return;
	}
	batch.origin_count = index + 1;
}

static __always_inline bool is_due(const struct wire_origin *origin)
{
	return origin->time_ns - origin->since_ns >= batch.min_age_ns;
}

static __always_inline void audit_close_wait(struct wire_origin *origin)
{
	struct tcp_sock *tcp = (void *)origin->address;

	if (!is_due(origin))
		return;
	describe(false, origin, (struct sock_common *)tcp, local_port_of(false, tcp));
	explain_close_wait(false, origin, tcp);
	copy_byte_counts(false, origin, tcp, true);
	/* All of it is this connection's if the socket is, now that it was read. */
	answer(origin, state_of(origin) == TCP_CLOSE_WAIT ? WIRE_CLOSE_WAIT : WIRE_CLOSE_WAIT_END);
}

/* Its socket is gone, and no program saw the time_wait socket: audit alone handles it now. */
static __always_inline void find_again(struct wire_origin *origin)
{
	bool was_tw = origin->phase == WIRE_PHASE_TIME_WAIT_SOCKET;
	__u64 key = origin->key, tw = NOT_KNOWN;

	if (settings.typed && origin->net)
		tw = find_in_chain(chain_of(false, (struct net *)origin->net, origin->hash), key);
	if (tw == NOT_KNOWN) {
		answer(origin, WIRE_GONE);
		return;
	}
	origin->address = tw;
	origin->no_byte_counts |= !was_tw;
	origin->phase = WIRE_PHASE_TIME_WAIT_SOCKET;
	if (!tw) {
		if (take_record(origin) && !was_tw)
			count_loss(time_wait_sockets_gone);
	} else if (substate_of(tw) != TCP_TIME_WAIT) {
		bpf_map_update_elem(&connections, &key, origin, BPF_EXIST);
	} else if (take_record(origin)) {
		tell_time_wait(origin);
	}
}

static __always_inline void audit_fin_sent(struct wire_origin *origin)
{
	__u8 state;

	copy_byte_counts(false, origin, (struct tcp_sock *)origin->address, false);
	state = state_of(origin);
	/* The hook runs before the state changes, so it may still be in the one before. */
	if (state != TCP_ESTABLISHED && state != TCP_SYN_RECV && state != TCP_FIN_WAIT1 &&
	    state != TCP_FIN_WAIT2 && state != TCP_CLOSING)
		find_again(origin);
	else if (state == TCP_FIN_WAIT2 && settings.want_fin_wait2 && is_due(origin) &&
		 is_target_process(origin))
		answer(origin, WIRE_FIN_WAIT2);
}

/*
 * A dead time_wait socket is in no chain, and keeps its state until its memory is used again. If it
 * is by now, whether it was in TIME_WAIT is not known; where a hook would have told, it was not.
 */
static __always_inline void audit_time_wait_socket(struct wire_origin *origin)
{
	struct sock_common *tw = (void *)origin->address;
	bool is_dead = !READ(false, tw, skc_nulls_node.pprev);
	__u8 state = substate_of(origin->address);

	if (state_of(origin) != TCP_TIME_WAIT) {
		if (take_record(origin) && !settings.time_wait_sockets_hooked)
			count_loss(time_wait_sockets_gone);
	} else if (state == TCP_TIME_WAIT) {
		if (take_record(origin))
			tell_time_wait(origin);
	} else if (is_dead) {
		take_record(origin);
	} else if (settings.want_fin_wait2 && is_due(origin) && is_target_process(origin)) {
		answer(origin, WIRE_FIN_WAIT2);
	}
}

#define SURELY_BORN_NS 1000000000 /* the hook runs before the state changes */

/* A connection whose end no program saw: it may be gone, or be ending. */
static __always_inline void audit_open(struct wire_origin *origin)
{
	struct sock_common *common = (void *)origin->address;
	__u8 state = state_of(origin);

	if (origin->time_ns - origin->opened_ns < SURELY_BORN_NS)
		return;
	if (!state || state == TCP_CLOSE) {
		take_record(origin);
	} else if (is_ending(state)) {
		begin_to_end(origin, common, state);
		if (state == TCP_CLOSE_WAIT)
			audit_close_wait(origin);
		else
			audit_fin_sent(origin);
	}
}

/* No reset was sent. */
static __always_inline void audit_reset(struct wire_origin *origin)
{
	if (origin->time_ns - origin->since_ns > SURELY_BORN_NS)
		take_record(origin);
}

/* What the frontend found by other means: TIME_WAIT, or that the connection is gone. */
static __always_inline void settle(struct wire_origin *origin)
{
	if (!take_record(origin) || batch.found != TCP_TIME_WAIT)
		return;
	origin->no_byte_counts = origin->phase != WIRE_PHASE_TIME_WAIT_SOCKET;
	tell_time_wait(origin);
}

__weak __noinline int audit_connection(__u64 key)
{
	struct wire_origin *found = bpf_map_lookup_elem(&connections, &key), *origin = &scratch;
	__u32 phase;

	if (!found)
		return 0;
	phase = published(&found->phase);
	__builtin_memcpy(origin, found, sizeof(*origin));
	/* The element may have been another connection's as it was copied. */
	if (origin->key != key)
		return 0;
	origin->phase = phase;
	origin->time_ns = bpf_ktime_get_boot_ns();
	if (phase == WIRE_PHASE_OVER)
		audit_reset(origin);
	else if (batch.found)
		settle(origin);
	else if (!origin->address)
		find_again(origin);
	else if (phase == WIRE_PHASE_TIME_WAIT_SOCKET)
		audit_time_wait_socket(origin);
	else if (phase == WIRE_PHASE_OPEN)
		audit_open(origin);
	else if (origin->kind == WIRE_CLOSE_WAIT)
		audit_close_wait(origin);
	else
		audit_fin_sent(origin);
	return 0;
}

/*
 * Run by the frontend (BPF_PROG_TEST_RUN: v5.10, 1b4d60ec162f); a run keeps its processor from
 * others.
 */
SEC("raw_tp")
int audit(void *context)
{
	tracer = bpf_get_current_pid_tgid() >> 32;
	for (__u32 index = 0; index < WIRE_BATCH && index < batch.key_count; index++)
		audit_connection(batch.keys[index]);
	return 0;
}

#endif
