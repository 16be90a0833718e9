/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small shop with four troubles, each in processes with a name. The supervisor starts them, waits for
 * the time or the command to end, and leaves none behind.
 */
#define _GNU_SOURCE
#include "workload.h"
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char request[] = "GET /basket HTTP/1.0\r\nHost: shop.example\r\n\r\n";
static const char response[] = "HTTP/1.0 200 OK\r\nContent-Length: 12\r\n\r\nthree apples";

/* A client's first connection: a tracer that starts with the demo has its hooks in place by then. */
#define LEAD_IN_MS 800

static _Noreturn void shop_api(int listener)
{
	for (;;) {
		int fd = accept_from(listener);

		if (receive_request(fd)) {
			send_all(fd, response, strlen(response));
			receive_end(fd);
		}
		close(fd);
	}
}

static _Noreturn void shop_web(int port)
{
	for (sleep_ms(LEAD_IN_MS);; sleep_ms(700)) {
		int fd = connect_from(AF_INET, 0, port);

		send_all(fd, request, strlen(request));
		receive_all(fd, strlen(response));
		close(fd);
	}
}

static _Noreturn void legacy_http(int listener)
{
	for (;;) {
		int fd = accept_from(listener);

		if (receive_request(fd))
			send_all(fd, response, strlen(response));
		close(fd);
	}
}

static _Noreturn void poller(int port)
{
	for (sleep_ms(LEAD_IN_MS + 350);; sleep_ms(1500)) {
		int fd = connect_from(AF_INET, 0, port);

		send_all(fd, request, strlen(request));
		receive_end(fd);
		close(fd);
	}
}

static _Noreturn void upstream_db(int listener)
{
	for (;;) {
		int fd = accept_from(listener);

		send_all(fd, response, strlen(response));
		close(fd);
	}
}

static _Noreturn void report_job(int port)
{
	for (sleep_ms(LEAD_IN_MS + 150);; sleep_ms(2500))
		receive_end(connect_from(AF_INET, 0, port)); /* and is not closed: the leak */
}

static _Noreturn void signup_desk(int listener)
{
	for (sleep_ms(LEAD_IN_MS + 3500);; sleep_ms(3000)) {
		int fd = accept_from(listener);

		receive_end(fd);
		close(fd);
	}
}

static _Noreturn void signup_form(int port)
{
	for (sleep_ms(LEAD_IN_MS + 500);; sleep_ms(3000)) {
		int fd = connect_from(AF_INET, 0, port);

		send_all(fd, request, strlen(request));
		close(fd);
	}
}

static struct trouble {
	const char *server, *client;
	void (*serve)(int listener);
	void (*use)(int port);
	int port; /* the one wanted, then the one in use */
	bool server_is_culprit;
	const char *story;
} troubles[] = {
	{ "shop-api", "shop-web", shop_api, shop_web, 8080, false,
	  "a connection per request, and closes first: TIME_WAIT at the client" },
	{ "legacy-http", "poller", legacy_http, poller, 8010, true,
	  "closes first, after each answer: TIME_WAIT at the server" },
	{ "upstream-db", "report-job", upstream_db, report_job, 5432, false,
	  "does not close when upstream-db has: CLOSE_WAIT, a leak" },
	{ "signup-desk", "signup-form", signup_desk, signup_form, 8025, true,
	  "calls accept() too late: CLOSE_WAIT, unseen by the process" },
};

#define TROUBLES (sizeof(troubles) / sizeof(*troubles))

static pid_t crowd[2 * TROUBLES];

static void start_crowd(void)
{
	for (size_t i = 0; i < TROUBLES; i++) {
		struct trouble *trouble = &troubles[i];
		int listener = listen_on(AF_INET, trouble->port, 64);

		trouble->port = port_of(listener);
		crowd[2 * i] = fork_named(trouble->server);
		if (!crowd[2 * i])
			trouble->serve(listener);
		close(listener);
		crowd[2 * i + 1] = fork_named(trouble->client);
		if (!crowd[2 * i + 1])
			trouble->use(trouble->port);
	}
}

static void introduce_crowd(void)
{
	puts("Four pairs of processes now talk over loopback, and in each pair one makes "
	     "trouble:\n");
	for (size_t i = 0; i < TROUBLES; i++) {
		const struct trouble *trouble = &troubles[i];
		bool server = trouble->server_is_culprit;

		printf("  %-11s pid %-7d port %-5d  %s\n",
		       server ? trouble->server : trouble->client, crowd[2 * i + !server],
		       trouble->port, trouble->story);
	}
	puts("\nA FIN_WAIT2 is the other end of such a CLOSE_WAIT: it has closed and waits for its "
	     "peer.\n");
	fflush(stdout);
}

static void end_crowd(void)
{
	for (size_t i = 0; i < 2 * TROUBLES; i++)
		kill(crowd[i], SIGKILL);
	while (wait(NULL) > 0 || errno == EINTR)
		;
}

static pid_t start_command(char **command, const sigset_t *mask)
{
	pid_t parent = getpid(), child = fork();

	if (child < 0)
		cannot("start %s", command[0]);
	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(command[0], command);
	cannot("run %s", command[0]);
}

/* Waits for what ends the demo: its time, the command, a signal or the loss of one of the crowd. */
static int wait_for_end(pid_t command, double seconds, const sigset_t *signals)
{
	double end = seconds_now() + seconds;

	for (;;) {
		double left = command ? 3600 : end - seconds_now();
		struct timespec patience = { .tv_sec = (time_t)left,
					     .tv_nsec =
						     (long)((left - (double)(time_t)left) * 1e9) };
		siginfo_t signal;
		int status;
		pid_t ended;

		if (left <= 0)
			return 0;
		if (sigtimedwait(signals, &signal, &patience) < 0)
			continue;
		if (signal.si_signo != SIGCHLD) {
			if (!command)
				return 0;
			/* A Ctrl-C has reached the command, too. */
			if (signal.si_code != SI_KERNEL)
				kill(command, signal.si_signo);
			continue;
		}
		while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
			if (ended == command)
				return WIFEXITED(status) ? WEXITSTATUS(status)
							 : 128 + WTERMSIG(status);
			if (command) /* one of the crowd ended and said why */
				kill(command, SIGTERM);
			return 1;
		}
	}
}

int run_demo(int argc, char **argv)
{
	static const struct option options[] = { { "seconds", required_argument, NULL, 's' },
						 { NULL, 0, NULL, 0 } };
	sigset_t signals, mask;
	pid_t command = 0;
	long seconds = 10;
	int option, status;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (option != 's')
			refuse("understand '%s'", argv[optind - 1]);
		seconds = number("seconds", optarg, 1, 86400);
	}

	/* Held back here and in the crowd, which therefore outlives a Ctrl-C until end_crowd(). */
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, &mask);

	start_crowd();
	introduce_crowd();
	if (optind < argc)
		command = start_command(argv + optind, &mask);
	status = wait_for_end(command, (double)seconds, &signals);
	end_crowd();
	return status;
}
