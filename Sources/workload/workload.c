/* SPDX-License-Identifier: Apache-2.0 */
#include "workload.h"
#include <stdio.h>
#include <string.h>

static const char usage[] =
	"usage: tcplinger-workload demo  [--seconds S] [-- COMMAND...]\n"
	"       tcplinger-workload short --connections N --closer client|server [--family 4|6]\n"
	"                                [--addresses K] [--bytes B] [--threads T]\n"
	"       tcplinger-workload hold  --connections N --seconds S [--state "
	"established|close_wait]\n"
	"       tcplinger-workload exchange --seconds S [--connections N]\n"
	"\n"
	"Makes TCP connections over loopback that end in TIME_WAIT, stay in CLOSE_WAIT or carry "
	"data.\n"
	"\n"
	"demo   a handful of named processes at a readable rate, for S seconds (10), or for as "
	"long as\n"
	"       COMMAND runs, whose exit status is then this one's\n"
	"short  N connections, opened and closed at full speed; the closer closes first, the other "
	"end reads\n"
	"       the end of file and closes then. Each end sends B bytes (0) before. K source "
	"addresses\n"
	"       (one per 2,000 connections; IPv6: ::1 alone, and behind it fd74:6370::1 and on, "
	"which "
	"loopback\n"
	"       must have been given), T threads an end (2), R connections a second (as fast as "
	"they can)\n"
	"       prints: "
	"{\"connections\":N,\"closer\":\"client\",\"client_pid\":P,\"server_pid\":P,\"port\":P,\n"
	"                \"seconds\":S,\"per_second\":R}\n"
	"hold   N connections that stay open, or stay in CLOSE_WAIT with the end of file read, for "
	"S seconds\n"
	"       prints when they do: "
	"{\"pid\":P,\"peer_pid\":P,\"port\":P,\"connections\":N,\"state\":\"close_wait\"}\n"
	"exchange\n"
	"       N connections (8) that stay open for S seconds. On each, a request of 100 bytes "
	"is\n"
	"       answered with 1,024 bytes, then comes the next, as fast as a thread a connection "
	"can\n"
	"       at each end\n"
	"       prints: "
	"{\"connections\":N,\"requests\":R,\"request_bytes\":100,\"answer_bytes\":1024,\n"
	"                \"client_pid\":P,\"server_pid\":P,\"port\":P,\n"
	"                \"seconds\":S,\"per_second\":R}\n";

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "--help";

	remember_arguments(argc, argv);
	if (!strcmp(command, "demo"))
		return run_demo(argc - 1, argv + 1);
	if (!strcmp(command, "short"))
		return run_short(argc - 1, argv + 1);
	if (!strcmp(command, "hold"))
		return run_hold(argc - 1, argv + 1);
	if (!strcmp(command, "exchange"))
		return run_exchange(argc - 1, argv + 1);
	if (!strcmp(command, "--help") || !strcmp(command, "-h")) {
		fputs(usage, stdout);
		return 0;
	}
	refuse("run '%s': it is none of demo, short, hold, exchange", command);
}
