/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is remembered of a socket, because at the moments that matter the kernel runs on whatever
 * process was interrupted: who made it usable, who closed it, and when.
 */
#ifndef TCPLINGER_MEMORY_BPF_H
#define TCPLINGER_MEMORY_BPF_H

#include "compat.bpf.h"

enum keeping { IN_HASH, IN_TABLE };

struct memory {
	/* A cache line: all that most changes of state need. */
	__u64 socket;
	__u64 opened_ns;
	__u64 fin_sent_ns;	/* the first FIN */
	__u64 waiting_since_ns; /* in CLOSE_WAIT; or in FIN_WAIT2, if nobody saw the first FIN */
	__u64 net;		/* with the first FIN: these find its small socket */
	__u32 hash;
	__u32 waiting_since_jiffies; /* the lower half; 0: not known */
	__u32 place;		     /* in the table */
	__u16 peer_port;	     /* 0: not known */
	__u8 role;
	__u8 waiting; /* WIRE_CLOSE_WAIT or WIRE_FIN_WAIT2 while the socket is in that state; 0 in any other */
	__u8 approximate_since;
	__u8 listed;	 /* it has been put into the map `waiting` */
	__u8 closed;	 /* its end has been told, or it is remembered elsewhere by now */
	__u8 kept;	 /* where */
	__u8 has_people; /* these two are more than what was there before */
	__u8 has_record;
	__u8 opener_source;
	__u8 padding;

	/*
	 * What it becomes: who opened and who closed, a line of their own, as soon as it is known, the rest with the first
	 * FIN. Before that, the closer is the process in whose files the tracer met the socket last.
	 */
	struct wire_origin record;
	__u64 padding2[2];
};

_Static_assert(offsetof(struct memory, record) == 64,
	       "memory: a line, and one for those who opened and closed");
_Static_assert(sizeof(struct memory) == 256, "memory: four cache lines");

/*
 * Where sockets that are born under the tracer are remembered, and small sockets that they are handed over to: two tables
 * of one kind. An address tells a set of places, and a place has a key: the lower half of the address whose it is, of
 * which the last bits are free for marks. Two sockets that have a half in common are not both in the table. (Small sockets
 * that no hook looks for may be, and stand in any set.) Written at connect(), at the end of a passive handshake and at the
 * first FIN; given back by handle_state as the connection is over, or by the sweep if nobody saw that. Kernel v5.12 on, as a
 * place is claimed by an atomic that gives back what was there. The frontend sets the size; what finds no room is
 * remembered farther away.
 */
struct keys {
	__u32 of[WIRE_WAYS]; /* 0: free */
};

struct keys_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags,
	       BPF_F_MMAPABLE); /* nobody does: it makes them begin with a page, and so with a cache line */
	__type(key, __u32);
	__type(value, struct keys);
};

struct memories_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct memory);
};

/*
 * Where sockets older than the tracer are remembered, those that found the table full, and all where there is no table. The
 * key is the socket's address, so handle_state deletes the entry when the socket is closed, and the sweep if nobody saw that.
 * The frontend sets the size.
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
 * Small sockets (struct inet_timewait_sock) still in FIN_WAIT2, by their address: TIME_WAIT when the peer's FIN comes, if
 * it comes. Written by handle_state when a closed socket is handed over, given back when the outcome is known.
 */
struct small_socket {
	struct wire_origin origin;
	__u64 address;
	__u64 padding;
};

_Static_assert(sizeof(struct small_socket) == 192, "small_socket: three cache lines");

struct small_sockets_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct small_socket);
};

/*
 * Those that are older than the tracer, or found no room in the table. The kernel itself keeps no more than
 * tcp_max_tw_buckets of them. The frontend sets the size.
 */
struct handed_over_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct wire_origin);
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

