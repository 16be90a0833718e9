/* SPDX-License-Identifier: GPL-2.0 */
/* Every difference between kernels, each with the version and the reason. */
#ifndef TCPLINGER_COMPAT_BPF_H
#define TCPLINGER_COMPAT_BPF_H

#include "kernel.h"
#include "wire.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

extern const volatile struct wire_settings settings;

/*
 * How a socket is read. The verifier knows the argument of a hook (tp_btf) as a socket, and reads
 * it like any memory. All else is an address, each field of which is copied by a checked read: a
 * socket freed meanwhile gives wrong bytes at worst, so its identity is looked at afterwards. Where
 * tp_btf is refused the hook is a raw tracepoint, and has addresses only. `typed` is known when a
 * program is loaded: the kernel drops the other way.
 */
#define READ(typed, from, field) ((typed) ? (from)->field : BPF_CORE_READ(from, field))

#define as_tcp(typed, sk) \
	((struct tcp_sock *)((typed) ? (void *)bpf_skc_to_tcp_sock(sk) : (void *)(sk)))

/*
 * The kernel's own number of a socket, which no other ever has, and which the time_wait socket that
 * takes over inherits. v5.12, c5dbb89fc2ac: tracing programs may ask for it, and with that give it.
 */
#define give_cookie(sk) bpf_get_socket_cookie(sk)

/*
 * The last descriptor of the file is gone and the file is being released. v6.13, 90ee6ed776c0 "fs:
 * port files to file_ref": struct file counts in f_ref, from 0 for one reference, and a dead one is
 * negative; before, in f_count, which is 0 then.
 */
static __always_inline bool file_is_released(bool typed, struct file *file)
{
	if (bpf_core_field_exists(file->f_ref))
		return READ(typed, file, f_ref.refcnt.counter) < 0;
	return READ(typed, file, f_count.counter) == 0;
}

/* v5.18, fbb8295248e1 made netns_ipv4.tcp_death_row a pointer; v6.1, e9bd0cca09d1 undid it. */
struct netns_ipv4___v5_18 {
	struct inet_timewait_death_row *tcp_death_row;
} __attribute__((preserve_access_index));

struct net___v5_18 {
	struct netns_ipv4___v5_18 ipv4;
} __attribute__((preserve_access_index));

static __always_inline struct inet_hashinfo *tcp_hashinfo_of(bool typed, struct net *net)
{
	struct net___v5_18 *older = (void *)net;

	if (bpf_core_field_exists(older->ipv4.tcp_death_row)) {
		struct inet_timewait_death_row *row = READ(typed, older, ipv4.tcp_death_row);

		return READ(typed, row, hashinfo);
	}
	return READ(typed, net, ipv4.tcp_death_row.hashinfo);
}

/*
 * A word that is written after all that it speaks of, and read before. x86 keeps that order by
 * itself; elsewhere an atomic that gives back what was there does (v5.12, 5ffa25502b5a).
 */
#ifdef __TARGET_ARCH_x86
#define publish(word, value)                                   \
	({                                                     \
		barrier();                                     \
		*(volatile typeof(*(word)) *)(word) = (value); \
	})
#define published(word) (*(volatile typeof(*(word)) *)(word))
#else
#define publish(word, value) ((void)__sync_lock_test_and_set(word, value))
#define published(word) __sync_fetch_and_or(word, 0)
#endif

/*
 * v5.11, 3ca1032ab7ab: bpf_get_current_task_btf() gives a pointer that is read like any memory;
 * before, each field is copied by a helper.
 */
#define TASKS_ARE_TYPED bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)

#define current_task()                                                               \
	((struct task_struct *)(TASKS_ARE_TYPED ? (void *)bpf_get_current_task_btf() \
						: (void *)bpf_get_current_task()))

static __always_inline void name_process(struct wire_process *process, struct task_struct *task)
{
	struct task_struct *leader = READ(TASKS_ARE_TYPED, task, group_leader);

	process->pid = READ(TASKS_ARE_TYPED, task, tgid);
	process->tid = READ(TASKS_ARE_TYPED, task, pid);
	process->started_ns = READ(TASKS_ARE_TYPED, leader, start_boottime);
	if (TASKS_ARE_TYPED) {
		((__u64 *)process->comm)[0] = *(__u64 *)&leader->comm[0];
		((__u64 *)process->comm)[1] = *(__u64 *)&leader->comm[8];
	} else {
		bpf_probe_read_kernel(process->comm, sizeof(process->comm), leader->comm);
	}
}

/* v5.11, 4f19cab76136: bpf_sock_from_file(). Before, the same two steps by hand. */
#define FILES_ARE_TYPED bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_sock_from_file)

static __always_inline struct sock *socket_of_file(struct file *file)
{
	struct socket *socket;

	if (FILES_ARE_TYPED) {
		socket = (void *)bpf_sock_from_file((void *)file);
		return socket ? socket->sk : NULL;
	}
	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

/*
 * v5.6, 2303f994b3e1: a socket of MPTCP, as Go listens with, is a shell around TCP sockets. The
 * first of them is the listener, or the connection unless that has moved on to others. A kernel
 * without CONFIG_MPTCP does not have the type.
 */
struct mptcp_sock {
	struct sock *first;
} __attribute__((preserve_access_index));

static __always_inline struct sock *tcp_socket_behind(struct sock *sk)
{
	struct mptcp_sock *shell = (void *)sk;

	if (!bpf_core_field_exists(shell->first))
		return NULL;
	return BPF_CORE_READ(shell, first);
}

#endif
