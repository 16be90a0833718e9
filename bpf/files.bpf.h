/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets as the iterators find them: behind open files, in accept queues, and which end of a connection. */
#ifndef TCPLINGER_FILES_BPF_H
#define TCPLINGER_FILES_BPF_H

#define SOCKETS_ARE_ADDRESSES
#include "origin.bpf.h"

static __always_inline bool is_tcp(struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, sk_family);

	return (family == AF_INET || family == AF_INET6) && BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP;
}

/* The TCP socket behind an open file, or NULL. */
static __always_inline struct sock *tcp_socket_of(struct bpf_iter__task_file *context)
{
	struct file *file = context->file;
	struct sock *sk;

	if (!file)
		return NULL;
	sk = tcp_socket_behind(socket_of_file(file));
	return sk && is_tcp(sk) ? sk : NULL;
}

struct queue_walk {
	struct sock *listener;
	struct request_sock *request;
	struct wire_process owner;
	__u32 length;
	__u32 limit;
};

/* The accept queue of the listener, from its head; false if the file is none with a queue. */
static __always_inline bool begin_walk(struct queue_walk *walk, struct sock *sk, struct task_struct *task)
{
	if (BPF_CORE_READ(sk, sk_state) != TCP_LISTEN)
		return false;
	walk->listener = sk;
	walk->request = BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_accept_queue.rskq_accept_head);
	walk->length = BPF_CORE_READ(sk, sk_ack_backlog);
	walk->limit = BPF_CORE_READ(sk, sk_max_ack_backlog);
	name_process(&walk->owner, task);
	return walk->request;
}

/*
 * The next connection that waits to be accepted, or NULL. What is accepted meanwhile leaves its request to the next one,
 * which may be in the queue of another listener: there the walk ends.
 */
static __always_inline struct sock *next_queued(struct queue_walk *walk)
{
	struct request_sock *request = walk->request;
	struct sock *listener, *sk;

	if (!request)
		return NULL;
	sk = BPF_CORE_READ(request, sk);
	walk->request = BPF_CORE_READ(request, dl_next);
	listener = BPF_CORE_READ(request, __req_common.skc_listener);
	/* A request that was made of a SYN cookie has none. */
	return !listener || listener == walk->listener ? sk : NULL;
}

#endif
