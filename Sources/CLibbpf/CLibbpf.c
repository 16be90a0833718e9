/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* vasprintf */
#include "CLibbpf.h"
#include "tcplinger.skel.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/types.h>
#include <unistd.h>

struct clb_object {
	struct tcplinger_bpf *skeleton;
};

static clb_print_fn print_line;
static void *print_context;

/* va_list does not reach Swift, so the line is finished here. */
static int print_formatted(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char *line = NULL;
	int length = vasprintf(&line, format, arguments);

	if (length < 0)
		return 0;
	while (length > 0 && line[length - 1] == '\n')
		line[--length] = '\0';
	if (print_line)
		print_line((int)level, line, print_context);
	free(line);
	return 0;
}

void clb_set_print(clb_print_fn print, void *context)
{
	print_line = print;
	print_context = context;
	libbpf_set_print(print ? print_formatted : NULL);
}

int clb_object_open(struct clb_object **out)
{
	struct clb_object *object = calloc(1, sizeof(*object));

	if (!object)
		return -ENOMEM;
	object->skeleton = tcplinger_bpf__open();
	if (!object->skeleton) {
		int error = errno;

		free(object);
		return -error;
	}
	*out = object;
	return 0;
}

void clb_object_free(struct clb_object *object)
{
	if (!object)
		return;
	tcplinger_bpf__destroy(object->skeleton);
	free(object);
}

int clb_object_load(struct clb_object *object)
{
	return tcplinger_bpf__load(object->skeleton);
}

struct wire_settings *clb_object_settings(struct clb_object *object)
{
	return (struct wire_settings *)&object->skeleton->rodata->settings;
}

uint8_t *clb_object_local_ports(struct clb_object *object)
{
	return object->skeleton->rodata->target_local_ports;
}

uint8_t *clb_object_peer_ports(struct clb_object *object)
{
	return object->skeleton->rodata->target_peer_ports;
}

const struct wire_losses *clb_object_losses(struct clb_object *object)
{
	return &object->skeleton->bss->losses;
}

const struct wire_peer *clb_object_peers(struct clb_object *object)
{
	return object->skeleton->bss->peers;
}

uint32_t *clb_object_tracer(struct clb_object *object)
{
	return &object->skeleton->bss->tracer;
}

uint32_t *clb_object_generation(struct clb_object *object)
{
	return &object->skeleton->bss->generation;
}

void clb_object_set_jiffy(struct clb_object *object, uint32_t nanoseconds)
{
	object->skeleton->bss->jiffy_ns = nanoseconds;
}

uint64_t *clb_object_suspended(struct clb_object *object)
{
	return (uint64_t *)&object->skeleton->bss->suspended_ns;
}

static struct bpf_program *program_named(struct clb_object *object, const char *name)
{
	return bpf_object__find_program_by_name(object->skeleton->obj, name);
}

static struct bpf_map *map_named(struct clb_object *object, const char *name)
{
	return bpf_object__find_map_by_name(object->skeleton->obj, name);
}

int clb_program_choose(struct clb_object *object, const char *name, bool load)
{
	struct bpf_program *program = program_named(object, name);

	return program ? bpf_program__set_autoload(program, load) : -ENOENT;
}

const char *clb_program_section(struct clb_object *object, const char *name)
{
	struct bpf_program *program = program_named(object, name);

	return program ? bpf_program__section_name(program) : NULL;
}

int clb_program_keep_figures(struct clb_object *object, const char *name, char *text, size_t size)
{
	struct bpf_program *program = program_named(object, name);
	int error;

	if (!program)
		return -ENOENT;
	error = bpf_program__set_log_level(program, 4 /* figures alone */);
	if (!error)
		error = bpf_program__set_log_buf(program, text, size);
	return error ? error : (int)bpf_program__insn_cnt(program);
}

void clb_object_choose_no_program(struct clb_object *object)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object->skeleton->obj)
		bpf_program__set_autoload(program, false);
}

