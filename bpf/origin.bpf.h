/* SPDX-License-Identifier: GPL-2.0 */
/* From a socket to a record, and on its way to the frontend. */
#ifndef TCPLINGER_ORIGIN_BPF_H
#define TCPLINGER_ORIGIN_BPF_H

#include "context.bpf.h"
#include "socket.bpf.h"

static __always_inline bool has_port(const volatile __u8 *bitmap, __u16 port)
{
	__u32 index = port >> 3;

	/* The compiler knows that a port is no larger; the verifier of 6.1 has to be shown. */
	barrier_var(index);
	return bitmap[index & (WIRE_PORT_BITMAP - 1)] & (1 << (port & 7));
}

/* Does a connection pass the filters? As it is opened its local port may not be chosen: 0. */
static __always_inline bool passes(bool typed, struct sock_common *common, __u16 local_port)
{
	if (settings.netns && netns_of(typed, common) != settings.netns)
		return false;
	if (settings.family) {
		bool ipv6 =
			READ(typed, common, skc_family) == AF_INET6 && !is_mapped(typed, common);

		if (ipv6 != (settings.family == 6))
			return false;
	}
	if (settings.filter_peer_ports && !has_port(target_peer_ports, peer_port_of(typed, common)))
		return false;
	return !settings.filter_local_ports || !local_port ||
	       has_port(target_local_ports, local_port);
}

/*
 * When the last packet came or went; while one is handled, that. The kernel notes it for each, so
 * it costs no look at a clock, which is dear in a virtual machine.
 */
static __always_inline __u64 packet_ns(bool typed, struct tcp_sock *tcp)
{
	return READ(typed, tcp, tcp_mstamp) * 1000 + suspended_ns;
}

/*
 * Payload only, each byte once. The kernel counts retransmissions into bytes_sent, and the peer's
 * FIN into bytes_received.
 */
static __always_inline void copy_byte_counts(bool typed, struct wire_origin *origin,
					     struct tcp_sock *tcp, bool fin_received)
{
	__u64 received;

	if (settings.ends_alone)
		return;
	received = READ(typed, tcp, bytes_received);
	origin->bytes_sent = READ(typed, tcp, bytes_sent) - READ(typed, tcp, bytes_retrans);
	origin->bytes_received = fin_received && received ? received - 1 : received;
}

/*
 * What keeps the socket in CLOSE_WAIT. rcv_nxt counts the peer's FIN as one byte, so with
 * everything but the FIN read copied_seq is one behind.
 */
static __always_inline void explain_close_wait(bool typed, struct wire_origin *origin,
					       struct tcp_sock *tcp)
{
	__u32 unread = READ(typed, tcp, rcv_nxt) - READ(typed, tcp, copied_seq);
	__u32 acknowledged = READ(typed, tcp, snd_una);

	origin->unsent_bytes = READ(typed, tcp, write_seq) - acknowledged;
	origin->unread_bytes = unread ? unread - 1 : 0;
	if (!READ(typed, (struct sock *)tcp, sk_socket))
		origin->reason = WIRE_REASON_NOT_ACCEPTED;
	else if (unread > 1)
		origin->reason = WIRE_REASON_DATA_UNREAD;
	else
		origin->reason = unread ? WIRE_REASON_EOF_UNREAD : WIRE_REASON_EOF_READ;
}

/*
 * What no program saw begin to end: it has been in its state since the last packet at the latest.
 */
static __always_inline void begin_to_end(struct wire_origin *origin, struct sock_common *common,
					 __u8 state)
{
	describe(false, origin, common, READ(false, common, skc_num));
	origin->since_ns = packet_ns(false, (struct tcp_sock *)common);
	origin->approximate_since = 1;
	origin->kind = state == TCP_CLOSE_WAIT ? WIRE_CLOSE_WAIT : WIRE_FIN_WAIT2;
	origin->phase = WIRE_PHASE_ENDING;
}

static __always_inline void count_in(struct wire_count_key *key, const struct wire_process *process,
				     enum wire_counted what, __u64 used_ns)
{
	static const struct wire_count nothing = {};
	struct wire_count *count;

	key->started_ns = process->started_ns;
	key->pid = process->pid;
	key->generation = generation;
	count = bpf_map_lookup_elem(&counts, key);
	if (!count) {
		bpf_map_update_elem(&counts, key, (void *)&nothing, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&counts, key);
	}
	if (!count) {
		count_loss(counts_full);
		return;
	}
	/* A softirq may come between the processor's reading and writing. */
	__atomic_fetch_add(&count->counted[what], 1, __ATOMIC_RELAXED);
	if (what == WIRE_USES)
		__atomic_fetch_add(&count->counted[WIRE_USED_NS], used_ns, __ATOMIC_RELAXED);
	if (!count->comm[0])
		__builtin_memcpy(count->comm, process->comm, sizeof(count->comm));
}

