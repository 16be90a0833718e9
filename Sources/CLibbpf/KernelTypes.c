/* SPDX-License-Identifier: Apache-2.0 */
/* The running kernel's own description of its types, and what it lets be hooked. */
#define _GNU_SOURCE /* O_CLOEXEC */
#include "CLibbpf.h"
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Newer kernels let it be mapped; to read it, a page at a time, takes twice as long. */
static struct btf *mapped_types(void)
{
	int file = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
	struct btf *btf = NULL;
	struct stat status;
	void *types;

	if (file < 0)
		return NULL;
	if (!fstat(file, &status) && status.st_size > 0) {
		types = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
		if (types != MAP_FAILED) {
			btf = btf__new(types, (__u32)status.st_size);
			munmap(types, (size_t)status.st_size);
		}
	}
	close(file);
	return btf;
}

int clb_kernel_btf_load(struct clb_btf **out)
{
	struct btf *btf = mapped_types();

	*out = (struct clb_btf *)(btf ? btf : btf__load_vmlinux_btf());
	return *out ? 0 : -errno;
}

void clb_kernel_btf_free(struct clb_btf *btf)
{
	btf__free((struct btf *)btf);
}

bool clb_kernel_btf_has_struct(const struct clb_btf *btf, const char *name)
{
	return btf__find_by_name_kind((const struct btf *)btf, name, BTF_KIND_STRUCT) > 0;
}

bool clb_kernel_btf_has_function(const struct clb_btf *btf, const char *name)
{
	return btf__find_by_name_kind((const struct btf *)btf, name, BTF_KIND_FUNC) > 0;
}

bool clb_kernel_btf_has_enumerator(const struct clb_btf *handle, const char *enumeration,
				   const char *name)
{
	const struct btf *btf = (const struct btf *)handle;
	int id = btf__find_by_name_kind(btf, enumeration, BTF_KIND_ENUM);
	const struct btf_type *type = id > 0 ? btf__type_by_id(btf, id) : NULL;
	const struct btf_enum *values = type ? btf_enum(type) : NULL;

	for (int i = 0; values && i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(btf, values[i].name_off), name))
			return true;
	return false;
}

int clb_kernel_btf_tracepoint_arguments(const struct clb_btf *handle, const char *tracepoint)
{
	const struct btf *btf = (const struct btf *)handle;
	const struct btf_type *type;
	char name[128];
	int id;

	snprintf(name, sizeof(name), "btf_trace_%s", tracepoint);
	id = btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
	type = id > 0 ? btf__type_by_id(btf, id) : NULL;
	while (type && btf_kind(type) != BTF_KIND_FUNC_PROTO)
		type = btf__type_by_id(btf, type->type);
	return type ? btf_vlen(type) - 1 : -ENOENT; /* the first one is hidden from programs */
}

int clb_probe_fexit(const struct clb_btf *btf, const char *function)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int id = btf__find_by_name_kind((const struct btf *)btf, function, BTF_KIND_FUNC);
	int descriptor, link = -1, error = 0;

	if (id <= 0)
		return -ENOENT;
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_FEXIT,
		    .attach_btf_id = id);
	descriptor = bpf_prog_load(BPF_PROG_TYPE_TRACING, "probe", "GPL", program, 2, &options);
	if (descriptor < 0)
		return -errno;
	/* Loaded is not attached yet: the trampoline is made only now. */
	link = bpf_raw_tracepoint_open(NULL, descriptor);
	if (link < 0)
		error = -errno;
	else
		close(link);
	close(descriptor);
	return error;
}
