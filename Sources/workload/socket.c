/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "workload.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

static int new_socket(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		cannot("open a socket");
	return fd;
}

static socklen_t length_of(int family)
{
	return family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

struct sockaddr_storage loopback(int family, long index, int port)
{
	struct sockaddr_storage address = { .ss_family = (sa_family_t)family };

	if (family == AF_INET) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)&address;

		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK + (in_addr_t)index);
		v4->sin_port = htons((in_port_t)port);
	} else {
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;

		v6->sin6_addr = in6addr_loopback;
		if (index) {
			v6->sin6_addr = (struct in6_addr) { .s6_addr = { 0xfd, 0x74, 0x63, 0x70 } };
			v6->sin6_addr.s6_addr[14] = (unsigned char)(index >> 8);
			v6->sin6_addr.s6_addr[15] = (unsigned char)index;
		}
		v6->sin6_port = htons((in_port_t)port);
	}
	return address;
}

int listen_on(int family, int wanted_port, int backlog)
{
	struct sockaddr_storage address = loopback(family, 0, wanted_port);
	int fd = new_socket(family), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
		   sizeof(on)); /* TIME_WAITs of the run before */
	if (bind(fd, (struct sockaddr *)&address, length_of(family)) || listen(fd, backlog)) {
		if (errno != EADDRINUSE || !wanted_port)
			cannot("listen on port %d of loopback", wanted_port);
		close(fd);
		return listen_on(family, 0, backlog);
	}
	return fd;
}

int port_of(int listener)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	if (getsockname(listener, (struct sockaddr *)&address, &length))
		cannot("read the port of a listener");
	return ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
						  : ((struct sockaddr_in6 *)&address)->sin6_port);
}

int connect_from(int family, long index, int port)
{
	struct sockaddr_storage source = loopback(family, index, 0),
				target = loopback(family, 0, port);
	int fd = new_socket(family), on = 1;

	/* Otherwise bind() takes a port that no other connection may have, whoever its peer is. */
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&source, length_of(family)))
		cannot("bind to loopback address %ld", index);
	if (connect(fd, (struct sockaddr *)&target, length_of(family)))
		cannot("connect to port %d", port);
	return fd;
}

int accept_from(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		cannot("accept a connection");
	return fd;
}

void send_all(int fd, const void *bytes, size_t count)
{
	while (count) {
		ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);

		if (sent < 0)
			cannot("send to a peer");
		bytes = (const char *)bytes + sent;
		count -= (size_t)sent;
	}
}

void receive_all(int fd, size_t count)
{
	char bytes[65536];

	while (count) {
		ssize_t received =
			recv(fd, bytes, count < sizeof(bytes) ? count : sizeof(bytes), 0);

		if (received < 0)
			cannot("receive from a peer");
		if (!received)
			refuse("receive %zu bytes more: the peer closed", count);
		count -= (size_t)received;
	}
}

void receive_end(int fd)
{
	char bytes[4096];
	ssize_t received;

	while ((received = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		;
	if (received < 0)
		cannot("receive from a peer");
}

bool receive_request(int fd)
{
	char bytes[512];
	size_t length = 0;

	while (length < sizeof(bytes)) {
		ssize_t received = recv(fd, bytes + length, sizeof(bytes) - length, 0);

		if (received < 0)
			cannot("receive from a peer");
		if (!received)
			return false;
		length += (size_t)received;
		if (memmem(bytes, length, "\r\n\r\n", 4))
			return true;
	}
	return true;
}
