/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who accepted. A server's socket is born in softirq, so its process is the one to which accept()
 * returns it; where that cannot be hooked, the one that reads from it first.
 */
#ifndef TCPLINGER_ACCEPT_BPF_H
#define TCPLINGER_ACCEPT_BPF_H

#include "origin.bpf.h"
#include <linux/ptrace.h>

/* Only where the birth was seen: an older one was accepted before anybody looked. */
static __always_inline bool is_to_be_named(const struct wire_origin *connection)
{
	return connection && connection->role == WIRE_ROLE_SERVER && !connection->older;
}

static __always_inline void on_accepted(struct sock_common *accepted)
{
	struct wire_opener opener = { .source = WIRE_SOURCE_ACCEPT };
	__u64 key = accepted ? key_of(false, accepted) : 0;
	struct wire_origin *connection = bpf_map_lookup_elem(&connections, &key);

	if (is_kernel_thread(current_task()))
		return;
	name_current(&opener.process);
	if (settings.ends_alone && accepted &&
	    passes(false, accepted, READ(false, accepted, skc_num)))
		count_opened(false, accepted, &opener.process, WIRE_ACCEPTS);
	if (!is_to_be_named(connection))
		return;
	if (!bpf_map_update_elem(&openers, &key, &opener, BPF_NOEXIST)) {
		if (settings.count_opens)
			count_opened(false, accepted, &opener.process, WIRE_ACCEPTS);
	} else if (!bpf_map_lookup_elem(&openers, &key)) {
		count_loss(openers_full);
	}
}

/* Its arguments changed in v6.10 (92ef0fd55ac8). v5.17, f92c1e183604: the result alone. */
SEC("fexit/inet_csk_accept")
int BPF_PROG(handle_accept)
{
	__u64 accepted = 0;

	bpf_get_func_ret(ctx, &accepted);
	on_accepted((void *)accepted);
	return 0;
}

SEC("kretprobe/inet_csk_accept")
int BPF_KRETPROBE(handle_accept_return, struct sock_common *accepted)
{
	on_accepted(accepted);
	return 0;
}

#define NAMED 4096

/* Skip connections whose opener is known or not wanted. */
static __u64 named[NAMED];

/*
 * It runs for every read of every connection, and only the first has something to name: which were
 * looked up is noted (45 ns a read less, make bench BENCH=--reads). The process that reads holds
 * the socket's lock, so nobody else changes the entry; in softirq the kernel reads for itself.
 */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(handle_read, struct sock *sk)
{
	__u64 key = key_of(true, &sk->__sk_common), cookie = sk->__sk_common.skc_cookie.counter;
	__u64 *note = &named[cookie % NAMED];
	struct wire_origin *connection;

	if ((settings.typed && *note == cookie) || !sk->sk_lock.owned ||
	    is_kernel_thread(current_task()))
		return 0;
	if (counts_first_reads())
		count_accept(sk, true);
	connection = settings.ends_alone ? NULL : bpf_map_lookup_elem(&connections, &key);
	if (is_to_be_named(connection) && !connection->opener.pid) {
		name_current(&connection->opener);
		barrier(); /* it is there when its source is */
		connection->opener_source = WIRE_SOURCE_FIRST_READ;
	}
	*note = cookie;
	return 0;
}

#endif
