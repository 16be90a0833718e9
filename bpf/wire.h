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
#define WIRE_WAYS 16	      /* places of a set: their keys are a cache line */
#define WIRE_PORT_BITMAP 8192 /* a bit a port */
#define WIRE_BATCH 64	      /* keys that a program looks at in one run */

/* What a record is about. */
enum wire_kind {
	WIRE_TIME_WAIT = 1,
	WIRE_CLOSE_WAIT = 2,
	WIRE_CLOSE_WAIT_END = 3,
	WIRE_FIN_WAIT2 = 4,
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
};

enum wire_reason {
	WIRE_REASON_UNKNOWN = 0,
	WIRE_REASON_NOT_ACCEPTED = 1,
	WIRE_REASON_DATA_UNREAD = 2,
	WIRE_REASON_EOF_UNREAD = 3,
	WIRE_REASON_EOF_READ = 4,
};

/* pid is the thread group id in the initial pid namespace; 0: no process is known. */
struct wire_process {
	__u64 started_ns; /* start of the process, not of the thread */
	__u32 pid;
	__u32 tid;
	char comm[WIRE_COMM_LENGTH]; /* of the process (its group leader) */
};

/* One connection in a state that somebody is responsible for. */
struct wire_origin {
	struct wire_process opener;
	struct wire_process closer;
	__u64 socket; /* names the connection while the tracer runs; a kernel address, never shown */
	__u64 time_ns;
	__u64 opened_ns;	/* connect() was called, or the handshake of a passive open ended */
	__u64 since_ns;		/* the reported state began, or the first FIN was sent */
	__u64 bytes_sent;	/* payload, each byte once */
	__u64 bytes_received;	/* payload */
	__u8 local_address[16]; /* IPv4: the first four bytes */
	__u8 peer_address[16];
	__u32 netns; /* inode number of the network namespace */
	__u32 unread_bytes;
	__u32 accept_queue; /* of the listener, where the socket waits to be accepted: how many do */
	__u32 accept_limit; /* and how many may */
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
	__u8 reported;		/* the round in which this state was due; 0: none yet */
	__u8 no_byte_counts;	/* a small socket older than the tracer, or nobody saw the end */
};

/* A process that has a descriptor of a waiting socket. */
struct wire_holder {
	struct wire_process process;
	__u64 socket;
	__u32 fd;
	__u32 parent; /* thread group id of the process that started it, or that adopted it */
};

/* What a census knows of the process behind a socket. */
enum wire_standing {
	WIRE_STANDING_NONE = 0,	  /* no process has a descriptor: the kernel's own, or closed in this moment */
	WIRE_STANDING_HOLDER = 1, /* the process has a descriptor; the first by pid, if several have */
	WIRE_STANDING_LISTENER = 2, /* nobody has accepted it: the process has its listener */
	WIRE_STANDING_CLOSED = 3,   /* its process has closed it */
	WIRE_STANDING_TIME_WAIT = 4,
};

/* What sockets of a census have in common. What was not asked for, or is not known, is 0. */
struct wire_census_group {
	__u8 local_address[16]; /* IPv4, and IPv6 that speaks IPv4: the first four bytes */
	__u8 peer_address[16];
	__u32 netns; /* inode number of the network namespace */
	__u32 pid;
	__u16 local_port; /* of a server's connections */
	__u16 peer_port;  /* of the others */
	__u8 state;	  /* TCP_ESTABLISHED to TCP_CLOSING */
	__u8 family;	  /* 4 or 6 */
	__u8 role;
	__u8 standing;
};

struct wire_census_count {
	__u64 sockets;
	__u64 shared;		     /* those that several processes have a descriptor of */
	struct wire_process process; /* of group.pid */
};

/* What TIME_WAITs are counted by, where they are only counted. */
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
	__u8 padding[3];
};

/* One processor's share. */
struct wire_count {
	__u64 time_waits;
	char comm[WIRE_COMM_LENGTH];
};

