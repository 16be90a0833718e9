/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel answers inside send(): nothing here waits. */
#define _GNU_SOURCE /* SOCK_CLOEXEC */
#include "Conntrack.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ADDRESS_SIZE = 16, ANSWER_SIZE = 8192 };

struct message {
	struct nlmsghdr header;
	struct nfgenmsg family;
	char attributes[256];
};

static struct nlattr *add(struct message *to, int type, const void *value, size_t size)
{
	struct nlattr *attribute = (void *)((char *)to + to->header.nlmsg_len);

	attribute->nla_type = (uint16_t)type;
	attribute->nla_len = (uint16_t)(NLA_HDRLEN + size);
	if (size)
		memcpy((char *)attribute + NLA_HDRLEN, value, size);
	to->header.nlmsg_len += (uint32_t)NLA_ALIGN(attribute->nla_len);
	return attribute;
}

static struct nlattr *begin(struct message *to, int type)
{
	return add(to, type | NLA_F_NESTED, NULL, 0);
}

static void end(struct message *to, struct nlattr *nest)
{
	nest->nla_len = (uint16_t)((char *)to + to->header.nlmsg_len - (char *)nest);
}

static void write_question(struct message *to, const struct csystem_flow *flow, uint32_t number)
{
	bool is_ipv6 = flow->family == 6;
	size_t size = is_ipv6 ? ADDRESS_SIZE : 4;
	uint16_t source_port = htons(flow->source_port);
	uint16_t target_port = htons(flow->target_port);
	uint8_t protocol = IPPROTO_TCP;
	struct nlattr *tuple, *part;

	memset(to, 0, sizeof(*to));
	to->header.nlmsg_len = NLMSG_LENGTH(sizeof(to->family));
	to->header.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	to->header.nlmsg_flags = NLM_F_REQUEST;
	to->header.nlmsg_seq = number;
	to->family.nfgen_family = is_ipv6 ? AF_INET6 : AF_INET;
	tuple = begin(to, CTA_TUPLE_ORIG);
	part = begin(to, CTA_TUPLE_IP);
	add(to, is_ipv6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, flow->source, size);
	add(to, is_ipv6 ? CTA_IP_V6_DST : CTA_IP_V4_DST, flow->target, size);
	end(to, part);
	part = begin(to, CTA_TUPLE_PROTO);
	add(to, CTA_PROTO_NUM, &protocol, sizeof(protocol));
	add(to, CTA_PROTO_SRC_PORT, &source_port, sizeof(source_port));
	add(to, CTA_PROTO_DST_PORT, &target_port, sizeof(target_port));
	end(to, part);
	end(to, tuple);
}

typedef void (*attribute_body)(struct csystem_flow *flow, int type, const void *value, size_t size);

static void each(struct csystem_flow *flow, const void *from, size_t left, attribute_body body)
{
	const struct nlattr *attribute = from;

	while (left >= NLA_HDRLEN && attribute->nla_len >= NLA_HDRLEN &&
	       attribute->nla_len <= left) {
		size_t step = NLA_ALIGN(attribute->nla_len);

		body(flow, attribute->nla_type & NLA_TYPE_MASK,
		     (const char *)attribute + NLA_HDRLEN, attribute->nla_len - NLA_HDRLEN);
		if (step >= left)
			return;
		left -= step;
		attribute = (const void *)((const char *)attribute + step);
	}
}

static void read_address(struct csystem_flow *to, int type, const void *value, size_t size)
{
	if (size != (to->family == 6 ? ADDRESS_SIZE : 4))
		return;
	if (type == CTA_IP_V4_SRC || type == CTA_IP_V6_SRC)
		memcpy(to->source, value, size);
	else if (type == CTA_IP_V4_DST || type == CTA_IP_V6_DST)
		memcpy(to->target, value, size);
}

static void read_port(struct csystem_flow *to, int type, const void *value, size_t size)
{
	uint16_t port;

	if (size != sizeof(port) || (type != CTA_PROTO_SRC_PORT && type != CTA_PROTO_DST_PORT))
		return;
	memcpy(&port, value, sizeof(port));
	*(type == CTA_PROTO_SRC_PORT ? &to->source_port : &to->target_port) = ntohs(port);
}

static void read_tuple(struct csystem_flow *to, int type, const void *value, size_t size)
{
	if (type == CTA_TUPLE_IP)
		each(to, value, size, read_address);
	else if (type == CTA_TUPLE_PROTO)
		each(to, value, size, read_port);
}

/* Both directions, one after the other. */
static void read_directions(struct csystem_flow *to, int type, const void *value, size_t size)
{
	if (type == CTA_TUPLE_ORIG || type == CTA_TUPLE_REPLY)
		each(&to[type == CTA_TUPLE_REPLY], value, size, read_tuple);
}

static bool is_same(const struct csystem_flow *one, const struct csystem_flow *other)
{
	return one->source_port == other->source_port && one->target_port == other->target_port &&
	       !memcmp(one->source, other->source, ADDRESS_SIZE) &&
	       !memcmp(one->target, other->target, ADDRESS_SIZE);
}

int csystem_conntrack_open(void)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	struct csystem_flow nothing = { .family = 4 }, other;
	int error;

	if (descriptor < 0)
		return -errno;
	/* Connected, so that no process can answer in the kernel's place. */
	error = connect(descriptor, (struct sockaddr *)&kernel, sizeof(kernel)) ? -errno : 0;
	if (!error)
		error = csystem_conntrack_find(descriptor, &nothing, &other);
	if (error && error != -ENOENT) {
		close(descriptor);
		return error;
	}
	return descriptor;
}

int csystem_conntrack_find(int descriptor, const struct csystem_flow *flow,
			   struct csystem_flow *other)
{
	struct csystem_flow directions[2] = { { .family = flow->family },
					      { .family = flow->family } };
	_Alignas(8) char answer[ANSWER_SIZE];
	const struct nlmsghdr *header = (const void *)answer;
	const size_t fixed = NLMSG_LENGTH(sizeof(struct nfgenmsg));
	static _Thread_local uint32_t number;
	struct message question;
	ssize_t length;

	write_question(&question, flow, ++number);
	if (send(descriptor, &question, question.header.nlmsg_len, 0) < 0)
		return -errno;
	do {
		length = recv(descriptor, answer, sizeof(answer), MSG_DONTWAIT);
		if (length < 0 && errno != EINTR)
			return -errno;
	} while (length < NLMSG_HDRLEN || header->nlmsg_seq != number);
	if (header->nlmsg_len > (size_t)length)
		return -EPROTO;
	if (header->nlmsg_type == NLMSG_ERROR)
		return header->nlmsg_len >= NLMSG_LENGTH(sizeof(int))
			       ? *(const int *)NLMSG_DATA(header)
			       : -EPROTO;
	if (header->nlmsg_len < fixed)
		return -EPROTO;
	each(directions, answer + fixed, header->nlmsg_len - fixed, read_directions);
	if (is_same(flow, &directions[0]))
		*other = directions[1];
	else if (is_same(flow, &directions[1]))
		*other = directions[0];
	else
		return -ENOENT;
	return 0;
}