void clb_object_choose_no_map(struct clb_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object->skeleton->obj) if (!bpf_map__is_internal(map))
		bpf_map__set_autocreate(map, false);
}

int clb_object_shrink_maps(struct clb_object *object)
{
	struct bpf_map *map;
	int error = 0;

	bpf_object__for_each_map(map, object->skeleton->obj)
	{
		bool is_ring = bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF;

		if (!bpf_map__is_internal(map) && !error)
			error = bpf_map__set_max_entries(map, is_ring ? (__u32)sysconf(_SC_PAGESIZE)
								      : 1);
	}
	return error;
}

int clb_map_choose(struct clb_object *object, const char *name)
{
	struct bpf_map *map = map_named(object, name);

	return map ? bpf_map__set_autocreate(map, true) : -ENOENT;
}

int clb_program_attach(struct clb_object *object, const char *name, struct clb_link **out)
{
	struct bpf_program *program = program_named(object, name);

	if (!program)
		return -ENOENT;
	*out = (struct clb_link *)bpf_program__attach(program);
	return *out ? 0 : -errno;
}

int clb_program_missed(struct clb_object *object, const char *name, uint64_t *missed)
{
	struct bpf_program *program = program_named(object, name);
	struct bpf_prog_info facts = {};
	__u32 size = sizeof(facts);

	if (!program)
		return -ENOENT;
	if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &facts, &size))
		return -errno;
	*missed = facts.recursion_misses;
	return 0;
}

void clb_link_free(struct clb_link *link)
{
	bpf_link__destroy((struct bpf_link *)link);
}

int clb_map_resize(struct clb_object *object, const char *name, uint32_t max_entries,
		   bool preallocated)
{
	struct bpf_map *map = map_named(object, name);
	int error;

	if (!map)
		return -ENOENT;
	error = bpf_map__set_max_entries(map, max_entries);
	return error ? error : bpf_map__set_map_flags(map, preallocated ? 0 : BPF_F_NO_PREALLOC);
}

int clb_map_put(struct clb_object *object, const char *name, const void *key, size_t key_size,
		const void *value, size_t value_size)
{
	struct bpf_map *map = map_named(object, name);

	return map ? bpf_map__update_elem(map, key, key_size, value, value_size, BPF_ANY) : -ENOENT;
}

int clb_map_add(struct clb_object *object, const char *name, const void *key, size_t key_size,
		const void *value, size_t value_size)
{
	struct bpf_map *map = map_named(object, name);

	return map ? bpf_map__update_elem(map, key, key_size, value, value_size, BPF_NOEXIST)
		   : -ENOENT;
}

int clb_map_find(struct clb_object *object, const char *name, const void *key, size_t key_size,
		 void *value, size_t value_size)
{
	struct bpf_map *map = map_named(object, name);

	return map ? bpf_map__lookup_elem(map, key, key_size, value, value_size, 0) : -ENOENT;
}

bool clb_map_has(struct clb_object *object, const char *name, const void *key, size_t key_size)
{
	struct bpf_map *map = map_named(object, name);
	uint64_t value;

	return map && bpf_map__value_size(map) <= sizeof(value) &&
	       !bpf_map__lookup_elem(map, key, key_size, &value, bpf_map__value_size(map), 0);
}

/* What the kernel gives for one key: of a per-CPU map a value for each processor. */
static size_t answer_size(const struct bpf_map *map)
{
	int processors = libbpf_num_possible_cpus();

	if (bpf_map__type(map) != BPF_MAP_TYPE_PERCPU_HASH)
		return bpf_map__value_size(map);
	return processors > 0 ? ((bpf_map__value_size(map) + 7) & ~7u) * (size_t)processors : 0;
}

