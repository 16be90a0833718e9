/* SPDX-License-Identifier: Apache-2.0 */
/* Short connections at full speed: how many each end closes first is known exactly. */
#define _GNU_SOURCE
#include "workload.h"
#include <getopt.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A client that closes first does not wait for its server: so many it may be ahead. Less than the backlog. */
#define MOST_AHEAD 512
#define BACKLOG 1024
/* After some 3,000 connections from one address the kernel takes ports again, and ends the server's TIME_WAITs there. */
#define CONNECTIONS_PER_ADDRESS 2000

static struct {
	long connections, addresses, bytes, threads, rate;
	int family, listener, port;
	bool client_closes;
} plan = { .addresses = 0, .threads = 2, .family = AF_INET };

/* Shared by both processes. */
static struct {
	atomic_long begun, served, done;
	double begin;
} * count;

/* Sends and receives the payload; both ends do the same, so nothing is unread when one closes. */
static void talk(int fd)
{
	static const char payload[65536];

	for (long left = plan.bytes; left > 0; left -= (long)sizeof(payload)) {
		size_t part = left < (long)sizeof(payload) ? (size_t)left : sizeof(payload);

		send_all(fd, payload, part);
		receive_all(fd, part);
	}
}

static void *be_client(void *unused)
{
	long index;

	(void)unused;
	while ((index = atomic_fetch_add(&count->begun, 1)) < plan.connections) {
		int fd;

		while (plan.rate &&
		       seconds_now() < count->begin + (double)index / (double)plan.rate)
			usleep(100);
		while (index - atomic_load(&count->done) > MOST_AHEAD)
			usleep(100);
		fd = connect_from(plan.family, index % plan.addresses, plan.port);
		talk(fd);
		if (!plan.client_closes)
			receive_end(fd);
		close(fd);
	}
	return NULL;
}

static void *be_server(void *unused)
{
	(void)unused;
	while (atomic_fetch_add(&count->served, 1) < plan.connections) {
		int fd = accept_from(plan.listener);

		talk(fd);
		if (plan.client_closes)
			receive_end(fd);
		close(fd);
		atomic_fetch_add(&count->done, 1);
	}
	return NULL;
}

static void read_plan(int argc, char **argv)
{
	static const struct option options[] = {
		{ "connections", required_argument, NULL, 'n' },
		{ "closer", required_argument, NULL, 'c' },
		{ "family", required_argument, NULL, 'f' },
		{ "addresses", required_argument, NULL, 'a' },
		{ "bytes", required_argument, NULL, 'b' },
		{ "threads", required_argument, NULL, 't' },
		{ "rate", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	const char *closer = NULL;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'n':
			plan.connections = number("connections", optarg, 1, 100000000);
			break;
		case 'c':
			closer = optarg;
			break;
		case 'f':
			if (strcmp(optarg, "4") && strcmp(optarg, "6"))
				refuse("take '%s' for --family: it is 4 or 6", optarg);
			plan.family = *optarg == '4' ? AF_INET : AF_INET6;
			break;
		case 'a':
			plan.addresses = number("addresses", optarg, 1, 65536);
			break;
		case 'b':
			plan.bytes = number("bytes", optarg, 0, 1 << 30);
			break;
		case 't':
			plan.threads = number("threads", optarg, 1, MOST_THREADS);
			break;
		case 'r':
			plan.rate = number("rate", optarg, 1, 10000000);
			break;
		default:
			refuse("understand '%s'", argv[optind - 1]);
		}
	}
	if (optind < argc)
		refuse("understand '%s'", argv[optind]);
	if (!plan.connections)
		refuse("begin: --connections is missing");
	if (!closer || (strcmp(closer, "client") && strcmp(closer, "server")))
		refuse("begin: --closer is client or server");
	plan.client_closes = !strcmp(closer, "client");
	if (!plan.addresses)
		plan.addresses = plan.family == AF_INET6
					 ? 1
					 : 1 + plan.connections / CONNECTIONS_PER_ADDRESS;
}

int run_short(int argc, char **argv)
{
	pid_t client, server;
	double seconds;

	read_plan(argc, argv);
	count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (count == MAP_FAILED)
		cannot("share memory");
	plan.listener = listen_on(plan.family, 0, BACKLOG);
	plan.port = port_of(plan.listener);
	count->begin = seconds_now();
	server = fork_threads("workload-server", plan.threads, be_server);
	client = fork_threads("workload-client", plan.threads, be_client);
	if (!wait_for_both(client, server))
		return 1;
	seconds = seconds_now() - count->begin;
	printf("{\"connections\":%ld,\"closer\":\"%s\",\"client_pid\":%d,\"server_pid\":%d,"
	       "\"port\":%d,"
	       "\"seconds\":%.3f,\"per_second\":%.0f}\n",
	       plan.connections, plan.client_closes ? "client" : "server", client, server,
	       plan.port, seconds, (double)plan.connections / seconds);
	return 0;
}
