/*
 * A player holds sockets and does with them what it is told, one command a packet (or a line of a
 * terminal) on descriptor 0, one answer each on descriptor 1:
 *
 *	PID TID ok [key=value ...]
 *	PID TID error ERRNO MESSAGE
 *
 * PID and TID are of the thread that acted. A player ends when its commands do. Every wait is bounded.
 */
#ifndef PLAYER_H
#define PLAYER_H

#include <stdbool.h>
#include <stddef.h>

#define MAX_WORDS 16
#define WAIT_MILLISECONDS 10000

struct command {
	int count;
	char *words[MAX_WORDS];
};

struct answer {
	char text[512];
	size_t length;
	int error;     /* errno; 0: ok */
	int passed_fd; /* goes with the answer, to the receiver's descriptors; -1: none */
	bool is_sent;  /* the handler has answered itself, or nobody waits */
};

typedef void handler(struct command *command, struct answer *answer);

struct verb {
	const char *name;
	handler *handler;
	int least_words;
	const char *usage;
};

extern const struct verb socket_verbs[], process_verbs[], network_verbs[];

void add(struct answer *answer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void fail(struct answer *answer);	       /* with errno */
void check(struct answer *answer, int result); /* fails if negative */
void send_answer(struct answer *answer);
/* A program that connects, closes 3 ms later, and is over: its exit status. */
int be_brief(const char *address, const char *port);
bool has_word(const struct command *command, const char *word);
const char *option(const struct command *command,
		   const char *prefix); /* what follows the prefix, or NULL */
int number(const struct command *command, int index);
/* False and errno (ETIMEDOUT) if the descriptor does not become ready. */
bool wait_for(int fd, short events, int milliseconds);
void pass_descriptor(int channel, int fd, const void *text, size_t length, struct answer *answer);

#endif
