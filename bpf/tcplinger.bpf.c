// SPDX-License-Identifier: GPL-2.0
/* All programs, a file for each subject, linked into one object. */
#include "states.bpf.h"
#include "time_wait.bpf.h"
#include "resets.bpf.h"
#include "accept.bpf.h"
#include "audit.bpf.h"
#include "files.bpf.h"

/* A command and every process that it starts: the set of target processes follows them. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(handle_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 from = BPF_CORE_READ(parent, tgid), to = BPF_CORE_READ(child, tgid);
	__u8 present = 1;

	if (from == to) /* a thread */
		return 0;
	if (!bpf_map_lookup_elem(&target_pids, &from))
		bpf_map_delete_elem(&target_pids, &to); /* a target's, used again */
	else if (bpf_map_update_elem(&target_pids, &to, &present, BPF_ANY))
		count_loss(targets_full);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
