/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "workload.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char *arguments;
static size_t arguments_length;

static void say_cannot(const char *format, va_list values, const char *reason)
{
	char what[256];

	vsnprintf(what, sizeof(what), format, values);
	fprintf(stderr, "cannot %s%s%s\n", what, reason ? ": " : "", reason ? reason : "");
}

void cannot(const char *format, ...)
{
	const char *reason = strerror(errno);
	va_list values;

	va_start(values, format);
	say_cannot(format, values, reason);
	va_end(values);
	_exit(1);
}

void refuse(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	say_cannot(format, values, NULL);
	va_end(values);
	_exit(64);
}

void remember_arguments(int argc, char **argv)
{
	/* The kernel puts them one after the other. */
	arguments = argv[0];
	arguments_length = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) + 1 - argv[0]);
}

void name_this_process(const char *name)
{
	prctl(PR_SET_NAME, name);
	memset(arguments, 0, arguments_length);
	strncpy(arguments, name, arguments_length - 1);
}

pid_t fork_named(const char *name)
{
	pid_t parent = getpid(), child = fork();

	if (child < 0)
		cannot("start %s", name);
	if (child)
		return child;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		cannot("tie %s to its parent", name);
	if (getppid() != parent)
		_exit(1); /* it ended before the line above */
	name_this_process(name);
	return 0;
}

pid_t fork_threads(const char *name, long count, void *(*work)(void *index))
{
	pthread_t threads[MOST_THREADS];
	pid_t child = fork_named(name);

	if (child)
		return child;
	for (long i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)i))
			refuse("start a thread of %s", name);
	for (long i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}

bool wait_for_both(pid_t one, pid_t other)
{
	int status, ends = 2;
	pid_t ended;

	while (ends-- && (ended = wait(&status)) > 0) {
		if (WIFEXITED(status) && !WEXITSTATUS(status))
			continue;
		kill(ended == one ? other : one, SIGKILL);
		if (WIFSIGNALED(status))
			refuse("go on: signal %d ended process %d", WTERMSIG(status), ended);
		return false; /* the one that failed said why */
	}
	return true;
}

double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void sleep_ms(long milliseconds)
{
	struct timespec rest = { .tv_sec = milliseconds / 1000,
				 .tv_nsec = milliseconds % 1000 * 1000000 };

	while (nanosleep(&rest, &rest) && errno == EINTR)
		;
}

void allow_descriptors(long count)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		cannot("read the limit of open files");
	if (limit.rlim_cur >= (rlim_t)count)
		return;
	limit.rlim_cur = (rlim_t)count;
	if (limit.rlim_max < limit.rlim_cur)
		limit.rlim_max = limit.rlim_cur;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		cannot("open %ld files at once", count);
}

long number(const char *option, const char *text, long first, long last)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < first || value > last)
		refuse("take '%s' for --%s: it is a whole number from %ld to %ld", text, option,
		       first, last);
	return value;
}
