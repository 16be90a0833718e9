#define _GNU_SOURCE
#include "player.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t parse_address(const char *text, int port, union address *address)
{
	memset(address, 0, sizeof(*address));
	if (strchr(text, ':')) {
		address->v6.sin6_family = AF_INET6;
		address->v6.sin6_port = htons((uint16_t)port);
		inet_pton(AF_INET6, text, &address->v6.sin6_addr);
		return sizeof(address->v6);
	}
	address->v4.sin_family = AF_INET;
	address->v4.sin_port = htons((uint16_t)port);
	inet_pton(AF_INET, text, &address->v4.sin_addr);
	return sizeof(address->v4);
}

static void add_endpoint(struct answer *answer, const char *key, const union address *address)
{
	char text[INET6_ADDRSTRLEN] = "";
	bool is_v6 = address->any.sa_family == AF_INET6;
	const void *bytes = is_v6 ? (const void *)&address->v6.sin6_addr : &address->v4.sin_addr;

	inet_ntop(address->any.sa_family, bytes, text, sizeof(text));
	add(answer, " %s_address=%s %s_port=%d", key, text, key,
	    ntohs(is_v6 ? address->v6.sin6_port : address->v4.sin_port));
}

/* Both ends, while the socket still knows its peer. */
static void add_socket(struct answer *answer, int fd)
{
	union address address;
	socklen_t length = sizeof(address);

	add(answer, " fd=%d", fd);
	if (!getsockname(fd, &address.any, &length))
		add_endpoint(answer, "local", &address);
	length = sizeof(address);
	if (!getpeername(fd, &address.any, &length))
		add_endpoint(answer, "peer", &address);
}

static void set_integer(struct answer *answer, int fd, int level, int name, int value)
{
	check(answer, setsockopt(fd, level, name, &value, sizeof(value)));
}