extern struct keys_map keys SEC(".maps");
extern struct memories_map memories SEC(".maps");
extern struct socket_hash_map socket_hash SEC(".maps");
extern struct waiting_map waiting SEC(".maps");
extern struct small_sockets_map small_sockets SEC(".maps");
extern struct handed_over_map handed_over SEC(".maps");
extern struct counts_map counts SEC(".maps");
extern struct events_map events SEC(".maps");
extern struct target_pids_map target_pids SEC(".maps");

extern const volatile __u8 target_local_ports[WIRE_PORT_BITMAP];
extern const volatile __u8 target_peer_ports[WIRE_PORT_BITMAP];
extern struct wire_losses losses;
extern struct wire_round current_round;
extern struct wire_batch batch;
/*
 * How many entries there are in the maps that little comes into, and for a moment more than there are: where it is 0 there is
 * nothing to look up, and nothing to go through.
 */
extern __u32 socket_hash_entries;
extern __u32 waiting_entries;
extern __u32 handed_over_entries;
/* The tracer's own thread group id; set while seeding. */
extern __u32 tracer;

/* Relaxed and its result unused: v5.10 has no fetching atomics. */
#define count_loss(field) ((void)__atomic_fetch_add(&losses.field, 1, __ATOMIC_RELAXED))

static __always_inline long add_counted(void *map, __u32 *entries, const void *key, const void *value)
{
	long error;

	(void)__atomic_fetch_add(entries, 1, __ATOMIC_RELAXED);
	error = bpf_map_update_elem(map, key, value, BPF_NOEXIST);
	if (error)
		(void)__atomic_fetch_sub(entries, 1, __ATOMIC_RELAXED);
	return error;
}

static __always_inline bool take_counted(void *map, __u32 *entries, const void *key)
{
	if (bpf_map_delete_elem(map, key))
		return false;
	(void)__atomic_fetch_sub(entries, 1, __ATOMIC_RELAXED);
	return true;
}

/* Into one of these maps, unless there is one with this key; 0, or the error. */
#define add(map, key, value) add_counted(&map, &map##_entries, key, value)
/* The same in place of what is there; false: there is no room. */
#define put(map, key, value) (!add(map, key, value) || !bpf_map_update_elem(&map, key, value, BPF_EXIST))
/* Out of it; false: it was not there. */
#define take(map, key) take_counted(&map, &map##_entries, key)

/*
 * The programs that the frontend runs (BPF_PROG_TEST_RUN, raw tracepoints: v5.10, 1b4d60ec162f), on a batch of keys at a time: a
 * run keeps its processor from other processes. A set of a table counts as the keys that it has room for.
 */
#define for_each_key_of_batch(index) \
	for (__u32 index = 0; index < WIRE_BATCH && index < batch.key_count; index++)
#define for_each_set_of_batch(index) \
	for (__u32 index = 0; index < WIRE_BATCH / WIRE_WAYS && index < batch.key_count; index++)

/* Where the next record of the answer goes. It counts once batch.origin_count says so. */
static __always_inline struct wire_origin *next_answer(void)
{
	__u32 index = batch.origin_count;

	barrier_var(index);
	return index < WIRE_BATCH ? &batch.origins[index] : NULL;
}

enum table { OF_SOCKETS, OF_SMALL_SOCKETS };

#define NOWHERE (~0U)

/* To the verifier half of a pointer is a number, once it is moved. */
static __always_inline __u32 half_of(const void *address)
{
	__u32 half;

	asm volatile("%0 = %1" : "=w"(half) : "w"((__u32)(__u64)address));
	return half;
}

/*
 * A set, and the place in it that the key takes if it is free. The kernel takes sockets from a few slabs, again and again. Of a
 * slab those that are neighbours, within 8 KiB, share a set, so that what is remembered of all in use is in few places too,
 * which stay in the cache. A socket has a little more than 2 KiB, a small one a quarter: of these it is a slab of 4 KiB.
 */
static __always_inline __u32 set_of(__u32 half, enum table table)
{
	__u32 neighbours = half >> (table == OF_SOCKETS ? 13 : 12);

	return (neighbours * 0x9e3779b1 >> (32 - settings.table_bits)) | table << settings.table_bits;
}