/*
 * A client's own port is another each time, as is the port of a server's peer: neither is counted
 * by. The local address matters to who has a range of ports for each: the client.
 */
static __always_inline void count(const struct wire_origin *origin, enum wire_counted what,
				  __u64 used_ns)
{
	struct wire_count_key key = {
		.netns = origin->netns,
		.port = origin->role == WIRE_ROLE_SERVER ? origin->local_port : origin->peer_port,
		.family = origin->family,
		.mapped = origin->mapped,
		.role = origin->role,
	};

	if (origin->role != WIRE_ROLE_SERVER)
		__builtin_memcpy(key.local_address, origin->local_address,
				 sizeof(key.local_address));
	__builtin_memcpy(key.peer_address, origin->peer_address, sizeof(key.peer_address));
	count_in(&key, origin->closer.pid ? &origin->closer : &origin->opener, what, used_ns);
}

static __always_inline bool is_target(const struct wire_process *process)
{
	__u32 pid = process->pid;
	__u8 *passes;

	if (!settings.filter_pids && !settings.filter_groups)
		return true;
	passes = bpf_map_lookup_elem(&target_pids, &pid);
	return passes ? *passes : !settings.filter_pids;
}

static __always_inline bool is_target_process(const struct wire_origin *origin)
{
	return is_target(origin->closer.pid ? &origin->closer : &origin->opener);
}

/*
 * The process that has opened a connection is known now. Who accepts may have as many peers as
 * there are addresses: that is not counted by.
 */
static __always_inline void count_opened(bool typed, struct sock_common *common,
					 const struct wire_process *process, enum wire_counted what)
{
	bool is_ipv6 = READ(typed, common, skc_family) == AF_INET6;
	bool is_client = what == WIRE_CONNECTS;
	struct wire_count_key key = {
		.netns = netns_of(typed, common),
		.port = is_client ? peer_port_of(typed, common) : READ(typed, common, skc_num),
		.family = is_ipv6 ? 6 : 4,
		.mapped = is_ipv6 && is_mapped(typed, common),
		.role = is_client ? WIRE_ROLE_CLIENT : WIRE_ROLE_SERVER,
	};

	if (!process->pid || !is_target(process))
		return;
	if (is_client && is_ipv6) {
		bpf_core_read(key.local_address, 16, &common->skc_v6_rcv_saddr);
		bpf_core_read(key.peer_address, 16, &common->skc_v6_daddr);
	} else if (is_client) {
		*(__u32 *)key.local_address = READ(typed, common, skc_rcv_saddr);
		*(__u32 *)key.peer_address = READ(typed, common, skc_daddr);
	}
	count_in(&key, process, what, 0);
}

/*
 * Where accept() is not hooked, who accepted is known by who reads first, or ends. Until then the
 * cookie of a passive connection stands here. Cookies are given in order: one makes room for the
 * next but 65,535, and if it was not counted by then that is a loss.
 */
static __u64 uncounted[65536];

#define note_of(cookie) (&uncounted[(cookie) % 65536])

static __always_inline bool counts_first_reads(void)
{
	return settings.count_opens && settings.typed && !settings.accept_hooked;
}

static __always_inline void expect_accept(struct sock *sk)
{
	__u64 cookie = give_cookie(sk), *note = note_of(cookie);

	if (*note)
		count_loss(counts_full);
	*note = cookie;
}

/* The current process acts on it, if any does. */
static __always_inline void count_accept(struct sock *sk, bool is_process)
{
	__u64 cookie = sk->__sk_common.skc_cookie.counter, *note = note_of(cookie);
	struct wire_process process;

	if (!cookie || *note != cookie)
		return;
	*note = 0;
	if (!is_process)
		return;
	name_current(&process);
	count_opened(true, &sk->__sk_common, &process, WIRE_ACCEPTS);
}

/* Of each passive end that a process has ended: who that was. Only the last of an index. */
struct wire_peer peers[WIRE_PEERS] = {};

#define SAME_MOMENT_NS 1000000000ULL

#define place_of(hash) (&peers[(hash) / (~0ULL / WIRE_PEERS + 1)])

static __always_inline __u64 word_of_ipv6(const __u64 *address)
{
	return address[0] * 31 + address[1];
}

/* Addresses as words; an IPv4 address is one whichever family its socket has. */
static __always_inline __u64 pair_hash(bool is_ipv4, __u64 local, __u16 local_port, __u64 peer,
				       __u16 peer_port, __u32 netns)
{
	bool is_loopback = is_ipv4 ? (peer & 0xff) == 127 : peer == bpf_cpu_to_be64(1);

	return wire_pair_hash(local, local_port, peer, peer_port, is_loopback ? netns : 0);
}

