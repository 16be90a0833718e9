// SPDX-License-Identifier: GPL-2.0
/* The hook on states for kernels that cannot share a table between processors: there all are remembered farther away. */
#define WITHOUT_TABLE
#define handle_state handle_state_before_5_12
#include "states.bpf.c"
