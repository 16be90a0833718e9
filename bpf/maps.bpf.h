/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Everything that outlives a run of a program. An element of a hash may be given to another key as
 * soon as it is deleted, also while somebody holds a pointer to it. So an element of `connections`
 * is written to only where the socket cannot end meanwhile: by handle_state, and by handle_read, as
 * who reads holds its lock. Everybody else adds what is not there, or deletes what is over.
 */
#ifndef TCPLINGER_MAPS_BPF_H
#define TCPLINGER_MAPS_BPF_H

#include "compat.bpf.h"

/*
 * What is known of a connection, from its beginning until there is nothing more to tell. The key is
 * the socket's cookie, which its time_wait socket inherits (where hooks have addresses only: the
 * address, and of a time_wait socket the kernel's hash and the ports). Put in by handle_state at
 * connect() and at the end of a passive handshake, or as late as its end begins, by the iterators
 * for older sockets. Deleted by the program that reports its end (handle_state, the hook on
 * time_wait sockets, audit): of two that find it at once, the one that deletes it reports. 65,536
 * have their memory from the start, 16 MB, which is faster; on a host with more sockets there are
 * four for each, up to a million, allocated as they come. What does not fit is counted.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct wire_origin);
} connections SEC(".maps");

/*
 * Who opened a connection, where that is known later, without the socket's lock: who accepted it,
 * who had it open when the tracer came. Put in by the programs on accept() and by the iterators, by
 * the key of the connection, and deleted with it. As many as connections.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct wire_opener);
} openers SEC(".maps");

/*
 * Counts by process, one share a processor: TIME_WAITs where no record is sent for them, connects
 * and accepts. Written by the programs that see them. Deleted by the frontend, a generation at a
 * time, when a later one has been counted for longer than a program runs, so that no count is added
 * to a deleted one. 65,536 flows; what does not fit is counted.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1);
	__type(key, struct wire_count_key);
	__type(value, struct wire_count);
} counts SEC(".maps");

/* struct wire_event records. 4 MiB: 17,000 of them, a second at 17,000 connections a second. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
} events SEC(".maps");

/*
 * Processes that filters decide by, 1: it passes, 0: it does not. The pids of --pid, put in by the
 * frontend; of a command and all that it starts, by handle_fork; where filters ask for a user or a
 * cgroup, by introduce() and the frontend, and a process that is not in it is left to the frontend.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u8);
} target_pids SEC(".maps");

/*
 * May a process of this user in this cgroup pass the filters? Put in by the frontend as it first
 * meets one, read by introduce(), deleted by nobody. What does not fit is left to the frontend.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct wire_group);
	__type(value, __u8);
} verdicts SEC(".maps");

/*
 * The process that the iterator over open files met a socket with last, by the socket's key. The
 * iterator holds a reference to each file that it looks at: if the process closes its descriptor in
 * that moment, the kernel closes the socket in the name of the tracer, as it ends its call. Put in
 * by visit_files, read by handle_state where the tracer closes; the kernel drops the oldest.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct wire_process);
} visited SEC(".maps");

const volatile struct wire_settings settings = {};
const volatile __u8 target_local_ports[WIRE_PORT_BITMAP] = {};
const volatile __u8 target_peer_ports[WIRE_PORT_BITMAP] = {};
struct wire_losses losses = {};
struct wire_batch batch = {};
/* Too large for the stack of the programs that the frontend runs; it runs one at a time. */
struct wire_origin scratch = {};
/* Set by the frontend: CLOCK_BOOTTIME less CLOCK_MONOTONIC; a jiffy; what is counted in. */
__u64 suspended_ns = 0;
__u32 jiffy_ns = 0;
__u32 generation = 0;
/* The tracer's own thread group id; set by what it runs. */
__u32 tracer = 0;

/* Relaxed and its result unused: v5.10 has no fetching atomics. */
#define count_loss(field) ((void)__atomic_fetch_add(&losses.field, 1, __ATOMIC_RELAXED))

#endif
