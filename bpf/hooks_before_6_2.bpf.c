// SPDX-License-Identifier: GPL-2.0
/* The hooks for kernels without casts, or that interpret BPF. */
#define WITHOUT_CASTS
#define handle_state handle_state_before_6_2
#define handle_small_socket handle_small_socket_before_6_2
#define handle_packet_end handle_packet_end_before_6_2
#include "hooks.bpf.c"
