/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libbpf in the shape that Swift calls well: every call that can fail returns 0 or -errno, and gives
 * what it makes through a pointer. Nothing here keeps a decision: the BPF module makes them.
 */
#ifndef TCPLINGER_CLIBBPF_H
#define TCPLINGER_CLIBBPF_H

#include "CWire.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clb_object;
struct clb_link;
struct clb_ring;
struct clb_btf;

/* A finished line of libbpf's log, without its end of line. level: 0 warning, 1 info, 2 debug. */
typedef void (*clb_print_fn)(int level, const char *line, void *context);
void clb_set_print(clb_print_fn print, void *context);

/* The running kernel's own types. */
int clb_kernel_btf_load(struct clb_btf **out);
void clb_kernel_btf_free(struct clb_btf *btf);
bool clb_kernel_btf_has_struct(const struct clb_btf *btf, const char *name);
bool clb_kernel_btf_has_function(const struct clb_btf *btf, const char *name);
bool clb_kernel_btf_has_enumerator(const struct clb_btf *btf, const char *enumeration,
				   const char *name);
/* The number of arguments that a tracepoint passes; -ENOENT. */
int clb_kernel_btf_tracepoint_arguments(const struct clb_btf *btf, const char *tracepoint);
/* Loads and drops a program of two instructions at the exit of this function: 0 or why it is refused. */
int clb_probe_fexit(const struct clb_btf *btf, const char *function);

int clb_object_open(struct clb_object **out);
void clb_object_free(struct clb_object *object);
int clb_object_load(struct clb_object *object);

/* Valid before the load only. */
struct wire_settings *clb_object_settings(struct clb_object *object);
/* WIRE_PORT_BITMAP bytes each. */
uint8_t *clb_object_local_ports(struct clb_object *object);
uint8_t *clb_object_peer_ports(struct clb_object *object);
/* Valid after the load, shared with the programs. */
const struct wire_losses *clb_object_losses(struct clb_object *object);
/* WIRE_PEERS of them, written to meanwhile. */
const struct wire_peer *clb_object_peers(struct clb_object *object);
/* The length of a jiffy. */
void clb_object_set_jiffy(struct clb_object *object, uint32_t nanoseconds);
/* CLOCK_BOOTTIME less CLOCK_MONOTONIC, for the programs. */
uint64_t *clb_object_suspended(struct clb_object *object);
/* The caller's own process, as the programs know it; they set it when the caller runs one. */
uint32_t *clb_object_tracer(struct clb_object *object);
/* In which TIME_WAITs are counted now; the rest of a key's byte is not used. */
uint32_t *clb_object_generation(struct clb_object *object);

/* Before the load: takes every program out of it, or every map but those of global variables. */
void clb_object_choose_no_program(struct clb_object *object);
void clb_object_choose_no_map(struct clb_object *object);
/* Before the load: as little memory as there can be, for who only wants to know whether it loads. */
int clb_object_shrink_maps(struct clb_object *object);
/* What libbpf attaches it by, such as "tp_btf/kfree_skb"; NULL if there is none of this name. */
const char *clb_program_section(struct clb_object *object, const char *program);
/*
 * Before the load: has the verifier write what it counts into a text that outlives the load. Returns how many instructions the
 * program has.
 */
int clb_program_keep_figures(struct clb_object *object, const char *program, char *text,
			     size_t size);
int clb_map_choose(struct clb_object *object, const char *map);
int clb_program_choose(struct clb_object *object, const char *program, bool load);
int clb_program_attach(struct clb_object *object, const char *program, struct clb_link **out);
/* Runs that were skipped, because the program was running on the same processor. */
int clb_program_missed(struct clb_object *object, const char *program, uint64_t *missed);
void clb_link_free(struct clb_link *link);

int clb_map_resize(struct clb_object *object, const char *map, uint32_t max_entries,
		   bool preallocated);
int clb_map_put(struct clb_object *object, const char *map, const void *key, size_t key_size,
		const void *value, size_t value_size);
/* The same unless there is one with this key: -EEXIST. */
int clb_map_add(struct clb_object *object, const char *map, const void *key, size_t key_size,
		const void *value, size_t value_size);
int clb_map_find(struct clb_object *object, const char *map, const void *key, size_t key_size,
		 void *value, size_t value_size);
/* The value of a key must have no more than 8 bytes. */
bool clb_map_has(struct clb_object *object, const char *map, const void *key, size_t key_size);

/* An element of a hash: its key and value; of a per-CPU hash the values of all processors, each rounded up to 8 bytes. */
typedef void (*clb_element_fn)(void *context, const void *key, size_t key_size, const void *values,
			       size_t values_size);
/* What is added or deleted meanwhile may be left out or come twice. */
int clb_map_each(struct clb_object *object, const char *map, clb_element_fn element, void *context);
int clb_map_delete(struct clb_object *object, const char *map, const void *key, size_t key_size);

/* A descriptor that is read to its end. */
int clb_iterator_open(struct clb_object *object, const char *program, int *descriptor);

/* Returns 0 to go on, or a negative number that ends the call and is what it returns. */
typedef int (*clb_record_fn)(void *context, void *record, size_t size);

/* What a program is asked about its batch: see struct wire_batch. */
struct clb_question {
	uint64_t min_age_ns;
	uint32_t found;
};

/* Runs a program on a batch of keys, no more than WIRE_BATCH, and hands out each record of its answer. */
int clb_program_run(struct clb_object *object, const char *program, const uint64_t *keys,
		    uint32_t count, struct clb_question question, clb_record_fn record,
		    void *context);

int clb_ring_new(struct clb_object *object, const char *map, clb_record_fn record, void *context,
		 struct clb_ring **out);
/*
 * Waits so long at the most for a wake-up. Records that were sent without one do not end the wait (libbpf's
 * own poll returns for each of them), so a busy reader takes many at a time.
 */
int clb_ring_wait(struct clb_ring *ring, int milliseconds);
int clb_ring_consume(struct clb_ring *ring);
void clb_ring_free(struct clb_ring *ring);

#endif
