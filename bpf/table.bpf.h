/* SPDX-License-Identifier: GPL-2.0 */
/* How the tables of sockets and small sockets are filled: places are claimed, given back, and left to the sweep. */
#ifndef TCPLINGER_TABLE_BPF_H
#define TCPLINGER_TABLE_BPF_H

#include "memory.bpf.h"

/* v5.12, 5ffa25502b5a: atomics that give back what was there; before, a program that has one is refused. */
#ifdef WITHOUT_TABLE
#define HAS_TABLE false
#define compare_and_swap(address, old, new) (old)
#define swap(address, new) (new)
#else
#define HAS_TABLE settings.table_bits
#define compare_and_swap(address, old, new) __sync_val_compare_and_swap(address, old, new)
#define swap(address, new) __sync_lock_test_and_set(address, new)
#endif

/* Marks of a key: nobody finds the place by its address any more, or yet. */
#define ENDED_UNSEEN 1 /* the sweep follows it to its small socket */
#define UNFINISHED 2   /* somebody is filling it in, or about to give it back */

static __always_inline __u32 *key_of(__u32 place)
{
	__u32 set = place / WIRE_WAYS;
	struct keys *found = bpf_map_lookup_elem(&keys, &set);

	return found ? &found->of[place % WIRE_WAYS] : NULL;
}

/* From now on the place is nobody's but the caller's; false: it has another key by now. */
static __always_inline bool mark(__u32 place, __u32 key, __u32 as)
{
	__u32 *found = key_of(place);

	return found && compare_and_swap(found, key, as) == key;
}

/* By whom the place is: all that was written there is there before it is somebody else's. */
static __always_inline void release(__u32 place, __u32 as)
{
	__u32 *key = key_of(place);

	if (!key)
		return;
#ifdef __TARGET_ARCH_x86
	barrier(); /* the processor keeps stores in order, and an atomic would wait for all before it */
	*(volatile __u32 *)key = as;
#else
	(void)swap(key, as);
#endif
}

static __always_inline void give_back(__u32 place)
{
	release(place, 0);
}

#ifndef WITHOUT_TABLE
__weak __noinline __u32 claim_in_set(__u32 key, __u32 table)
{
	__u32 set = set_of(key, table);
	struct keys *found = bpf_map_lookup_elem(&keys, &set);

	for (__u32 way = 0; found && way < WIRE_WAYS; way++)
		if ((found->of[way] & ~UNFINISHED) == key)
			return NOWHERE;
	for (__u32 next = 0; found && next < WIRE_WAYS; next++) {
		__u32 way = (first_way_of(key, table) + next) % WIRE_WAYS;

		if (!found->of[way] && !compare_and_swap(&found->of[way], 0, key | UNFINISHED))
			return set * WIRE_WAYS + way;
	}
	return NOWHERE;
}
#else
#define claim_in_set(key, table) NOWHERE
#endif

#define IN_BOTH_HALVES(number) ((__u64)(number) << 32 | (number))

/* Two at a time, without a branch: a half of a word is 0 if and only if taking 1 from it borrows into its highest bit. */
static __always_inline bool has_key(const struct keys *set, __u32 key)
{
	__u64 borrows = 0;

	for (int pair = 0; pair < WIRE_WAYS / 2; pair++) {
		__u64 both = ((const __u64 *)set->of)[pair] & ~IN_BOTH_HALVES(UNFINISHED),
		      difference = both ^ IN_BOTH_HALVES(key);

		borrows |= (difference - IN_BOTH_HALVES(1)) & ~difference;
	}
	return borrows & IN_BOTH_HALVES(1U << 31);
}

/* A free place of the key's set, marked as unfinished; NOWHERE if there is none, or one with the same key. */
static __always_inline __u32 claim_place(__u32 key, enum table table)
{
	__u32 set = set_of(key, table), way = first_way_of(key, table);
	struct keys *found = bpf_map_lookup_elem(&keys, &set);

	if (found && !has_key(found, key) && !compare_and_swap(&found->of[way], 0, key | UNFINISHED))
		return set * WIRE_WAYS + way;
	return claim_in_set(key, table);
}

/* What is there is all written: now it can be found, before anything else is looked at. */
static __always_inline void publish(__u32 place, __u32 key)
{
	__u32 *found = key_of(place);

	if (found)
		(void)swap(found, key);
}

#define MAX_PROCESSORS 1024

