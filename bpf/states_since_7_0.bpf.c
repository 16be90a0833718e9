// SPDX-License-Identifier: GPL-2.0
/* The hook on states for kernels that may put a process aside in the middle of a program. */
#define PREEMPTIBLE
#include "states.bpf.c"
