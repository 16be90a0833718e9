// SPDX-License-Identifier: GPL-2.0
/*
 * Everything that outlives a run of a program. Linked first: the linker of libbpf 1.1 mistakes the offset
 * of what it has seen declared before it sees it defined.
 */
#include "memory.bpf.h"

struct keys_map keys SEC(".maps");
struct memories_map memories SEC(".maps");
struct socket_hash_map socket_hash SEC(".maps");
struct waiting_map waiting SEC(".maps");
struct small_sockets_map small_sockets SEC(".maps");
struct handed_over_map handed_over SEC(".maps");
struct counts_map counts SEC(".maps");
struct events_map events SEC(".maps");
struct target_pids_map target_pids SEC(".maps");

const volatile struct wire_settings settings = {};
const volatile __u8 target_local_ports[WIRE_PORT_BITMAP] = {};
const volatile __u8 target_peer_ports[WIRE_PORT_BITMAP] = {};
struct wire_losses losses = {};
struct wire_batch batch = {};
struct wire_round current_round = { .number = 1 };
__u32 socket_hash_entries = 0;
__u32 waiting_entries = 0;
__u32 handed_over_entries = 0;
__u64 suspended_ns = 0;
__u32 tracer = 0;

char LICENSE[] SEC("license") = "GPL";
