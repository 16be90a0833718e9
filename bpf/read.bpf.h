/* SPDX-License-Identifier: GPL-2.0 */
/* The two ways to read what the kernel keeps. */
#ifndef TCPLINGER_READ_BPF_H
#define TCPLINGER_READ_BPF_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

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
#define as_tcp(sk) ((struct tcp_sock *)bpf_skc_to_tcp_sock(sk))
#endif

/*
 * The same socket, to read pointers from. Of each pointer that is read from an argument of a hook the verifier asks
 * whether it may be trusted, and for that goes through the names of all types of the kernel: a quarter of a millisecond,
 * each time it comes by.
 */
#define plain(tcp) ((struct sock *)(tcp))

#endif
