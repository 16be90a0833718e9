/* SPDX-License-Identifier: GPL-2.0 */
/* The two ways to read what the kernel keeps. */
#ifndef TCPLINGER_READ_BPF_H
#define TCPLINGER_READ_BPF_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "wire.h"

extern const volatile struct wire_settings settings;

/*
 * v6.2, a35b9af4ec2c: an address is given a type, and read like any memory from then on. What is not there any more reads as
 * 0. It costs a move, where a helper costs a call. Only in an object that says it may.
 */
#ifdef HAS_CASTS
extern void *bpf_rdonly_cast(const void *address, __u32 type) __ksym __weak;
#define cast(address, type) ((type *)bpf_rdonly_cast(address, bpf_core_type_id_kernel(type)))
#else
#define HAS_CASTS false
#define cast(address, type) ((type *)NULL)
#endif

/*
 * How a socket's fields are read. A program on a socket's hook has the socket itself, and reads it like any
 * memory. A program that has only its address, out of a map, copies each field by a checked read, so that
 * a socket freed meanwhile gives wrong bytes at worst; it checks afterwards that the address still means the
 * same connection.
 */
#ifdef SOCKETS_ARE_ADDRESSES
#define READ(socket, field) BPF_CORE_READ(socket, field)
#define as_tcp(sk) ((struct tcp_sock *)(sk))
#else
#define READ(socket, field) ((socket)->field)
#define as_tcp(sk) (HAS_CASTS ? cast(sk, struct tcp_sock) : (struct tcp_sock *)bpf_skc_to_tcp_sock(sk))
#endif

/*
 * The same socket, to read pointers from. Of each pointer that is read from an argument of a hook the verifier asks
 * whether it may be trusted, and for that goes through the names of all types of the kernel: a quarter of a millisecond,
 * each time it comes by.
 */
#define plain(tcp) ((struct sock *)(tcp))

#endif
