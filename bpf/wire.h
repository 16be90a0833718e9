/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What crosses the border between the kernel and the frontend: the only definition, read by BPF C
 * and by Swift. Fixed widths, explicit padding, host byte order; every time is CLOCK_BOOTTIME in
 * nanoseconds, 0 where it is not known.
 */
#ifndef TCPLINGER_WIRE_H
#define TCPLINGER_WIRE_H

#include <linux/types.h>

#define WIRE_COMM_LENGTH 16
#define WIRE_PORT_BITMAP 8192 /* a bit a port */
#define WIRE_BATCH 64	      /* keys that a program looks at in one run */
#define WIRE_COMMAND_LENGTH 256

/* What a record is about. */
enum wire_kind {
	WIRE_TIME_WAIT = 1,
	WIRE_CLOSE_WAIT = 2,
	WIRE_CLOSE_WAIT_END = 3,
	WIRE_FIN_WAIT2 = 4,
	WIRE_GONE = 5, /* its socket is not where it was: the frontend asks the kernel for it */
	WIRE_RESET = 6,
};

enum wire_role {
	WIRE_ROLE_UNKNOWN = 0,
	WIRE_ROLE_CLIENT = 1,
	WIRE_ROLE_SERVER = 2,
};

/* How a process came to be named. */
enum wire_source {
	WIRE_SOURCE_NONE = 0,
	WIRE_SOURCE_CONNECT = 1,    /* it called connect() */
	WIRE_SOURCE_ACCEPT = 2,	    /* accept() returned the socket to it */
	WIRE_SOURCE_FIRST_READ = 3, /* it read from an accepted socket first */
	WIRE_SOURCE_OPEN_FILE = 4,  /* it had a descriptor of the socket when the tracer started */
	WIRE_SOURCE_CLOSE = 5,	    /* it made the kernel send the FIN, or abort */
	WIRE_SOURCE_LISTENER = 6,   /* it has the listener in whose queue the connection waits */
};

enum wire_cause {
	WIRE_CAUSE_UNKNOWN = 0,
	WIRE_CAUSE_CLOSE = 1,
	WIRE_CAUSE_SHUTDOWN = 2,
	WIRE_CAUSE_EXIT = 3,
	WIRE_CAUSE_RESET = 4,
	/* Why this end sent a reset. */
	WIRE_CAUSE_LINGER = 5,	   /* SO_LINGER with a time of 0 */
	WIRE_CAUSE_UNREAD = 6,	   /* close() with data unread */
	WIRE_CAUSE_LATE_DATA = 7,  /* data came after close() */
	WIRE_CAUSE_LISTENER = 8,   /* its listener was closed before it was accepted */
	WIRE_CAUSE_DISCONNECT = 9, /* connect() to AF_UNSPEC */
	WIRE_CAUSE_LINGER2 = 10,   /* TCP_LINGER2 below 0 */
};

enum wire_reason {
	WIRE_REASON_UNKNOWN = 0,
	WIRE_REASON_NOT_ACCEPTED = 1,
	WIRE_REASON_DATA_UNREAD = 2,
	WIRE_REASON_EOF_UNREAD = 3,
	WIRE_REASON_EOF_READ = 4,
};

/* How far a connection is. */
enum wire_phase {
	WIRE_PHASE_OPEN = 0,
	WIRE_PHASE_ENDING = 1,		 /* one side has sent its FIN */
	WIRE_PHASE_TIME_WAIT_SOCKET = 2, /* a time_wait socket has taken over */
	WIRE_PHASE_OVER = 3,		 /* closed, and a reset may be sent next */
};

/* pid is the thread group id in the initial pid namespace; 0: no process is known. */
struct wire_process {
	__u64 started_ns; /* start of the process, not of the thread */
	__u32 pid;
	__u32 tid;
	char comm[WIRE_COMM_LENGTH]; /* of the process (its group leader) */
};

/*
 * What a process is, sent when it is first named: it may be over when the frontend looks. Sent
 * again once it runs another program, as another user, or in another cgroup.
 */
