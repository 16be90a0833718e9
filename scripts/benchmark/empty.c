/* SPDX-License-Identifier: Apache-2.0 */
/* The yardstick: a program that does nothing on the hook that every tracer uses, until Ctrl-C. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int id = libbpf_find_vmlinux_btf_id("inet_sock_set_state", BPF_TRACE_RAW_TP);
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_RAW_TP, .attach_btf_id = id);
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
