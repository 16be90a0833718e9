/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is remembered of a socket, because at the moments that matter the kernel runs on whatever
 * process was interrupted: who made it usable, who closed it, and when.
 */
#ifndef TCPLINGER_MEMORY_BPF_H
#define TCPLINGER_MEMORY_BPF_H

#include "compat.bpf.h"
#include "wire.h"

struct memory {
	struct wire_process opener;
	struct wire_process closer;
	struct wire_process holder; /* in whose files the tracer met the socket last */
	__u64 opened_ns;
	__u64 fin_sent_ns;
	__u64 waiting_since_ns;
	__u8 role;
	__u8 opener_source;
	__u8 closer_source;
	__u8 cause;
	__u8 waiting; /* WIRE_CLOSE_WAIT or WIRE_FIN_WAIT2 while the socket is in that state; 0 in any other */
	__u8 listed;  /* it has been put into the map `waiting` */
	__u8 approximate_since;
	__u8 closed;	 /* its end has been told */
	__u32 departure; /* one more than its place among the departures; 0: none */
};

/*
 * Written at connect(), at the end of a passive handshake and at the first FIN; dies with its socket.
 * Kernel v5.11 on: before, tracing programs may not use it.
 */
struct socket_storage_map {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct memory);
};

/*
 * The same for kernels without it, and for a socket whose storage could not be had in the moment (the kernel
 * does not wait for memory here): the key is the socket's address, so handle_state deletes the entry when the
 * socket is closed. The frontend sets the size.
 */
struct socket_hash_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct memory);
};

/*
 * Sockets that have been in CLOSE_WAIT or FIN_WAIT2 for min_age, by address: what is reported. Filled by the
 * iterators, deleted from by handle_state as sockets leave these states; those that leave soon never come here.
 * The frontend sets the size.
 */
struct waiting_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct wire_origin);
};

/*
 * Small sockets (struct inet_timewait_sock) still in FIN_WAIT2, by their address: TIME_WAIT when the
 * peer's FIN comes, if it comes. Written by handle_state when a closed socket is handed over, deleted
 * when the outcome is known. The kernel itself keeps no more than tcp_max_tw_buckets of them.
 */
struct handed_over_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct wire_origin);
};

/*
 * The connections that sent the first FIN last, a ring for each processor. A kernel may run no program while it is in
 * the name of some process that it protects, whatever it does for others meanwhile: then a connection has ended, its
 * memory is gone with it, and this is what is left. Written at the first FIN; done with when the end is seen, or at the
 * next look. The frontend sets the size.
 */
struct departure {
	struct wire_origin origin;
	__u64 net; /* these find its small socket */
	__u32 hash;
	__u32 is_pending;
};

struct departures_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct departure);
};

/* struct wire_origin records. 4 MiB: 24,000 of them, a second at 24,000 connections a second. */
struct events_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
};

/*
 * Where TIME_WAITs are only counted. Written by whoever would send a record otherwise, one share a processor, and
 * deleted by the frontend when nothing was added for more than a TIME_WAIT lasts. The frontend sets the size.
 */
struct counts_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1);
	__type(key, struct wire_count_key);
	__type(value, struct wire_count);
};

/* The pids of --pid, written by the frontend before the programs are attached. */
struct target_pids_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u8);
};

extern struct socket_storage_map socket_storage SEC(".maps");
extern struct socket_hash_map socket_hash SEC(".maps");
extern struct waiting_map waiting SEC(".maps");
extern struct handed_over_map handed_over SEC(".maps");
extern struct departures_map departures SEC(".maps");
extern struct counts_map counts SEC(".maps");
extern struct events_map events SEC(".maps");
extern struct target_pids_map target_pids SEC(".maps");

extern const volatile struct wire_settings settings;
extern const volatile __u8 target_local_ports[WIRE_PORT_BITMAP];
extern const volatile __u8 target_peer_ports[WIRE_PORT_BITMAP];
extern struct wire_losses losses;
extern struct wire_round current_round;
/* The hash has, or had, an entry beside the storage. */
extern __u32 hash_in_use;
/* The tracer's own thread group id; set while seeding. */
extern __u32 tracer;

/* Relaxed and its result unused: v5.10 has no fetching atomics. */
#define count_loss(field) ((void)__atomic_fetch_add(&losses.field, 1, __ATOMIC_RELAXED))

static __always_inline struct memory *recall(struct sock *sk)
{
	struct memory *memory = NULL;
	__u64 key = (__u64)sk;

	if (settings.sockets_in_storage)
		memory = bpf_sk_storage_get(&socket_storage, (void *)sk, NULL, 0);
	if (!memory && (!settings.sockets_in_storage || hash_in_use))
		memory = bpf_map_lookup_elem(&socket_hash, &key);
	return memory;
}

/* The memory of this socket, made if there is none; NULL, and counted, if there is no room. */
static __always_inline struct memory *remember(struct sock *sk)
{
	struct memory *memory = recall(sk), nothing = {};
	__u64 key = (__u64)sk;

	if (memory)
		return memory;
	if (settings.sockets_in_storage)
		memory = bpf_sk_storage_get(&socket_storage, (void *)sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!memory) {
		bpf_map_update_elem(&socket_hash, &key, &nothing, BPF_NOEXIST);
		memory = bpf_map_lookup_elem(&socket_hash, &key);
		hash_in_use = 1;
	}
	if (!memory)
		count_loss(memory_full);
	return memory;
}

/* The entry of this socket among those that wait, or NULL. */
static __always_inline struct wire_origin *entry_of(struct sock *sk)
{
	__u64 key = (__u64)sk;

	return bpf_map_lookup_elem(&waiting, &key);
}

static __always_inline void unlist(struct sock *sk)
{
	__u64 key = (__u64)sk;

	bpf_map_delete_elem(&waiting, &key);
}

static __always_inline void forget(struct sock *sk)
{
	__u64 key = (__u64)sk;

	if (!settings.sockets_in_storage || hash_in_use)
		bpf_map_delete_elem(&socket_hash, &key);
}

static __always_inline void name_process(struct wire_process *process, struct task_struct *task)
{
	struct task_struct *leader = leader_of(task);

	process->pid = TASK_READ(task, tgid);
	process->tid = TASK_READ(task, pid);
	process->started_ns = TASK_READ(leader, start_boottime);
	copy_comm(process->comm, leader);
}

#endif