/* The place of a small socket that each processor takes next. */
static struct {
	__u32 number;
} __attribute__((aligned(64))) next_places[MAX_PROCESSORS];

/*
 * A free place for what nobody looks for by its address. Each processor goes through them in order, so that it finds their
 * keys in its own cache.
 */
static __always_inline __u32 claim_next_place(__u32 key)
{
	__u32 processor = bpf_get_smp_processor_id() % MAX_PROCESSORS, next = next_places[processor].number++,
	      way = next % WIRE_WAYS, set = next / WIRE_WAYS + processor * 61;
	struct keys *found;

	set = (set & ((1 << settings.table_bits) - 1)) | OF_SMALL_SOCKETS << settings.table_bits;
	found = bpf_map_lookup_elem(&keys, &set);
	if (found && !found->of[way] && !compare_and_swap(&found->of[way], 0, key | UNFINISHED))
		return set * WIRE_WAYS + way;
	return claim_in_set(key, OF_SMALL_SOCKETS);
}

static __always_inline void clear(struct memory *memory, struct sock *sk)
{
	__builtin_memset(memory, 0, offsetof(struct memory, record));
	memory->socket = (__u64)sk;
}

/* A clear memory for the socket at a place that was claimed for it, or NULL. */
static __always_inline struct memory *settle_at(__u32 place, struct sock *sk)
{
	struct memory *memory = memory_at(place);

	if (!memory)
		return NULL;
	clear(memory, sk);
	memory->kept = IN_TABLE;
	memory->place = place;
	release(place, half_of(sk));
	return memory;
}

static __always_inline struct memory *settle_in(struct sock *sk)
{
	return settle_at(claim_place(half_of(sk), OF_SOCKETS), sk);
}

/* What is remembered at this address is of an older connection, which nobody saw end. */
static __always_inline void set_aside(struct sock *sk)
{
	__u32 half = half_of(sk), place = find_place(half, OF_SOCKETS);
	struct memory *older = memory_at(place);

	if (older && older->socket == (__u64)sk)
		mark(place, half, older->fin_sent_ns ? half | ENDED_UNSEEN : 0);
}

/* The memory of a new connection of this socket, in place of what is remembered of an older one. */
static __always_inline struct memory *replace(struct sock *sk)
{
	struct memory *memory = NULL;

	if (HAS_TABLE) {
		set_aside(sk);
		memory = settle_at(claim_in_set(half_of(sk), OF_SOCKETS), sk);
	}
	if (memory)
		return memory;
	memory = remember_far(sk);
	if (memory)
		clear(memory, sk); /* which says: in the hash */
	return memory;
}

/* The same, where as a rule nothing is remembered. */
static __always_inline struct memory *start_anew(struct sock *sk)
{
	struct memory *memory = HAS_TABLE ? settle_in(sk) : NULL;

	return memory ?: replace(sk);
}

/*
 * The memory of this socket, made if there is none, in the table if it has room: there it outlives the socket, should
 * nobody see that one end. NULL, and counted, if there is no room anywhere.
 */
static __always_inline struct memory *remember(struct sock *sk)
{
	struct memory *memory = HAS_TABLE ? recall_near(sk) : NULL, *far;
	__u64 key = (__u64)sk;

	if (memory)
		return memory;
	far = recall_far(sk);
	if (HAS_TABLE)
		memory = settle_in(sk);
	if (!memory)
		return far ?: remember_far(sk);
	if (far) {
		__u32 place = memory->place;

		__builtin_memcpy(memory, far, sizeof(*memory));
		memory->kept = IN_TABLE;
		memory->place = place;
		far->closed = 1; /* the sweep may have found it already */
		take(socket_hash, &key);
	}
	return memory;
}

/* Nothing more is to be known of the connection. What is in the table is not in the hash. */
static __always_inline void forget_memory(struct sock *sk, struct memory *memory)
{
	__u64 key = (__u64)sk;

	if (HAS_TABLE && memory && memory->kept == IN_TABLE) {
		mark(memory->place, half_of(sk), 0); /* unless the sweep was first */
		return;
	}
	if (memory)
		memory->closed = 1; /* the sweep may have found it already */
	if (socket_hash_entries)
		take(socket_hash, &key);
}

static __always_inline void forget(struct sock *sk)
{
	forget_memory(sk, HAS_TABLE ? recall_near(sk) : NULL);
}

#endif
