/* SPDX-License-Identifier: Apache-2.0 */
/* Linux calls that Swift's Glibc module leaves out. */
#ifndef TCPLINGER_CSYSTEM_H
#define TCPLINGER_CSYSTEM_H

#include "Conntrack.h"
#include "JSONText.h"
#include "SocketDiagnosis.h"
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/vfs.h>

/* Moves the calling thread into the network namespace behind the descriptor: 0 or -errno. */
int csystem_enter_network_namespace(int descriptor);

/*
 * Keeps of the calling thread's capabilities only those of the mask (bit N: capability N), for good: no
 * program that it executes gets any back. 0 or -errno.
 */
int csystem_keep_capabilities(uint64_t mask);

#endif
