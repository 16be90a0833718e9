/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel answers inside send(), and makes the next part of a dump inside recv(). So nothing
 * here waits: an answer that is not in the queue was lost, and waiting for it would never end.
 */
#define _GNU_SOURCE /* SOCK_CLOEXEC */
#include "SocketDiagnosis.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* net/ipv4/inet_diag.c, idiag_timer; include/net/tcp_states.h */
enum { TIMER_TIME_WAIT = 3, STATE_LISTEN = 10 };
/* af_netlink.c, netlink_recvmsg(): a part is never larger, nor is a single answer. */
enum { PART_SIZE = 32768 };
/* The kernel counts 1 to 2 KB for an answer: a batch fits into a queue of the default 208 KB. */
enum { BATCH = 64 };

struct question {
	struct nlmsghdr header;
	struct inet_diag_req_v2 body;
};

/* Numbers for questions, never twice: a late answer is not taken for another. */
static _Atomic uint32_t next_number = 1;

static void read_socket(struct csystem_tcp_socket *to, const struct nlmsghdr *header)
{
	const struct inet_diag_msg *from = NLMSG_DATA(header);
	const struct rtattr *attribute = (const struct rtattr *)(from + 1);
	int left = (int)(header->nlmsg_len - NLMSG_LENGTH(sizeof(*from)));
	struct tcp_info counts = {};
	size_t given = 0;

	/* Kernels have extended tcp_info: what this one leaves out stays 0. */
	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
		if (attribute->rta_type != INET_DIAG_INFO)
			continue;
		given = RTA_PAYLOAD(attribute);
		memcpy(&counts, attribute + 1, given < sizeof(counts) ? given : sizeof(counts));
	}
	memset(to, 0, sizeof(*to));
	to->cookie = (uint64_t)from->id.idiag_cookie[1] << 32 | from->id.idiag_cookie[0];
	memcpy(to->local_address, from->id.idiag_src, sizeof(to->local_address));
	memcpy(to->peer_address, from->id.idiag_dst, sizeof(to->peer_address));
	to->interface = from->id.idiag_if;
	to->inode = from->idiag_inode;
	to->receive_queue = from->idiag_rqueue;
	to->send_queue = from->idiag_wqueue;
	to->timer_ms = from->idiag_expires;
	to->local_port = ntohs(from->id.idiag_sport);
	to->peer_port = ntohs(from->id.idiag_dport);
	to->family = from->idiag_family == AF_INET6 ? 6 : 4;
	to->state = from->idiag_state;
	to->is_time_wait = from->idiag_timer == TIMER_TIME_WAIT;
	to->has_counts = given >= offsetof(struct tcp_info, tcpi_bytes_retrans) + sizeof(uint64_t);
	to->bytes_acked = counts.tcpi_bytes_acked;
	to->bytes_received = counts.tcpi_bytes_received;
	to->bytes_sent = counts.tcpi_bytes_sent;
	to->bytes_retransmitted = counts.tcpi_bytes_retrans;
	to->not_sent = counts.tcpi_notsent_bytes;
	to->since_last_data_ms = counts.tcpi_last_data_recv;
	to->since_last_ack_ms = counts.tcpi_last_ack_recv;
}

static void write_question(struct question *to, uint32_t number, int family, bool with_counts)
{
	memset(to, 0, sizeof(*to));
	to->header.nlmsg_len = sizeof(*to);
	to->header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	to->header.nlmsg_flags = NLM_F_REQUEST;
	to->header.nlmsg_seq = number;
	to->body.sdiag_family = (uint8_t)family;
	to->body.sdiag_protocol = IPPROTO_TCP;
	to->body.idiag_ext = with_counts ? 1 << (INET_DIAG_INFO - 1) : 0;
}

static int ask(int descriptor, const struct question *questions, size_t count)
{
	while (send(descriptor, questions, count * sizeof(*questions), 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* The length of the next part; -EAGAIN: there is none. ENOBUFS tells of a loss, not which. */
static int receive(int descriptor, char part[PART_SIZE])
{
	ssize_t length;

	do {
		length = recv(descriptor, part, PART_SIZE, MSG_DONTWAIT | MSG_TRUNC);
	} while (length < 0 && (errno == EINTR || errno == ENOBUFS));
	return length < 0 ? -errno : length > PART_SIZE ? -EMSGSIZE : (int)length;
}

/* Is there a whole message at this place of the part? */
static bool is_whole(const struct nlmsghdr *header, int left)
{
	return left >= NLMSG_HDRLEN && header->nlmsg_len >= NLMSG_HDRLEN &&
	       header->nlmsg_len <= (uint32_t)left;
}

static bool has_socket(const struct nlmsghdr *header)
{
	return header->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
	       header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg));
}

/* NLMSG_ERROR and NLMSG_DONE begin with it. */
static int error_of(const struct nlmsghdr *header)
{
	bool has_error = header->nlmsg_len >= NLMSG_LENGTH(sizeof(int));

	return has_error ? *(const int *)NLMSG_DATA(header) : 0;
}

static int each_of_family(int descriptor, int family, uint32_t states, bool with_counts,
			  csystem_tcp_body body, void *context)
{
	uint32_t number = atomic_fetch_add(&next_number, 1);
	_Alignas(8) char part[PART_SIZE];
	struct csystem_tcp_socket found;
	struct question question;
	int length;

	write_question(&question, number, family, with_counts);
	question.header.nlmsg_flags |= NLM_F_DUMP;
	question.body.idiag_states = states;
	length = ask(descriptor, &question, 1);
	while (length >= 0) {
		const struct nlmsghdr *header = (const struct nlmsghdr *)part;
		int left = length = receive(descriptor, part);

		for (; is_whole(header, left); header = NLMSG_NEXT(header, left)) {
			if (header->nlmsg_seq != number)
				continue;
			/* Without tcp_diag the dump is empty, and its DONE says ENOENT. */
			if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR)
				return error_of(header);
			/* NLM_F_DUMP_INTR, tables that changed meanwhile, is as good as any. */
			if (!has_socket(header))
				continue;
			read_socket(&found, header);
			body(context, &found);
		}
	}
	return length == -EAGAIN ? -ENOBUFS : length;
}

