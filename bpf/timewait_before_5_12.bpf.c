// SPDX-License-Identifier: GPL-2.0
/* The hook on small sockets for kernels without the table. */
#define WITHOUT_TABLE
#define handle_small_socket handle_small_socket_before_5_12
#include "timewait.bpf.c"
