// SPDX-License-Identifier: GPL-2.0
/* The hooks for kernels that cannot share a table between processors: there all are remembered farther away. */
#define WITHOUT_TABLE
#define WITHOUT_CASTS
#define handle_state handle_state_before_5_12
#define handle_small_socket handle_small_socket_before_5_12
#include "hooks.bpf.c"
