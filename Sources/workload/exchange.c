/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that stay open and carry data: a request is answered, and then comes the next one. */
#define _GNU_SOURCE
#include "workload.h"
#include <getopt.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REQUEST_BYTES 100
#define ANSWER_BYTES 1024

static const char request[] = "GET /basket HTTP/1.1\r\nHost: shop.example\r\nAccept: text/plain\r\n"
			      "User-Agent: tcplinger-workload/1.0\r\n\r\n";
_Static_assert(sizeof(request) - 1 == REQUEST_BYTES, "the request is as long as the usage says");

/* What the client does not read may be anything. */
static const char answer[ANSWER_BYTES] = "HTTP/1.1 200 OK\r\nContent-Length: 984\r\n\r\n";

static struct {
	long connections, seconds;
	int listener, port;
	pthread_barrier_t connected; /* of the client's threads */
} plan = { .connections = 8 };

/* Shared by the processes; each of the client's threads writes its own. */
static struct account {
	long requests;
	double seconds;
} * accounts;

static void *be_client(void *index)
{
	struct account *account = &accounts[(long)index];
	int fd = connect_from(AF_INET, 0, plan.port);
	double begin, now;

	pthread_barrier_wait(&plan.connected);
	begin = seconds_now();
	do {
		send_all(fd, request, REQUEST_BYTES);
		receive_all(fd, ANSWER_BYTES);
		account->requests++;
		now = seconds_now();
	} while (now < begin + (double)plan.seconds);
	account->seconds = now - begin;
	close(fd);
	return NULL;
}

static void *be_server(void *unused)
{
	int fd = accept_from(plan.listener);

	(void)unused;
	while (receive_request(fd))
		send_all(fd, answer, ANSWER_BYTES);
	close(fd);
	return NULL;
}

static void read_plan(int argc, char **argv)
{
	static const struct option options[] = {
		{ "connections", required_argument, NULL, 'n' },
		{ "seconds", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'n':
			plan.connections = number("connections", optarg, 1, MOST_THREADS);
			break;
		case 's':
			plan.seconds = number("seconds", optarg, 1, 86400);
			break;
		default:
			refuse("understand '%s'", argv[optind - 1]);
		}
	}
	if (optind < argc)
		refuse("understand '%s'", argv[optind]);
	if (!plan.seconds)
		refuse("begin: --seconds is missing");
}

int run_exchange(int argc, char **argv)
{
	double per_second = 0, seconds = 0;
	pid_t client, server;
	long requests = 0;

	read_plan(argc, argv);
	accounts = mmap(NULL, MOST_THREADS * sizeof(*accounts), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (accounts == MAP_FAILED)
		cannot("share memory");
	if (pthread_barrier_init(&plan.connected, NULL, (unsigned int)plan.connections))
		refuse("make a barrier");
	plan.listener = listen_on(AF_INET, 0, MOST_THREADS);
	plan.port = port_of(plan.listener);
	server = fork_threads("workload-server", plan.connections, be_server);
	client = fork_threads("workload-client", plan.connections, be_client);
	if (!wait_for_both(client, server))
		return 1;
	for (long i = 0; i < plan.connections; i++) {
		requests += accounts[i].requests;
		per_second += (double)accounts[i].requests / accounts[i].seconds;
		if (seconds < accounts[i].seconds)
			seconds = accounts[i].seconds;
	}
	printf("{\"connections\":%ld,\"requests\":%ld,\"request_bytes\":%d,\"answer_bytes\":%d,"
	       "\"client_pid\":%d,\"server_pid\":%d,\"port\":%d,\"seconds\":%.3f,\"per_second\":%."
	       "0f}\n",
	       plan.connections, requests, REQUEST_BYTES, ANSWER_BYTES, client, server, plan.port,
	       seconds, per_second);
	return 0;
}
