/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that stay: this process has the one end of them, a child the other. */
#include "workload.h"
#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECTIONS_PER_ADDRESS 8000

int run_hold(int argc, char **argv)
{
	static const struct option options[] = {
		{ "connections", required_argument, NULL, 'n' },
		{ "seconds", required_argument, NULL, 's' },
		{ "state", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	long connections = 0, seconds = 0;
	const char *state = "established";
	int option, listener, port;
	bool peer_closes;
	pid_t peer;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'n':
			connections = number("connections", optarg, 1, 1000000);
			break;
		case 's':
			seconds = number("seconds", optarg, 1, 86400);
			break;
		case 't':
			state = optarg;
			break;
		default:
			refuse("understand '%s'", argv[optind - 1]);
		}
	}
	if (optind < argc)
		refuse("understand '%s'", argv[optind]);
	if (!connections || !seconds)
		refuse("begin: --connections and --seconds are needed");
	if (strcmp(state, "established") && strcmp(state, "close_wait"))
		refuse("take '%s' for --state: it is established or close_wait", state);
	peer_closes = !strcmp(state, "close_wait");
	allow_descriptors(connections + 64);

	listener = listen_on(AF_INET, 0, 1024);
	port = port_of(listener);
	peer = fork_named("workload-peer");
	if (!peer) {
		for (long i = 0; i < connections; i++) {
			int fd = accept_from(listener);

			if (peer_closes)
				close(fd);
			else
				send_all(fd, "!", 1); /* accepted: the queue does not overflow */
		}
		pause();
	}
	close(listener);

	name_this_process("workload-holder");
	for (long i = 0; i < connections; i++) {
		int fd =
			connect_from(AF_INET, i / CONNECTIONS_PER_ADDRESS, port); /* never closed */

		if (peer_closes)
			receive_end(fd);
		else
			receive_all(fd, 1);
	}
	printf("{\"pid\":%d,\"peer_pid\":%d,\"port\":%d,\"connections\":%ld,\"state\":\"%s\"}\n",
	       getpid(), peer, port, connections, peer_closes ? "close_wait" : "established");
	fflush(stdout);
	sleep_ms(seconds * 1000);
	return 0;
}