/*
 * What a program is run on: the frontend writes keys of a map, the program looks each of them up and answers with at most one
 * record a key.
 */
struct wire_batch {
	__u64 keys[WIRE_BATCH];
	struct wire_origin origins[WIRE_BATCH];
	__u32 key_count;
	__u32 origin_count;
};

/* In place of the number of the round: an earlier one has reported it. */
#define WIRE_REPORTED_BEFORE 255

/* The rounds in which the frontend asks for what has waited too long. */
struct wire_round {
	__u64 min_age_ns; /* set by the frontend */
	__u32 number;	  /* 1 to 254, then from 1 again; set by the frontend */
	__u32 due;	  /* sockets that this round marked; counted by the kernel */
	__u32 everything; /* sockets of earlier rounds as well; set by the frontend */
	__u32 padding;
};

/* Why something could not be kept. Written by the kernel, only ever grows. */
struct wire_losses {
	__u64 ring_full;	/* a record found no room in the ring buffer */
	__u64 memory_full;	/* no memory for a socket's opener and closer */
	__u64 waiting_full;	/* the map of sockets in CLOSE_WAIT and FIN_WAIT2 was full */
	__u64 handed_over_full; /* the map of small sockets in FIN_WAIT2 was full */
	__u64 chain_too_long;	/* the search for a small socket was given up */
	__u64 targets_full;	/* a process that a target started could not be added */
	__u64 rescued;		/* no loss: a change of state that an understudy played in */
	__u64 counts_full;	/* a TIME_WAIT that could not be counted: its map was full */
	__u64 handed_over_gone; /* a small socket vanished between two looks: TIME_WAIT or not, unknown */
	__u64 ended_unseen; /* a connection that had sent the first FIN ended, and left no small socket: the same */
	__u64 owners_full; /* of a census: the process behind a socket could not be noted */
	__u64 groups_full; /* of a census: a socket that was counted in no group */
};

/* Set once, before the programs are loaded. */
struct wire_settings {
	__u64 min_age_ns;
	__u32 netns;		 /* 0: all */
	__u32 census_states;	 /* 1 << TCP_…: those that are counted */
	__u8 family;		 /* 4 or 6; 0: both */
	__u8 filter_local_ports; /* by target_local_ports */
	__u8 filter_peer_ports;	 /* by target_peer_ports */
	__u8 filter_pids;	 /* by the map target_pids */
	__u8 want_time_wait;
	__u8 want_close_wait;
	__u8 want_fin_wait2;
	__u8 table_bits;	   /* a table of sockets has 1 << table_bits sets; 0: there is none */
	__u8 small_sockets_hooked; /* a hook sees each small socket enter TIME_WAIT */
	__u8 report_exits;	   /* a CLOSE_WAIT that a process ends by its own end is told, however short */
	__u8 census_lists_time_waits; /* each TIME_WAIT is a record of its own */
	__u8 census_owner;	      /* these say what a census counts by, beside state and namespace */
	__u8 census_role;
	__u8 census_peer;
	__u8 census_ports;
	__u8 counts_only;      /* TIME_WAITs are counted by process and peer, and none is sent */
	__u8 ends_alone;       /* nothing is remembered of a connection before it begins to end */
	__u8 has_understudies; /* other programs on the hook play in a change of state that is missed */
	__u8 padding[6];
};

_Static_assert(sizeof(struct wire_process) == 32, "wire_process");
_Static_assert(sizeof(struct wire_origin) == 176, "wire_origin");
_Static_assert(sizeof(struct wire_holder) == 48, "wire_holder");
_Static_assert(sizeof(struct wire_census_group) == 48, "wire_census_group");
_Static_assert(sizeof(struct wire_losses) == 96, "wire_losses");
_Static_assert(sizeof(struct wire_settings) == 40, "wire_settings");
_Static_assert(sizeof(struct wire_count_key) == 56, "wire_count_key");
_Static_assert(sizeof(struct wire_count) == 24, "wire_count");

#endif
