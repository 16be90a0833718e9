#define _GNU_SOURCE
#include "player.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int bring_up(int control, struct ifreq *request)
{
	request->ifr_flags = IFF_UP | IFF_RUNNING;
	return ioctl(control, SIOCSIFFLAGS, request);
}

static void add_namespace(struct answer *answer)
{
	struct stat status;

	if (stat("/proc/self/ns/net", &status))
		return fail(answer);
	add(answer, " netns=%lu", (unsigned long)status.st_ino);
}

static void tell_namespace(struct command *command, struct answer *answer)
{
	(void)command;
	add_namespace(answer);
}

static void enter_new_namespace(struct command *command, struct answer *answer)
{
	struct ifreq request = { .ifr_name = "lo" };
	int control;

	(void)command;
	if (unshare(CLONE_NEWNET))
		return fail(answer);
	control = socket(AF_INET, SOCK_DGRAM, 0);
	check(answer, bring_up(control, &request));
	close(control);
	add_namespace(answer);
}

/* net/... belongs to the network namespace of whoever opens it. */
static void set_sysctl(struct command *command, struct answer *answer)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/%s", command->words[1]);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, command->words[2], strlen(command->words[2])) < 0)
		return fail(answer);
	close(fd);
}

static void set_address(struct answer *answer, int control, struct ifreq *request,
			unsigned long what, const char *text)
{
	struct sockaddr_in address = { .sin_family = AF_INET };

	inet_pton(AF_INET, text, &address.sin_addr);
	memcpy(&request->ifr_addr, &address, sizeof(address));
	check(answer, ioctl(control, what, request));
}

/* One end of a wire whose other end is this descriptor. */
static void open_tun(struct command *command, struct answer *answer)
{
	struct ifreq request = { .ifr_name = "wire0" };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	request.ifr_flags = IFF_TUN | IFF_NO_PI;
	if (fd < 0 || control < 0 || ioctl(fd, TUNSETIFF, &request))
		return fail(answer);
	set_address(answer, control, &request, SIOCSIFADDR, command->words[1]);
	set_address(answer, control, &request, SIOCSIFDSTADDR, command->words[2]);
	check(answer, bring_up(control, &request));
	close(control);
	add(answer, " fd=%d", fd);
}

enum relay_mode { FLOW, HOLD };

/* wanted is set by commands, actual by the relay's thread once it has obeyed. */
static struct {
	int ends[2];
	_Atomic enum relay_mode wanted, actual;
} relay = { .wanted = HOLD, .actual = HOLD };

static void *carry_packets(void *unused)
{
	char packet[65536];

	for (;;) {
		struct pollfd waited[2] = {
			{ .fd = relay.ends[0], .events = POLLIN },
			{ .fd = relay.ends[1], .events = POLLIN },
		};

		relay.actual = relay.wanted;
		if (relay.actual == HOLD) {
			nanosleep(&(struct timespec) { .tv_nsec = 1000000 }, NULL);
			continue;
		}
		poll(waited, 2, 1);
		for (int i = 0; i < 2; i++) {
			ssize_t length = read(relay.ends[i], packet, sizeof(packet));

			if (length > 0 && write(relay.ends[!i], packet, (size_t)length) < 0)
				perror("tcplinger-player: relay");
		}
	}
	return unused;
}

static void set_relay_mode(struct answer *answer, enum relay_mode mode)
{
	relay.wanted = mode;
	for (int i = 0; i < WAIT_MILLISECONDS && relay.actual != mode; i++)
		nanosleep(&(struct timespec) { .tv_nsec = 1000000 }, NULL);
	errno = ETIMEDOUT;
	check(answer, relay.actual == mode ? 0 : -1);
}

static void start_relay(struct command *command, struct answer *answer)
{
	pthread_t thread;

	relay.ends[0] = number(command, 1);
	relay.ends[1] = number(command, 2);
	errno = pthread_create(&thread, NULL, carry_packets, NULL);
	if (errno)
		return fail(answer);
	set_relay_mode(answer, FLOW);
}

static void hold_packets(struct command *command, struct answer *answer)
{
	(void)command;
	set_relay_mode(answer, HOLD);
}

static void let_packets_flow(struct command *command, struct answer *answer)
{
	(void)command;
	set_relay_mode(answer, FLOW);
}

const struct verb network_verbs[] = {
	{ "whichns", tell_namespace, 1, "whichns: answers netns=, the inode number" },
	{ "netns", enter_new_namespace, 1, "netns: a new network namespace, with lo up" },
	{ "sysctl", set_sysctl, 3, "sysctl PATH VALUE" },
	{ "tun", open_tun, 3, "tun ADDRESS PEER: answers fd=, the far end of the wire" },
	{ "relay", start_relay, 3, "relay TUN TUN: carries packets between the two" },
	{ "hold", hold_packets, 1, "hold: packets wait on their side of the relay" },
	{ "flow", let_packets_flow, 1, "flow: packets pass, those held first" },
	{},
};