static __always_inline __u32 first_way_of(__u32 half, enum table table)
{
	return half >> (table == OF_SOCKETS ? 11 : 8) & (WIRE_WAYS - 1);
}

/*
 * The number of the place with this key. Global functions are verified once, not once for each way that leads there. Yet a
 * call costs some 20 ns where returns are guarded against speculation (docs/design.md).
 */
__weak __noinline __u32 search_set(__u32 key, __u32 table)
{
	__u32 set = set_of(key, table);
	struct keys *found = bpf_map_lookup_elem(&keys, &set);

	for (__u32 way = 0; found && way < WIRE_WAYS; way++)
		if (found->of[way] == key)
			return set * WIRE_WAYS + way;
	return NOWHERE;
}

/* The same without a call where it can be: most are in the place that is theirs. */
static __always_inline __u32 find_place(__u32 key, enum table table)
{
	__u32 set = set_of(key, table), way = first_way_of(key, table);
	struct keys *found = bpf_map_lookup_elem(&keys, &set);

	return found && found->of[way] == key ? set * WIRE_WAYS + way : search_set(key, table);
}

static __always_inline struct memory *memory_at(__u32 place)
{
	return bpf_map_lookup_elem(&memories, &place);
}

static __always_inline struct memory *recall_near(struct sock *sk)
{
	struct memory *memory = memory_at(find_place(half_of(sk), OF_SOCKETS));

	return memory && memory->socket == (__u64)sk ? memory : NULL;
}

static __always_inline struct memory *recall_far(struct sock *sk)
{
	__u64 key = (__u64)sk;

	return socket_hash_entries ? bpf_map_lookup_elem(&socket_hash, &key) : NULL;
}

static __always_inline struct memory *recall(struct sock *sk)
{
	struct memory *memory = settings.table_bits ? recall_near(sk) : NULL;

	return memory ?: recall_far(sk);
}

static __always_inline struct memory *remember_far(struct sock *sk)
{
	static const struct memory nothing = {};
	struct memory *memory = recall_far(sk);
	__u64 key = (__u64)sk;

	if (memory)
		return memory;
	add(socket_hash, &key, &nothing);
	memory = bpf_map_lookup_elem(&socket_hash, &key);
	if (memory)
		memory->socket = key;
	else
		count_loss(memory_full);
	return memory;
}

#define PEOPLE offsetof(struct wire_origin, socket)

/* Who opened and who closed, to be written to. */
static __always_inline struct wire_origin *people_of(struct memory *memory)
{
	if (!memory->has_people) {
		__builtin_memset(&memory->record, 0, PEOPLE);
		memory->has_people = 1;
	}
	return &memory->record;
}

/* None, if the tracer began the line at the same moment and took the opener for what was there before. */
static __always_inline __u8 source_of_opener(const struct memory *memory)
{
	return memory->has_people && memory->record.opener.pid ? memory->opener_source : WIRE_SOURCE_NONE;
}

/* All that is remembered, to be written to. */
static __always_inline struct wire_origin *record_of(struct memory *memory)
{
	struct wire_origin *record = people_of(memory);

	if (!memory->has_record) {
		__builtin_memset(&record->socket, 0, sizeof(*record) - PEOPLE);
		record->opener_source = source_of_opener(memory);
		memory->has_record = 1;
	}
	return record;
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

	take(waiting, &key);
}

static __always_inline void name_process(struct wire_process *process, struct task_struct *task)
{
	struct task_struct *leader = leader_of(task);

	process->pid = TASK_READ(task, tgid);
	process->tid = TASK_READ(task, pid);
	process->started_ns = TASK_READ(leader, start_boottime);
	copy_comm(process->comm, leader);
}

static __always_inline void name_opener(struct memory *memory, struct task_struct *task, __u8 source)
{
	name_process(&people_of(memory)->opener, task);
	memory->opener_source = source;
	if (memory->has_record)
		memory->record.opener_source = source;
}

#endif
