/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP sockets as the kernel describes them on request (NETLINK_SOCK_DIAG, inet_diag; Linux 3.3).
 * No privilege is needed. A call that fails returns -errno. One thread at a time per descriptor.
 */
#ifndef TCPLINGER_SOCKET_DIAGNOSIS_H
#define TCPLINGER_SOCKET_DIAGNOSIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CSYSTEM_ANY_COOKIE UINT64_MAX

struct csystem_tcp_socket {
	uint64_t cookie;	   /* 0: no socket */
	uint8_t local_address[16]; /* IPv4: the first four bytes */
	uint8_t peer_address[16];
	uint32_t interface;	/* bound to; 0: none */
	uint32_t inode;		/* of its file; 0: not accepted, or closed */
	uint32_t receive_queue; /* bytes; of a listener: connections waiting to be accepted */
	uint32_t send_queue;	/* bytes; of a listener: how many may wait */
	uint32_t timer_ms;	/* until its timer expires */
	uint16_t local_port;
	uint16_t peer_port;
	uint8_t family;	   /* 4 or 6; v4-mapped: 6 */
	uint8_t state;	   /* TCP_…; of a time_wait socket TCP_FIN_WAIT2 or TCP_TIME_WAIT */
	bool is_time_wait; /* struct inet_timewait_sock, which has no counts */
	/* From tcp_info. False on kernels before 4.19 too; what they do give is filled in. */
	bool has_counts;
	uint64_t bytes_acked;
	uint64_t bytes_received;
	uint64_t bytes_sent;
	uint64_t bytes_retransmitted;
	uint32_t not_sent;	     /* bytes of send_queue */
	uint32_t since_last_data_ms; /* from the peer */
	uint32_t since_last_ack_ms;  /* from the peer */
};

/*
 * Returns a descriptor for the network namespace that the calling thread is in now; close() it.
 * -ENOENT: the kernel has no tcp_diag.
 */
int csystem_diagnosis_open(void);

typedef void (*csystem_tcp_body)(void *context, const struct csystem_tcp_socket *socket);

/*
 * Calls body for every socket in one of the states (1 << TCP_… each), IPv4 first, then IPv6. A
 * socket that changes meanwhile may be missed or come twice. body must not use the descriptor.
 */
int csystem_diagnosis_each(int descriptor, uint32_t states, bool with_counts, csystem_tcp_body body,
			   void *context);

/*
 * Looks up sockets by family, addresses, ports, interface and cookie; found[i] answers wanted[i]
 * and has cookie 0 if there is none. CSYSTEM_ANY_COOKIE never finds a listener.
 */
int csystem_diagnosis_find(int descriptor, const struct csystem_tcp_socket *wanted,
			   struct csystem_tcp_socket *found, size_t count, bool with_counts);

#endif