struct wire_context {
	struct wire_process process;
	__u64 cgroup_id;      /* in the hierarchy of cgroup2: the inode number of its folder */
	__u32 uid;	      /* effective, in the initial user namespace */
	__u32 command_length; /* of the whole command line; 0: it could not be read */
	char command[WIRE_COMMAND_LENGTH]; /* the first of it, a NUL after each word */
};

/* What some filters decide by. */
struct wire_group {
	__u64 cgroup_id;
	__u32 uid;
	__u32 padding;
};

/* Who opened a connection, where that is known later than its beginning. */
struct wire_opener {
	struct wire_process process;
	__u64 source; /* enum wire_source */
};

/* One connection in a state that somebody is responsible for. */
struct wire_origin {
	struct wire_process opener;
	struct wire_process closer;
	__u64 key;     /* names the connection while the tracer runs; never shown */
	__u64 address; /* of the socket, or of the time_wait socket that took over; 0: not known */
	__u64 net;     /* with the hash these find its time_wait socket */
	__u64 time_ns;
	__u64 opened_ns;	/* connect() was called, or the handshake of a passive open ended */
	__u64 since_ns;		/* the reported state began, or the first FIN was sent */
	__u64 bytes_sent;	/* payload, each byte once */
	__u64 bytes_received;	/* payload */
	__u8 local_address[16]; /* IPv4: the first four bytes */
	__u8 peer_address[16];
	__u32 netns;	 /* inode number of the network namespace */
	__u32 interface; /* that the socket is bound to; 0: none */
	__u32 unread_bytes;
	__u32 unsent_bytes; /* written, and not acknowledged by the peer */
	__u16 local_port;
	__u16 peer_port;
	__u8 kind;
	__u8 family; /* 4 or 6 */
	__u8 mapped; /* an IPv6 socket that speaks IPv4 */
	__u8 role;
	__u8 opener_source;
	__u8 closer_source;
	__u8 cause;
	__u8 entered_from; /* TCP_FIN_WAIT1, TCP_FIN_WAIT2 or TCP_CLOSING */
	__u8 reason;
	__u8 approximate_since; /* since_ns is derived: from the peer's last packet, or a timer */
	__u8 no_byte_counts; /* a time_wait socket older than the tracer, or nobody saw the end */
	__u8 older;	     /* it was open when the tracer came: see the map openers */
	__u32 hash;
	__u32 phase; /* set last: all that is known in it is there by then */
};

/* What goes through the ring. */
struct wire_event {
	struct wire_origin origin;
	struct wire_process peer; /* that closed the other end, if that is on this host */
};

/* The process that ended the passive end of a connection last, of those with the same index. */
struct wire_peer {
	struct wire_process process;
	__u64 time_ns;
	__u64 tag; /* of the connection; set last */
};

#define WIRE_PEERS 8192 /* a power of 2 */

static inline __u64 wire_end_hash(__u64 address, __u16 port)
{
	__u64 hash = (address ^ (__u64)port << 40) * 0x9e3779b97f4a7c15;

	return (hash ^ hash >> 29) * 0xbf58476d1ce4e5b9;
}

/*
 * Names a connection, the same from either end. The upper 13 bits say where it is among the peers,
 * the lower 32 are its tag. Every network namespace has a loopback of its own.
 */
static inline __u64 wire_pair_hash(__u64 local, __u16 local_port, __u64 peer, __u16 peer_port,
				   __u32 netns_of_loopback)
{
	return wire_end_hash(local, local_port) + wire_end_hash(peer, peer_port) +
	       netns_of_loopback * 0x94d049bb133111eb;
}

/* A process that has a descriptor of a socket, or of the listener in whose queue it waits. */
struct wire_holder {
	struct wire_process process;
	__u64 key; /* of the connection */
	__u32 fd;
	__u32 parent;	    /* thread group id of the process that started it, or that adopted it */
	__u32 accept_queue; /* of the listener: how many are in it */
	__u32 accept_limit; /* its backlog and 1; 0: the process has the connection itself */
};

/* What is counted by: TIME_WAITs where they are only counted, connects and accepts. */
struct wire_count_key {
	__u64 started_ns; /* of the process */
	__u8 local_address[16];
	__u8 peer_address[16];
	__u32 pid; /* 0: no process is known */
	__u32 netns;
	__u16 port; /* of the service: the peer's, or of a server its own */
	__u8 family;
	__u8 mapped;
	__u8 role;
	__u8 generation; /* as set by the frontend: it deletes what is of an earlier one */
	__u8 padding[2];
};

