/* SPDX-License-Identifier: GPL-2.0 */
/* Every difference between kernels, each with the version and the reason. */
#ifndef TCPLINGER_COMPAT_BPF_H
#define TCPLINGER_COMPAT_BPF_H

#include "read.bpf.h"

/* CLOCK_BOOTTIME less CLOCK_MONOTONIC; kept by the frontend. */
extern __u64 suspended_ns;

/*
 * The last descriptor of the file is gone and the file is being released. v6.13, 90ee6ed776c0 "fs: port files to file_ref":
 * struct file counts in f_ref, from 0 for one reference, and a dead one is negative; before, in f_count, which is 0 then.
 */
static __always_inline bool file_is_released(struct file *file)
{
	if (bpf_core_field_exists(file->f_ref))
		return file->f_ref.refcnt.counter < 0;
	return file->f_count.counter == 0;
}

/* v5.18, fbb8295248e1 made netns_ipv4.tcp_death_row a pointer; v6.1, e9bd0cca09d1 undid it. */
struct netns_ipv4___v5_18 {
	struct inet_timewait_death_row *tcp_death_row;
} __attribute__((preserve_access_index));

struct net___v5_18 {
	struct netns_ipv4___v5_18 ipv4;
} __attribute__((preserve_access_index));

static __always_inline struct inet_hashinfo *tcp_hashinfo_of(struct net *net)
{
	struct net___v5_18 *older = (void *)net;

	if (bpf_core_field_exists(older->ipv4.tcp_death_row)) {
		struct inet_timewait_death_row *row = READ(older, ipv4.tcp_death_row);

		return READ(row, hashinfo);
	}
	return READ(net, ipv4.tcp_death_row.hashinfo);
}

/*
 * v5.11, 3ca1032ab7ab: bpf_get_current_task_btf() gives a pointer that is read like any memory; before, each field is
 * copied by a helper.
 */
#define TASKS_ARE_TYPED bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)
#define TASK_READ(task, field) (TASKS_ARE_TYPED ? (task)->field : BPF_CORE_READ(task, field))

static __always_inline struct task_struct *current_task(void)
{
	if (TASKS_ARE_TYPED)
		return (void *)bpf_get_current_task_btf();
	return (void *)bpf_get_current_task();
}

static __always_inline unsigned int task_flags(struct task_struct *task)
{
	return TASK_READ(task, flags);
}

static __always_inline struct task_struct *leader_of(struct task_struct *task)
{
	return TASK_READ(task, group_leader);
}

static __always_inline void copy_comm(char comm[16], struct task_struct *task)
{
	if (TASKS_ARE_TYPED) {
		((__u64 *)comm)[0] = *(__u64 *)&task->comm[0];
		((__u64 *)comm)[1] = *(__u64 *)&task->comm[8];
	} else {
		bpf_probe_read_kernel(comm, 16, task->comm);
	}
}

/*
 * bpf_sock_from_file() came in v5.11 (4f19cab76136); the same two steps by hand work on all kernels,
 * yet only the helper's pointer is one that bpf_sk_storage_get() takes.
 */
static __always_inline struct sock *socket_of_file(struct file *file)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_sock_from_file)) {
		struct socket *socket = (void *)bpf_sock_from_file((void *)file);

		return socket ? socket->sk : NULL;
	}
	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	struct socket *socket = BPF_CORE_READ(file, private_data);

	return BPF_CORE_READ(socket, sk);
}

/*
 * v5.6, 2303f994b3e1: a socket of MPTCP, as Go listens with, is a shell around TCP sockets. The first of them is the listener,
 * or the connection unless that has moved on to others. A kernel without CONFIG_MPTCP does not have the type.
 */
struct mptcp_sock {
	struct sock *first;
} __attribute__((preserve_access_index));

static __always_inline struct sock *tcp_socket_behind(struct sock *sk)
{
	struct mptcp_sock *shell = (void *)sk;

	if (!sk || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_MPTCP || !bpf_core_field_exists(shell->first))
		return sk;
	return BPF_CORE_READ(shell, first);
}

/* v6.10, fc7566ad0a82: a program may say that it is not to be put aside for another process. */
extern void bpf_preempt_disable(void) __ksym __weak;
extern void bpf_preempt_enable(void) __ksym __weak;

/*
 * jiffies, of which a TCP socket's time stamps are the low half, start at 2^32 less five minutes. The
 * length of one is not told to programs, so it is found by which of the kernel's choices of HZ fits.
 */
static __always_inline __u64 nanoseconds_per_jiffy(void)
{
	const __u32 choices[] = { 100, 250, 300, 1000 };
	__u64 uptime_s = bpf_ktime_get_ns() / 1000000000, jiffies = bpf_jiffies64(), best = ~0ULL;
	__u32 hz = 250;

	for (int i = 0; i < 4; i++) {
		__u64 expected = (1ULL << 32) + choices[i] * uptime_s - choices[i] * 300;
		__u64 error = jiffies > expected ? jiffies - expected : expected - jiffies;

		if (error < best) {
			best = error;
			hz = choices[i];
		}
	}
	return 1000000000 / hz;
}

#endif
