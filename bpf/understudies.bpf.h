/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hook on states since v7.0. There the process itself may be put aside in the middle of a program, as late as in
 * bpf_preempt_enable(), and everybody else on its processor is skipped until it goes on: so two understudies stand behind the
 * program on the same hook, and one of them plays when all before it have missed the call. Each of the first two notes its
 * call, where nobody overwrites it before it goes on; for the process on the processor and for the softirq within it, which
 * the socket's lock tells apart.
 */
#ifndef TCPLINGER_UNDERSTUDIES_BPF_H
#define TCPLINGER_UNDERSTUDIES_BPF_H

#include "states.bpf.h"

/* A call of a program. */
struct call {
	__u64 socket;
	int from;
	int to;
};

/* What each processor keeps for itself, a cache line: the call that the first program is at, and the second. */
static struct processor {
	struct call of_process[2];
	struct call of_softirq[2];
} __attribute__((aligned(64))) processors[MAX_PROCESSORS];

static __always_inline struct processor *processor_here(void)
{
	return &processors[bpf_get_smp_processor_id() & (MAX_PROCESSORS - 1)];
}

static __always_inline struct call *calls_here(struct sock *sk)
{
	struct processor *here = processor_here();

	return sk->sk_lock.owned ? here->of_process : here->of_softirq;
}

static __always_inline bool is_noted(struct call *call, struct sock *sk, int from, int to)
{
	return call->socket == (__u64)sk && call->from == from && call->to == to;
}

static __always_inline void note(struct call *call, struct sock *sk, int from, int to)
{
	call->from = from;
	call->to = to;
	call->socket = (__u64)sk;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(handle_state_since_7_0, struct sock *sk, int from, int to)
{
	struct processor *here;

	bpf_preempt_disable();
	/* What a softirq may have left, because the last understudy was skipped, must not be taken for a later call. */
	here = processor_here();
	here->of_softirq[0].socket = 0;
	here->of_softirq[1].socket = 0;
	barrier();
	note(calls_here(sk), sk, from, to);
	on_state(sk, from, to);
	bpf_preempt_enable();
	return 0;
}

/*
 * A process may be put aside, or moved to another processor, between the programs. Then more than one handles the call: all
 * that on_state does can be done twice.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(handle_missed_state, struct sock *sk, int from, int to)
{
	struct call *calls;

	bpf_preempt_disable();
	calls = calls_here(sk);
	if (!is_noted(&calls[0], sk, from, to)) {
		__atomic_fetch_add(&losses.rescued, 1, __ATOMIC_RELAXED);
		note(&calls[1], sk, from, to);
		on_state(sk, from, to);
	}
	bpf_preempt_enable();
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(handle_twice_missed_state, struct sock *sk, int from, int to)
{
	struct call *calls;

	bpf_preempt_disable();
	calls = calls_here(sk);
	if (is_noted(&calls[0], sk, from, to)) {
		calls[0].socket = 0;
	} else if (is_noted(&calls[1], sk, from, to)) {
		calls[1].socket = 0;
	} else {
		__atomic_fetch_add(&losses.rescued, 1, __ATOMIC_RELAXED);
		on_state(sk, from, to);
	}
	if (to == TCP_CLOSE)
		forget(sk);
	bpf_preempt_enable();
	return 0;
}

#endif
