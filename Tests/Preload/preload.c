/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loaded before a program (LD_PRELOAD), it stands between the program and the kernel.
 *
 *   REFUSE=visit_files:1,iter_create:1     bpf() answers with this errno when this program is to be loaded, or this command
 *                                          is given; with it comes a verifier's log of four lines, where one is asked for
 *   COUNT_RUNS=audit                       prints at the end how often each of these programs was run on demand
 *
 * It says so when a thread is waited for that was waited for already.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

static const char verifier_log[] =
	"func#0 @0\n0: R1=ctx() R10=fp0\nthe verifier refuses this\nprocessed 1 insns\n";

/* What REFUSE answers to this name, which the kernel cuts to its length; 0: nothing. */
static int answer_to(const char *name)
{
	const char *refused = getenv("REFUSE");

	for (; refused && *refused;
	     refused = strchr(refused, ',') ? strchr(refused, ',') + 1 : NULL) {
		const char *colon = strchr(refused, ':');
		size_t length = colon ? (size_t)(colon - refused) : 0;

		if (length >= BPF_OBJ_NAME_LEN)
			length = BPF_OBJ_NAME_LEN - 1;
		if (length && strlen(name) == length && !strncmp(name, refused, length))
			return atoi(colon + 1);
	}
	return 0;
}

static int refusal_of(int command, const union bpf_attr *attributes)
{
	int error = 0;

	if (command == BPF_ITER_CREATE)
		return answer_to("iter_create");
	if (command != BPF_PROG_LOAD)
		return 0;
	error = answer_to(attributes->prog_name);
	if (error && attributes->log_level && attributes->log_buf &&
	    attributes->log_size >= sizeof(verifier_log))
		memcpy((void *)(uintptr_t)attributes->log_buf, verifier_log, sizeof(verifier_log));
	return error;
}

#define MOST_PROGRAMS 64

/* The programs that were loaded, by descriptor. */
static struct {
	char name[BPF_OBJ_NAME_LEN];
	unsigned int runs;
} programs[MOST_PROGRAMS];

static void note(int command, const union bpf_attr *attributes, long result)
{
	if (command == BPF_PROG_LOAD && result >= 0 && result < MOST_PROGRAMS)
		memcpy(programs[result].name, attributes->prog_name, BPF_OBJ_NAME_LEN);
	else if (command == BPF_PROG_TEST_RUN && attributes->test.prog_fd < MOST_PROGRAMS)
		programs[attributes->test.prog_fd].runs++;
}

__attribute__((destructor)) static void print_runs(void)
{
	const char *wanted = getenv("COUNT_RUNS");

	for (int i = 0; wanted && i < MOST_PROGRAMS; i++)
		if (programs[i].name[0] && strstr(wanted, programs[i].name))
			fprintf(stderr, "runs of %s: %u\n", programs[i].name, programs[i].runs);
}

long syscall(long number, ...)
{
	static long (*next)(long, ...);
	long words[6], result;
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		words[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_bpf) {
		int error = refusal_of((int)words[0], (const union bpf_attr *)(uintptr_t)words[1]);

		if (error) {
			errno = error;
			return -1;
		}
	}
	if (!next)
		next = (long (*)(long, ...))(uintptr_t)dlsym(RTLD_NEXT, "syscall");
	result = next(number, words[0], words[1], words[2], words[3], words[4], words[5]);
	if (number == SYS_bpf)
		note((int)words[0], (const union bpf_attr *)(uintptr_t)words[1], result);
	return result;
}

int pthread_join(pthread_t thread, void **result)
{
	static int (*next)(pthread_t, void **);
	static pthread_t joined;
	int error;

	if (joined && pthread_equal(joined, thread))
		fprintf(stderr, "joined twice\n");
	if (!next)
		next = (int (*)(pthread_t, void **))(uintptr_t)dlsym(RTLD_NEXT, "pthread_join");
	error = next(thread, result);
	joined = thread;
	return error;
}