static __always_inline __u64 hash_of_socket(struct sock_common *common, __u16 local_port)
{
	bool typed = settings.typed, is_ipv4 = READ(typed, common, skc_family) == AF_INET;
	__u64 local, peer, words[4];

	if (is_ipv4 || is_mapped(typed, common)) {
		is_ipv4 = true;
		local = READ(typed, common, skc_rcv_saddr);
		peer = READ(typed, common, skc_daddr);
	} else {
		bpf_core_read(&words[0], 16, &common->skc_v6_rcv_saddr);
		bpf_core_read(&words[2], 16, &common->skc_v6_daddr);
		local = word_of_ipv6(&words[0]);
		peer = word_of_ipv6(&words[2]);
	}
	return pair_hash(is_ipv4, local, local_port, peer, peer_port_of(typed, common),
			 netns_of(typed, common));
}

static __always_inline __u64 hash_of_record(const struct wire_origin *origin)
{
	const __u64 *local = (const void *)origin->local_address;
	const __u64 *peer = (const void *)origin->peer_address;
	bool is_ipv4 = origin->family == 4 || origin->mapped;
	__u64 local_word, peer_word;

	if (is_ipv4) {
		local_word = origin->mapped ? local[1] >> 32 : (__u32)local[0];
		peer_word = origin->mapped ? peer[1] >> 32 : (__u32)peer[0];
	} else {
		local_word = word_of_ipv6(local);
		peer_word = word_of_ipv6(peer);
	}
	return pair_hash(is_ipv4, local_word, origin->local_port, peer_word, origin->peer_port,
			 origin->netns);
}

/* The current process has ended the passive end: the other end, if it is here, is told next. */
static __always_inline void note_peer(struct sock *sk)
{
	struct tcp_sock *tcp = as_tcp(settings.typed, sk);
	struct wire_peer *peer;
	__u64 hash;

	if (!tcp)
		return;
	hash = hash_of_socket((struct sock_common *)tcp, local_port_of(settings.typed, tcp));
	peer = place_of(hash);
	publish(&peer->tag, 0);
	name_current(&peer->process);
	peer->time_ns = bpf_ktime_get_boot_ns();
	publish(&peer->tag, hash);
}

static __always_inline void find_peer(struct wire_process *process,
				      const struct wire_origin *origin)
{
	__u64 hash = hash_of_record(origin);
	struct wire_peer *peer = place_of(hash);

	if (published(&peer->tag) == hash &&
	    origin->time_ns + SAME_MOMENT_NS - peer->time_ns < 2 * SAME_MOMENT_NS)
		*process = peer->process;
	/* It may have been written to meanwhile. */
	if (published(&peer->tag) != hash)
		process->pid = 0;
}

/*
 * The reader comes by itself, ten times a second: nobody is woken. Where TIME_WAITs are only
 * counted nothing is sent: what is in CLOSE_WAIT the reader finds there.
 */
static __always_inline void send(const struct wire_origin *origin)
{
	struct wire_event *event;

	if (settings.counts_only) {
		if (origin->kind == WIRE_TIME_WAIT)
			count(origin, WIRE_TIME_WAITS, 0);
		return;
	}
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		count_loss(ring_full);
		return;
	}
	__builtin_memcpy(&event->origin, origin, sizeof(*origin));
	__builtin_memset(&event->peer, 0, sizeof(event->peer));
	if (origin->kind == WIRE_TIME_WAIT)
		find_peer(&event->peer, origin);
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

static __always_inline void tell(struct wire_origin *origin, __u8 kind)
{
	origin->kind = kind;
	if (is_target_process(origin))
		send(origin);
}

static __always_inline void tell_time_wait(struct wire_origin *origin)
{
	if (settings.want_time_wait)
		tell(origin, WIRE_TIME_WAIT);
}

/* Is there something about it in openers? */
static __always_inline bool has_late_opener(const struct wire_origin *origin)
{
	return origin->older || (settings.accept_hooked && origin->role == WIRE_ROLE_SERVER);
}

/* Who opened it, where that was known later than its beginning, is in the record from here on. */
static __always_inline void complete(struct wire_origin *origin)
{
	struct wire_opener *opener = NULL;
	__u64 key = origin->key;

	if (!origin->opener_source && has_late_opener(origin))
		opener = bpf_map_lookup_elem(&openers, &key);
	if (!opener)
		return;
	origin->opener = opener->process;
	origin->opener_source = opener->source;
}

/* Puts it in. BPF_ANY: in place of an older one that nobody saw end. */
static __always_inline void put(struct wire_origin *origin, __u64 key, __u64 flags)
{
	long error;

	origin->key = key;
	error = bpf_map_update_elem(&connections, &key, origin, flags);
	if (error && error != -EEXIST)
		count_loss(connections_full);
}

/* Nothing more is to be told of the connection; false: somebody else has told it. */
static __always_inline bool take(__u64 key, bool has_opener)
{
	if (bpf_map_delete_elem(&connections, &key))
		return false;
	if (has_opener)
		bpf_map_delete_elem(&openers, &key);
	return true;
}

#define take_record(origin) take((origin)->key, has_late_opener(origin))

#endif
