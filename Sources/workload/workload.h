/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A generator of TCP trouble: what the demo, the tests and the benchmark trace. It shares nothing with
 * the tracer, so that what it says about itself is an independent account.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

/* workload.c: the commands. Each gets what follows its name and returns the exit status. */
int run_demo(int argc, char **argv);
int run_short(int argc, char **argv);
int run_hold(int argc, char **argv);
int run_exchange(int argc, char **argv);

/* process.c */

/* Ends the process with one line: cannot <what>: <reason>. The reason is errno's for the first. */
_Noreturn void cannot(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What main() got: ps shows a process by these words, so a new name is written over them. */
void remember_arguments(int argc, char **argv);
/* The name that ps and /proc/PID/comm show from now on; up to 15 bytes of it. */
void name_this_process(const char *name);
/* fork(); the child has this name and is killed when its parent ends. */
pid_t fork_named(const char *name);

#define MOST_THREADS 64
/* The same; the child does the work in so many threads, which are given 0, 1 and on, and exits. */
pid_t fork_threads(const char *name, long count, void *(*work)(void *index));
/* Waits for two children. If one fails the other is killed, and the answer is false. */
bool wait_for_both(pid_t one, pid_t other);

double seconds_now(void);
void sleep_ms(long milliseconds);
/* One more descriptor a connection than the usual limit of 1,024 allows. */
void allow_descriptors(long count);

/* Whole numbers from first to last; the process is ended if the text is none. */
long number(const char *option, const char *text, long first, long last);

/* socket.c: each ends the process if it fails. */

/* An address of the loopback interface: 127.0.0.1 or ::1, and by index the ones after it or fd74:6370::1 and on. */
struct sockaddr_storage loopback(int family, long index, int port);
/* Listens on the wanted port of the first loopback address, or on any port if that is taken or 0. */
int listen_on(int family, int wanted_port, int backlog);
int port_of(int listener);
/* A connection from the loopback address with this index: a new source address is 28,000 more ports. */
int connect_from(int family, long index, int port);
int accept_from(int listener);
void send_all(int fd, const void *bytes, size_t count);
void receive_all(int fd, size_t count);
/* Receives until the peer's FIN. */
void receive_end(int fd);
/* Reads a line that ends an HTTP header, or until the peer's FIN; false: it came first. */
bool receive_request(int fd);

#endif
