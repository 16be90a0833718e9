/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which connection another one is at its other end, where the kernel translates addresses (NAT):
 * asked of its connection tracking by NETLINK_NETFILTER. Takes CAP_NET_ADMIN at every call. A call
 * that fails returns -errno. One thread at a time per descriptor.
 */
#ifndef TCPLINGER_CONNTRACK_H
#define TCPLINGER_CONNTRACK_H

#include <stdint.h>

/* The packets of one direction of a TCP connection. Ports in host order. */
struct csystem_flow {
	uint8_t source[16]; /* IPv4: the first four bytes, the rest 0 */
	uint8_t target[16];
	uint16_t source_port;
	uint16_t target_port;
	uint8_t family; /* 4 or 6 */
};

/*
 * A descriptor for the network namespace that the calling thread is in now; close() it. The kernel
 * loads nf_conntrack_netlink for that if it has it as a module.
 */
int csystem_conntrack_open(void);

/* The other direction of a flow, as the other end sends it: 0; -ENOENT: the flow is not tracked. */
int csystem_conntrack_find(int descriptor, const struct csystem_flow *flow,
			   struct csystem_flow *other);

#endif
