/* SPDX-License-Identifier: Apache-2.0 */
/* GNU calls that Swift's Glibc module leaves out. */
#ifndef TCPLINGER_CSTAGE_H
#define TCPLINGER_CSTAGE_H

#include <stddef.h>

/* A file that is only in memory, close-on-exec: its descriptor or -errno. */
int cstage_memory_file(const char *name);

/* A descriptor that can be read once the process has ended, close-on-exec, or -errno. */
int cstage_process_descriptor(int pid);

/* The offset of the first occurrence of the word, or -1. */
ptrdiff_t cstage_first(const void *bytes, size_t length, const void *word, size_t word_length);

/* The offset of the last byte of this value, or -1. */
ptrdiff_t cstage_last_byte(const void *bytes, size_t length, unsigned char value);

#endif
