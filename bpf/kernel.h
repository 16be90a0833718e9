/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few kernel types that the programs read, and of each only the fields they read. Offsets come
 * from the running kernel's BTF (CO-RE): order means nothing, but for what iterators are given.
 */
#ifndef TCPLINGER_KERNEL_H
#define TCPLINGER_KERNEL_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262
#define S_IFMT 0170000
#define S_IFSOCK 0140000

#define EEXIST 17
#define ECONNABORTED 103
#define ECONNRESET 104
#define ETIMEDOUT 110

#define SOCK_LINGER 4 /* enum sock_flags: a bit of skc_flags */

#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000

/* include/net/tcp_states.h */
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct hlist_nulls_node {
	struct hlist_nulls_node *next;
	struct hlist_nulls_node **pprev;
};

struct in6_addr {
	union {
		__be32 u6_addr32[4];
	} in6_u;
};

struct inet_hashinfo {
	void *ehash; /* struct inet_ehash_bucket: one pointer, the head of a chain */
	unsigned int ehash_mask;
};

struct inet_timewait_death_row {
	struct inet_hashinfo *hashinfo;
};

struct netns_ipv4 {
	int sysctl_tcp_fin_timeout;
	struct inet_timewait_death_row tcp_death_row;
};

struct net {
	struct {
		unsigned int inum;
	} ns;
	__u64 net_cookie;
	struct netns_ipv4 ipv4;
};

typedef struct {
	__s64 counter;
} atomic64_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	unsigned int skc_hash;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	int skc_bound_dev_if;
	struct {
		struct net *net;
	} skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
	unsigned long skc_flags;
	struct sock *skc_listener; /* of a request socket */
	struct hlist_nulls_node skc_nulls_node;
};

struct socket {
	struct file *file;
	struct sock *sk;
};

struct sock {
	struct sock_common __sk_common;
	struct {
		int owned;
	} sk_lock;
	struct socket *sk_socket;
	int sk_err;
	unsigned long sk_lingertime;
	__u16 sk_protocol;
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
};

struct inet_sock {
	struct sock sk;
	__be16 inet_sport;
};

struct request_sock {
	struct sock_common __req_common;
	struct request_sock *dl_next;
	struct sock *sk;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	struct {
		struct request_sock *rskq_accept_head;
	} icsk_accept_queue;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	int linger2;
	__u64 tcp_mstamp; /* CLOCK_MONOTONIC, microseconds */
	__u64 bytes_received;
	__u64 bytes_acked;
	__u64 bytes_sent;
	__u64 bytes_retrans;
	__u32 rcv_nxt;
	__u32 copied_seq;
	__u32 snd_nxt;
	__u32 snd_una;
	__u32 write_seq;
};

struct inet_timewait_sock {
	struct sock_common __tw_common;
	struct {
		unsigned long expires;
	} tw_timer;
	volatile unsigned char tw_substate;
};

struct inode {
	unsigned short i_mode;
};

/* A kernel has one of the two counts. */
struct file {
	struct inode *f_inode;
	void *private_data;
	atomic64_t f_count;
	struct {
		atomic64_t refcnt;
	} f_ref;
};

struct cred {
	struct {
		unsigned int val;
	} euid;
};

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
};

struct task_struct {
	unsigned int flags;
	int pid;
	int tgid;
	struct cred *cred;
	struct mm_struct *mm;
	__u64 self_exec_id; /* how often it and its forebears have called exec() */
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	__u64 start_boottime;
	char comm[16];
};

struct sk_buff;
struct seq_file;

#pragma clang attribute pop

/*
 * What iterators are called with, a word each: laid out for good (v5.9, include/linux/bpf.h). To
 * look up where a field is would be a walk through all types of the kernel at the start, a
 * millisecond for each of these.
 */
struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};

#endif
