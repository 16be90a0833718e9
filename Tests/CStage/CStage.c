/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CStage.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int cstage_memory_file(const char *name)
{
	int descriptor = memfd_create(name, MFD_CLOEXEC);

	return descriptor < 0 ? -errno : descriptor;
}

int cstage_process_descriptor(int pid)
{
	long descriptor = syscall(SYS_pidfd_open, pid, 0);

	return descriptor < 0 ? -errno : (int)descriptor;
}

ptrdiff_t cstage_first(const void *bytes, size_t length, const void *word, size_t word_length)
{
	const char *found = memmem(bytes, length, word, word_length);

	return found ? found - (const char *)bytes : -1;
}

ptrdiff_t cstage_last_byte(const void *bytes, size_t length, unsigned char value)
{
	const char *found = memrchr(bytes, value, length);

	return found ? found - (const char *)bytes : -1;
}
