/* SPDX-License-Identifier: Apache-2.0 */
/* The yardstick: a program that does nothing on a trace point, until Ctrl-C. The usual one is that of every tracer. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	const char *hook = argc > 1 ? argv[1] : "inet_sock_set_state";
	int id = libbpf_find_vmlinux_btf_id(hook, BPF_TRACE_RAW_TP);
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_RAW_TP,
		    .attach_btf_id = id);
	int program = bpf_prog_load(BPF_PROG_TYPE_TRACING, "empty", "GPL", nothing, 2, &options);

	if (id < 0 || program < 0 || bpf_raw_tracepoint_open(NULL, program) < 0) {
		perror("cannot attach an empty program");
		return 2;
	}
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}
