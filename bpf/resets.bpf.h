/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A reset that this end sends for a connection of its own. handle_state, or the time_wait socket
 * that took over, has left word of whose it was.
 */
#ifndef TCPLINGER_RESETS_BPF_H
#define TCPLINGER_RESETS_BPF_H

#include "origin.bpf.h"

/* v6.10, 19822a980e19: of time_wait sockets as well, and with no socket at all. */
SEC("raw_tp/tcp_send_reset")
int BPF_PROG(handle_reset, struct sock_common *sender)
{
	bool is_tw = sender && READ(false, sender, skc_state) == TCP_TIME_WAIT;
	struct wire_origin *found, origin;
	__u64 key;

	if (!sender)
		return 0;
	key = is_tw ? key_of_time_wait_socket(false, sender, READ(false, sender, skc_num))
		    : key_of(false, sender);
	found = bpf_map_lookup_elem(&connections, &key);
	if (!found ||
	    published(&found->phase) != (is_tw ? WIRE_PHASE_TIME_WAIT_SOCKET : WIRE_PHASE_OVER))
		return 0;
	__builtin_memcpy(&origin, found, sizeof(origin));
	if (!take_record(&origin))
		return 0;
	origin.time_ns = bpf_ktime_get_boot_ns();
	if (is_tw)
		origin.cause = WIRE_CAUSE_LATE_DATA;
	tell(&origin, WIRE_RESET);
	return 0;
}

#endif