enum wire_counted {
	WIRE_TIME_WAITS = 0,
	WIRE_CONNECTS = 1,
	WIRE_ACCEPTS = 2, /* by process and port alone: the peer's address is 0 */
	WIRE_USES = 3,	  /* connections of a client that have begun to end */
	WIRE_USED_NS = 4, /* from connect() until then */
	WIRE_COUNTED = 5,
};

/* One processor's share. */
struct wire_count {
	__u64 counted[WIRE_COUNTED];
	char comm[WIRE_COMM_LENGTH];
};

/* What audit is run on: keys of connections, each of which it answers with one record at most. */
struct wire_batch {
	__u64 keys[WIRE_BATCH];
	struct wire_origin origins[WIRE_BATCH];
	__u64 min_age_ns; /* what has waited for less is no answer */
	__u32 key_count;
	__u32 origin_count;
	__u32 found; /* the state that the frontend has found them in; 0: look for it */
	__u32 padding;
};

/* Why something could not be kept. Written by the kernel, only ever grows. */
struct wire_losses {
	__u64 ring_full;	      /* a record found no room in the ring buffer */
	__u64 connections_full;	      /* what is known of a connection could not be kept */
	__u64 openers_full;	      /* the same of who opened it */
	__u64 targets_full;	      /* a process that a target started could not be added */
	__u64 counts_full;	      /* a TIME_WAIT that could not be counted */
	__u64 contexts_full;	      /* what a process is found no room in the ring buffer */
	__u64 time_wait_sockets_gone; /* vanished between two looks: TIME_WAIT or not, unknown */
	__u64 rescued;		      /* no loss: a change of state that an understudy played in */
};

/* Set once, before the programs are loaded. */
struct wire_settings {
	__u64 min_age_ns;
	__u32 netns;		 /* 0: all */
	__u8 family;		 /* 4 or 6; 0: both */
	__u8 filter_local_ports; /* by target_local_ports */
	__u8 filter_peer_ports;	 /* by target_peer_ports */
	__u8 filter_pids;	 /* by the map target_pids */
	__u8 want_time_wait;
	__u8 want_close_wait;
	__u8 want_fin_wait2;
	__u8 typed; /* the hook on states has sockets, not only their addresses */
	__u8 time_wait_sockets_hooked; /* a hook sees each time_wait socket enter TIME_WAIT */
	__u8 report_exits; /* a CLOSE_WAIT that ends by a process's end is told, however short */
	__u8 counts_only;  /* TIME_WAITs are counted by process and peer, and none is sent */
	__u8 ends_alone;   /* of a connection no more is remembered than it takes to count it */
	__u8 count_opens;  /* connects and accepts are counted by process */
	__u8 want_resets;  /* which this end sends, and another program is told of */
	__u8 has_understudies; /* other programs play in a change of state that is missed */
	__u8 accept_hooked;    /* who accepted is in the map openers */
	__u8 describes_early;  /* a CLOSE_WAIT has its addresses at once, to ask by them */
	__u8 lists_all; /* each descriptor of a TCP socket is a record, and nothing is remembered */
	__u8 introduces;    /* what a process is is sent when it is first named */
	__u8 filter_groups; /* by the map verdicts; not together with filter_pids */
};

_Static_assert(sizeof(struct wire_process) == 32, "wire_process");
_Static_assert(sizeof(struct wire_context) == 304, "wire_context");
_Static_assert(sizeof(struct wire_group) == 16, "wire_group");
_Static_assert(sizeof(struct wire_origin) == 200, "wire_origin");
_Static_assert(sizeof(struct wire_event) == 232, "wire_event");
_Static_assert(sizeof(struct wire_holder) == 56, "wire_holder");
_Static_assert(sizeof(struct wire_losses) == 64, "wire_losses");
_Static_assert(sizeof(struct wire_settings) == 32, "wire_settings");
_Static_assert(sizeof(struct wire_count_key) == 56, "wire_count_key");
_Static_assert(sizeof(struct wire_count) == 56, "wire_count");

#endif
