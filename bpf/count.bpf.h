/* SPDX-License-Identifier: GPL-2.0 */
/* TIME_WAITs counted where they happen, by process and peer: no record, and nobody to wake. */
#ifndef TCPLINGER_COUNT_BPF_H
#define TCPLINGER_COUNT_BPF_H

#include "memory.bpf.h"

/*
 * A client's own port is another each time, as is the port of a server's peer: neither is counted by. The local
 * address matters to who has a range of ports for each: the client.
 */
static __always_inline void name_flow(struct wire_count_key *key, const struct wire_origin *origin,
				      const struct wire_process *process)
{
	if (origin->role != WIRE_ROLE_SERVER)
		__builtin_memcpy(key->local_address, origin->local_address, sizeof(key->local_address));
	__builtin_memcpy(key->peer_address, origin->peer_address, sizeof(key->peer_address));
	key->started_ns = process->started_ns;
	key->pid = process->pid;
	key->netns = origin->netns;
	key->port = origin->role == WIRE_ROLE_SERVER ? origin->local_port : origin->peer_port;
	key->family = origin->family;
	key->mapped = origin->mapped;
	key->role = origin->role;
}

static __always_inline void count_time_wait(const struct wire_origin *origin)
{
	const struct wire_process *process = origin->closer.pid ? &origin->closer : &origin->opener;
	static const struct wire_count nothing = {};
	struct wire_count_key key = {};
	struct wire_count *count;

	name_flow(&key, origin, process);
	count = bpf_map_lookup_elem(&counts, &key);
	if (!count) {
		bpf_map_update_elem(&counts, &key, (void *)&nothing, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&counts, &key);
	}
	if (!count) {
		count_loss(counts_full);
		return;
	}
	/* A softirq may come between the processor's reading and writing. */
	__atomic_fetch_add(&count->time_waits, 1, __ATOMIC_RELAXED);
	if (!count->comm[0])
		__builtin_memcpy(count->comm, process->comm, sizeof(count->comm));
}

#endif