int clb_map_each(struct clb_object *object, const char *name, clb_element_fn element, void *context)
{
	const struct bpf_map *map = map_named(object, name);
	size_t key_size = map ? bpf_map__key_size(map) : 0, size = map ? answer_size(map) : 0;
	/* A batch takes whole buckets of the hash, which are short. */
	__u32 room = 512, count, position = 0;
	int descriptor = map ? bpf_map__fd(map) : -1, error = 0;
	char *keys = malloc(room * key_size), *values = malloc(room * size);
	bool is_first = true;

	if (!map || !size || !keys || !values)
		error = map ? -ENOMEM : -ENOENT;
	while (!error) {
		count = room;
		error = bpf_map_lookup_batch(descriptor, is_first ? NULL : &position, &position,
					     keys, values, &count, NULL);
		if (error && error != -ENOENT) /* the end, with the last of them */
			break;
		for (__u32 i = 0; i < count; i++)
			element(context, keys + i * key_size, key_size, values + i * size, size);
		is_first = false;
	}
	free(keys);
	free(values);
	return error == -ENOENT && map ? 0 : error;
}

int clb_map_delete(struct clb_object *object, const char *name, const void *key, size_t key_size)
{
	const struct bpf_map *map = map_named(object, name);

	return map ? bpf_map__delete_elem(map, key, key_size, 0) : -ENOENT;
}

int clb_program_run(struct clb_object *object, const char *name, const uint64_t *keys,
		    uint32_t count, struct clb_question question, clb_record_fn record,
		    void *context)
{
	struct bpf_program *program = program_named(object, name);
	struct wire_batch *batch = &object->skeleton->bss->batch;
	LIBBPF_OPTS(bpf_test_run_opts, options);
	int error;

	if (!program)
		return -ENOENT;
	if (count > WIRE_BATCH)
		return -E2BIG;
	if (count)
		memcpy(batch->keys, keys, count * sizeof(*keys));
	batch->key_count = count;
	batch->min_age_ns = question.min_age_ns;
	batch->found = question.found;
	batch->origin_count = 0;
	error = bpf_prog_test_run_opts(bpf_program__fd(program), &options);
	for (uint32_t i = 0; !error && i < batch->origin_count && i < WIRE_BATCH; i++)
		error = record(context, &batch->origins[i], sizeof(batch->origins[i]));
	return error;
}

int clb_iterator_open(struct clb_object *object, const char *name, int *descriptor)
{
	struct bpf_program *program = program_named(object, name);
	struct bpf_link *link;
	int error = 0;

	if (!program)
		return -ENOENT;
	link = bpf_program__attach_iter(program, NULL);
	if (!link)
		return -errno;
	*descriptor = bpf_iter_create(bpf_link__fd(link));
	if (*descriptor < 0)
		error = -errno;
	bpf_link__destroy(link); /* the iterator keeps what it needs */
	return error;
}

struct clb_ring {
	struct ring_buffer *ring;
	int epoll;
};

int clb_ring_new(struct clb_object *object, const char *name, clb_record_fn record, void *context,
		 struct clb_ring **out)
{
	struct bpf_map *map = map_named(object, name);
	struct clb_ring *ring = calloc(1, sizeof(*ring));
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int error = 0;

	if (!ring)
		return -ENOMEM;
	ring->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!map)
		error = -ENOENT;
	else if (ring->epoll < 0 || epoll_ctl(ring->epoll, EPOLL_CTL_ADD, bpf_map__fd(map), &event))
		error = -errno;
	else if (!(ring->ring = ring_buffer__new(bpf_map__fd(map), record, context, NULL)))
		error = -errno;
	if (error)
		clb_ring_free(ring);
	else
		*out = ring;
	return error;
}

int clb_ring_wait(struct clb_ring *ring, int milliseconds)
{
	struct epoll_event event;

	return epoll_wait(ring->epoll, &event, 1, milliseconds) < 0 && errno != EINTR ? -errno : 0;
}

int clb_ring_consume(struct clb_ring *ring)
{
	return ring_buffer__consume(ring->ring);
}

void clb_ring_free(struct clb_ring *ring)
{
	ring_buffer__free(ring->ring);
	if (ring->epoll >= 0)
		close(ring->epoll);
	free(ring);
}