int csystem_diagnosis_each(int descriptor, uint32_t states, bool with_counts, csystem_tcp_body body,
			   void *context)
{
	int error = each_of_family(descriptor, AF_INET, states, with_counts, body, context);

	if (error)
		return error;
	return each_of_family(descriptor, AF_INET6, states, with_counts, body, context);
}

int csystem_diagnosis_open(void)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	int size = 1 << 20, error;

	if (descriptor < 0)
		return -errno;
	/* Beyond net.core.rmem_max only with CAP_NET_ADMIN. */
	if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	/* Connected, so that no process can answer in the kernel's place. */
	error = connect(descriptor, (struct sockaddr *)&kernel, sizeof(kernel)) ? -errno : 0;
	/* A lookup says ENOENT without tcp_diag too. A dump of no states tells, and is cheap. */
	if (!error)
		error = each_of_family(descriptor, AF_INET, 0, false, NULL, NULL);
	if (error)
		close(descriptor);
	return error ? error : descriptor;
}

struct batch {
	const struct csystem_tcp_socket *wanted;
	struct csystem_tcp_socket *found;
	uint32_t number, count; /* of the first question; of all */
	uint64_t open;		/* bit N: question N has no answer yet */
};

static int ask_open(int descriptor, const struct batch *batch, bool with_counts)
{
	struct question questions[BATCH], *next = questions;

	for (uint32_t i = 0; i < batch->count; i++) {
		const struct csystem_tcp_socket *wanted = &batch->wanted[i];
		struct inet_diag_sockid *id = &next->body.id;

		if (!(batch->open >> i & 1))
			continue;
		write_question(next++, batch->number + i, wanted->family == 6 ? AF_INET6 : AF_INET,
			       with_counts);
		id->idiag_sport = htons(wanted->local_port);
		id->idiag_dport = htons(wanted->peer_port);
		id->idiag_if = wanted->interface;
		id->idiag_cookie[0] = (uint32_t)wanted->cookie;
		id->idiag_cookie[1] = (uint32_t)(wanted->cookie >> 32);
		memcpy(id->idiag_src, wanted->local_address, sizeof(id->idiag_src));
		memcpy(id->idiag_dst, wanted->peer_address, sizeof(id->idiag_dst));
	}
	return ask(descriptor, questions, next - questions);
}

static int take_answer(struct batch *batch, const struct nlmsghdr *header)
{
	uint32_t i = header->nlmsg_seq - batch->number;

	if (i >= batch->count)
		return 0; /* to an earlier question */
	if (has_socket(header)) {
		read_socket(&batch->found[i], header);
		if (batch->found[i].state == STATE_LISTEN &&
		    batch->wanted[i].cookie == CSYSTEM_ANY_COOKIE)
			batch->found[i].cookie = 0;
	} else {
		int error = header->nlmsg_type == NLMSG_ERROR ? error_of(header) : -EPROTO;

		if (error == -EAGAIN)
			return 0; /* the queue was full: it stays open */
		if (error != -ENOENT && error != -ESTALE)
			return error ? error : -EPROTO;
	}
	batch->open &= ~(UINT64_C(1) << i);
	return 0;
}

static int find_batch(int descriptor, struct batch *batch, bool with_counts)
{
	_Alignas(8) char part[PART_SIZE];
	uint64_t before;
	int error;

	/* What the queue had no room for is asked again, as long as some answers come. */
	do {
		before = batch->open;
		error = ask_open(descriptor, batch, with_counts);
		while (!error && batch->open) {
			int length = receive(descriptor, part);

			if (length == -EAGAIN)
				break;
			if (length < 0)
				return length;
			if (is_whole((const struct nlmsghdr *)part, length))
				error = take_answer(batch, (const struct nlmsghdr *)part);
		}
	} while (!error && batch->open && batch->open != before);
	return !error && batch->open ? -ENOBUFS : error;
}

int csystem_diagnosis_find(int descriptor, const struct csystem_tcp_socket *wanted,
			   struct csystem_tcp_socket *found, size_t count, bool with_counts)
{
	int error = 0;

	memset(found, 0, count * sizeof(*found));
	for (size_t first = 0; first < count && !error; first += BATCH) {
		uint32_t size = count - first < BATCH ? (uint32_t)(count - first) : BATCH;
		struct batch batch = { .wanted = wanted + first,
				       .found = found + first,
				       .number = atomic_fetch_add(&next_number, size),
				       .count = size,
				       .open = UINT64_MAX >> (BATCH - size) };

		error = find_batch(descriptor, &batch, with_counts);
	}
	return error;
}
