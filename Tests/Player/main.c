#define _GNU_SOURCE
#include "player.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void obey(struct command *command, struct answer *answer);

void add(struct answer *answer, const char *format, ...)
{
	size_t room = sizeof(answer->text) - answer->length;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(answer->text + answer->length, room, format, arguments);
	va_end(arguments);
	if (length > 0 && (size_t)length < room)
		answer->length += (size_t)length;
}

void fail(struct answer *answer)
{
	answer->error = errno;
}

void check(struct answer *answer, int result)
{
	if (result < 0)
		fail(answer);
}

bool has_word(const struct command *command, const char *word)
{
	for (int i = 1; i < command->count; i++)
		if (!strcmp(command->words[i], word))
			return true;
	return false;
}

const char *option(const struct command *command, const char *prefix)
{
	for (int i = 1; i < command->count; i++)
		if (!strncmp(command->words[i], prefix, strlen(prefix)))
			return command->words[i] + strlen(prefix);
	return NULL;
}

int number(const struct command *command, int index)
{
	return index < command->count ? atoi(command->words[index]) : -1;
}

bool wait_for(int fd, short events, int milliseconds)
{
	struct pollfd waited = { .fd = fd, .events = events };
	int ready = poll(&waited, 1, milliseconds);

	if (!ready)
		errno = ETIMEDOUT;
	return ready > 0;
}

void pass_descriptor(int channel, int fd, const void *text, size_t length, struct answer *answer)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {};
	struct iovec body = { .iov_base = (void *)text, .iov_len = length };
	struct msghdr message = {
		.msg_iov = &body,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	check(answer, (int)sendmsg(channel, &message, 0));
}

void send_answer(struct answer *answer)
{
	char line[640];
	int length;

	if (answer->error)
		length = snprintf(line, sizeof(line), "%d %ld error %d %s\n", getpid(),
				  syscall(SYS_gettid), answer->error, strerror(answer->error));
	else
		length = snprintf(line, sizeof(line), "%d %ld ok%.*s\n", getpid(),
				  syscall(SYS_gettid), (int)answer->length, answer->text);
	answer->is_sent = true;
	if (answer->passed_fd >= 0 && !answer->error)
		pass_descriptor(STDOUT_FILENO, answer->passed_fd, line, (size_t)length, answer);
	else if (write(STDOUT_FILENO, line, (size_t)length) < 0)
		_exit(1); /* nobody listens any more */
}

struct errand {
	struct command command;
	struct answer *answer;
};

static void *run_errand(void *argument)
{
	struct errand *errand = argument;

	obey(&errand->command, errand->answer);
	if (!errand->answer->is_sent)
		send_answer(errand->answer);
	return NULL;
}

/* The rest of the command, done and answered by another thread. */
static void in_thread(struct command *command, struct answer *answer)
{
	struct errand errand = { .answer = answer };
	pthread_t thread;

	errand.command.count = command->count - 1;
	memcpy(errand.command.words, command->words + 1, sizeof(char *) * (MAX_WORDS - 1));
	errno = pthread_create(&thread, NULL, run_errand, &errand);
	if (errno)
		fail(answer);
	else
		pthread_join(thread, NULL);
}

static const struct verb own_verbs[] = {
	{ "thread", in_thread, 2, "thread COMMAND...: obey in another thread" },
	{},
};

static const struct verb *const verbs[] = { own_verbs, socket_verbs, process_verbs, network_verbs };

static void obey(struct command *command, struct answer *answer)
{
	for (size_t group = 0; group < sizeof(verbs) / sizeof(*verbs); group++) {
		for (const struct verb *verb = verbs[group]; verb->name; verb++) {
			if (strcmp(verb->name, command->words[0]))
				continue;
			if (command->count < verb->least_words) {
				errno = EINVAL;
				fail(answer);
			} else {
				verb->handler(command, answer);
			}
			return;
		}
	}
	errno = ENOSYS;
	fail(answer);
}

static void print_usage(void)
{
	for (size_t group = 0; group < sizeof(verbs) / sizeof(*verbs); group++)
		for (const struct verb *verb = verbs[group]; verb->name; verb++)
			puts(verb->usage);
}

int main(int argc, char **argv)
{
	char line[512];
	ssize_t length;

	if (argc > 1 && !strcmp(argv[1], "--help")) {
		print_usage();
		return 0;
	}
	if (argc > 3 && !strcmp(argv[1], "brief"))
		return be_brief(argv[2], argv[3]);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN); /* nobody waits for children of players */
	if (argc > 1 && !strcmp(argv[1], "again"))
		send_answer(&(struct answer) { .passed_fd = -1 });
	while ((length = read(STDIN_FILENO, line, sizeof(line) - 1)) > 0) {
		struct answer answer = { .passed_fd = -1 };
		struct command command = {};
		char *rest = line, *word;

		line[length] = '\0';
		while (command.count < MAX_WORDS && (word = strsep(&rest, " \n")))
			if (*word)
				command.words[command.count++] = word;
		if (!command.count)
			continue;
		obey(&command, &answer);
		if (!answer.is_sent)
			send_answer(&answer);
	}
	return 0;
}
