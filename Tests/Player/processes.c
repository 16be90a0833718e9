#define _GNU_SOURCE
#include "player.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The child is a player with all of this one's sockets; whoever gets the answer gets its channel. */
static void fork_player(struct command *command, struct answer *answer)
{
	unsigned long flags = SIGCHLD | (has_word(command, "pidns") ? CLONE_NEWPID : 0);
	int ends[2];
	long pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return fail(answer);
	pid = syscall(SYS_clone, flags, 0, 0, 0, 0);
	if (pid < 0)
		return fail(answer);
	if (!pid) {
		dup2(ends[1], STDIN_FILENO);
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		answer->is_sent = true;
		return;
	}
	add(answer, " pid=%ld", pid);
	answer->passed_fd = ends[0];
	send_answer(answer);
	close(ends[0]);
	close(ends[1]);
}

/* The same program anew, with the descriptors of the old one; it answers when it runs. */
static void exec_player(struct command *command, struct answer *answer)
{
	char path[512];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	(void)command;
	if (length < 0)
		return fail(answer);
	path[length] = '\0';
	execl(path, path, "again", NULL);
	fail(answer);
}

static void exit_player(struct command *command, struct answer *answer)
{
	send_answer(answer);
	_exit(command->count > 1 ? number(command, 1) : 0);
}

/* In hexadecimal: any bytes but zero. */
static void set_name(struct command *command, struct answer *answer)
{
	char name[16] = "", pair[3] = "";
	const char *digits = command->words[1];

	for (int i = 0; i < 15 && digits[0] && digits[1]; i++, digits += 2) {
		memcpy(pair, digits, 2);
		name[i] = (char)strtol(pair, NULL, 16);
	}
	check(answer, prctl(PR_SET_NAME, name));
}

static void make_channel(struct command *command, struct answer *answer)
{
	int ends[2];

	(void)command;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return fail(answer);
	add(answer, " one=%d other=%d", ends[0], ends[1]);
}

static void send_descriptor(struct command *command, struct answer *answer)
{
	pass_descriptor(number(command, 1), number(command, 2), "", 1, answer);
}

static void receive_descriptor(struct command *command, struct answer *answer)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {};
	char byte;
	struct iovec body = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &body,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	int fd;

	if (!wait_for(number(command, 1), POLLIN, WAIT_MILLISECONDS) ||
	    recvmsg(number(command, 1), &message, 0) < 0)
		return fail(answer);
	if (!CMSG_FIRSTHDR(&message)) {
		errno = ENOMSG;
		return fail(answer);
	}
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	add(answer, " fd=%d", fd);
}

const struct verb process_verbs[] = {
	{ "fork", fork_player, 1, "fork [pidns]: answers pid=, with the child's channel" },
	{ "exec", exec_player, 1, "exec: the same program anew, with all descriptors" },
	{ "exit", exit_player, 1, "exit [STATUS]" },
	{ "name", set_name, 2, "name HEXADECIMAL: of this thread" },
	{ "channel", make_channel, 1, "channel: a pair of unix sockets, to fork with" },
	{ "sendfd", send_descriptor, 3, "sendfd CHANNEL FD" },
	{ "recvfd", receive_descriptor, 2, "recvfd CHANNEL" },
	{},
};