static void listen_at(struct command *command, struct answer *answer)
{
	const char *backlog = option(command, "backlog=");
	union address address;
	socklen_t length = parse_address(command->words[1], number(command, 2), &address);
	int fd = socket(address.any.sa_family, SOCK_STREAM,
			has_word(command, "mptcp") ? IPPROTO_MPTCP : 0);

	if (fd < 0)
		return fail(answer);
	set_integer(answer, fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (has_word(command, "reuseport"))
		set_integer(answer, fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (has_word(command, "defer")) /* what has sent nothing stays in SYN_RECV */
		set_integer(answer, fd, IPPROTO_TCP, TCP_DEFER_ACCEPT,
			    3 * WAIT_MILLISECONDS / 1000);
	if (address.any.sa_family == AF_INET6)
		set_integer(answer, fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	if (bind(fd, &address.any, length) || listen(fd, backlog ? atoi(backlog) : 128))
		return fail(answer);
	add_socket(answer, fd);
}

static void connect_to(struct command *command, struct answer *answer)
{
	const char *from = option(command, "from="), *from_port = option(command, "from_port=");
	struct timeval limit = { .tv_sec = WAIT_MILLISECONDS / 1000 };
	union address address, own;
	socklen_t length = parse_address(command->words[1], number(command, 2), &address);
	bool waits = !has_word(command, "nowait");
	int fd =
		socket(address.any.sa_family, waits ? SOCK_STREAM : SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return fail(answer);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (from) {
		socklen_t own_length = parse_address(from, from_port ? atoi(from_port) : 0, &own);

		if (bind(fd, &own.any, own_length))
			return fail(answer);
	}
	if (connect(fd, &address.any, length) && (waits || errno != EINPROGRESS)) {
		fail(answer);
		close(fd);
		return;
	}
	add_socket(answer, fd);
}

static void accept_from(struct command *command, struct answer *answer)
{
	int limit = has_word(command, "nowait") ? 0 : WAIT_MILLISECONDS, fd;

	if (!wait_for(number(command, 1), POLLIN, limit))
		return fail(answer);
	fd = accept(number(command, 1), NULL, NULL);
	if (fd < 0)
		return fail(answer);
	add_socket(answer, fd);
}

/* So many bytes, or fewer if the peer has ended. */
static void read_bytes(struct command *command, struct answer *answer)
{
	int wanted = number(command, 2), got = 0;
	char chunk[4096];

	do {
		size_t size = (size_t)(wanted - got) < sizeof(chunk) ? (size_t)(wanted - got)
								     : sizeof(chunk);
		ssize_t length;

		if (!wait_for(number(command, 1), POLLIN, WAIT_MILLISECONDS))
			return fail(answer);
		length = read(number(command, 1), chunk, size);
		if (length < 0)
			return fail(answer);
		if (!length)
			break;
		got += (int)length;
	} while (got < wanted);
	add(answer, " bytes=%d", got);
}

static void write_bytes(struct command *command, struct answer *answer)
{
	int wanted = number(command, 2), written = 0;
	static const char chunk[4096];

	while (written < wanted) {
		size_t size = (size_t)(wanted - written) < sizeof(chunk)
				      ? (size_t)(wanted - written)
				      : sizeof(chunk);
		ssize_t length;

		if (!wait_for(number(command, 1), POLLOUT, WAIT_MILLISECONDS))
			return fail(answer);
		length = write(number(command, 1), chunk, size);
		if (length < 0)
			return fail(answer);
		written += (int)length;
	}
	add(answer, " bytes=%d", written);
}

static void close_socket(struct command *command, struct answer *answer)
{
	check(answer, close(number(command, 1)));
}

static void shut_down(struct command *command, struct answer *answer)
{
	int how = has_word(command, "rdwr") ? SHUT_RDWR
		  : has_word(command, "rd") ? SHUT_RD
					    : SHUT_WR;

	check(answer, shutdown(number(command, 1), how));
}

static void set_linger(struct command *command, struct answer *answer)
{
	struct linger linger = { .l_onoff = 1, .l_linger = number(command, 2) };

	check(answer,
	      setsockopt(number(command, 1), SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
}

static void set_linger2(struct command *command, struct answer *answer)
{
	set_integer(answer, number(command, 1), IPPROTO_TCP, TCP_LINGER2, number(command, 2));
}

/* Asks until it is so: no poll can tell of each. */
static void await(struct command *command, struct answer *answer,
		  bool (*is_so)(const struct tcp_info *info, int fd, int wanted))
{
	for (int i = 0; i < WAIT_MILLISECONDS; i++) {
		struct tcp_info info = {};
		socklen_t length = sizeof(info);

		if (getsockopt(number(command, 1), IPPROTO_TCP, TCP_INFO, &info, &length))
			return fail(answer);
		if (is_so(&info, number(command, 1), number(command, 2)))
			return;
		nanosleep(&(struct timespec) { .tv_nsec = 1000000 }, NULL);
	}
	errno = ETIMEDOUT;
	fail(answer);
}

static bool is_in_state(const struct tcp_info *info, int fd, int wanted)
{
	(void)fd;
	return info->tcpi_state == wanted;
}

static bool has_bytes(const struct tcp_info *info, int fd, int wanted)
{
	int unread = 0;

	(void)info;
	return !ioctl(fd, FIONREAD, &unread) && unread >= wanted;
}

static bool has_sent_again(const struct tcp_info *info, int fd, int wanted)
{
	(void)fd;
	(void)wanted;
	return info->tcpi_total_retrans > 0;
}

static void await_state(struct command *command, struct answer *answer)
{
	await(command, answer, is_in_state);
}

static void await_bytes(struct command *command, struct answer *answer)
{
	await(command, answer, has_bytes);
}

static void await_retransmission(struct command *command, struct answer *answer)
{
	await(command, answer, has_sent_again);
}

static void duplicate(struct command *command, struct answer *answer)
{
	int fd = dup(number(command, 1));

	check(answer, fd);
	add(answer, " fd=%d", fd);
}

int be_brief(const char *address, const char *port)
{
	struct timespec pause = { .tv_nsec = 3000000 };
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (inet_pton(AF_INET, address, &peer.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&peer, sizeof(peer)))
		return 1;
	nanosleep(&pause, NULL);
	return close(fd) != 0;
}

const struct verb socket_verbs[] = {
	{ "listen", listen_at, 3, "listen ADDRESS PORT [backlog=N] [reuseport] [defer] [mptcp]" },
	{ "connect", connect_to, 3,
	  "connect ADDRESS PORT [from=ADDRESS] [from_port=PORT] [nowait]" },
	{ "accept", accept_from, 2, "accept FD [nowait]" },
	{ "read", read_bytes, 3, "read FD COUNT" },
	{ "write", write_bytes, 3, "write FD COUNT" },
	{ "close", close_socket, 2, "close FD" },
	{ "shutdown", shut_down, 3, "shutdown FD rd|wr|rdwr" },
	{ "linger", set_linger, 3, "linger FD SECONDS: SO_LINGER" },
	{ "linger2", set_linger2, 3, "linger2 FD SECONDS: TCP_LINGER2" },
	{ "await-state", await_state, 3,
	  "await-state FD STATE: a TCP_... constant, by its number" },
	{ "await-bytes", await_bytes, 3, "await-bytes FD COUNT: until so many can be read" },
	{ "await-retransmission", await_retransmission, 2, "await-retransmission FD" },
	{ "dup", duplicate, 2, "dup FD" },
	{},
};
