/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a process is, told once, when it is first named: the frontend may come too late to read it
 * from /proc. Where the kernel refuses what this takes, the frontend reads /proc alone.
 */
#ifndef TCPLINGER_CONTEXT_BPF_H
#define TCPLINGER_CONTEXT_BPF_H

#include "maps.bpf.h"

#define INTRODUCED 32768

/*
 * At the place that its pid gives: which process was introduced last, as what. Two that share a
 * place are introduced by turns, which costs, and is right.
 *
 * What tasks point to is read by helpers here: to follow a typed pointer has the verifier look for
 * a name among all types, 17 ms in all at the start.
 */
static __u64 introduced[INTRODUCED];

static __always_inline bool is_new(const struct wire_process *process, struct task_struct *task)
{
	__u64 *note = &introduced[process->pid % INTRODUCED], hash = process->started_ns;

	hash = hash * 31 + READ(TASKS_ARE_TYPED, task, self_exec_id);
	hash = hash * 31 + bpf_get_current_cgroup_id();
	hash = hash * 31 + BPF_CORE_READ(task, cred, euid.val);
	if (*note == hash)
		return false;
	*note = hash;
	return true;
}

/* False: no process of this group passes, so nothing is to be told of this one. */
static __always_inline bool may_pass(const struct wire_group *group, __u32 pid)
{
	__u8 *verdict = bpf_map_lookup_elem(&verdicts, group);

	if (!verdict) {
		bpf_map_delete_elem(&target_pids, &pid); /* of a process that had this pid before */
		return true;
	}
	bpf_map_update_elem(&target_pids, &pid, verdict, BPF_ANY);
	return *verdict;
}

/* From the memory of the current process, which is no longer there once it exits. */
static __always_inline void copy_command(struct wire_context *context, struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	__u64 start, length, copied;

	context->command_length = 0;
	if (!mm)
		return;
	start = BPF_CORE_READ(mm, arg_start);
	length = BPF_CORE_READ(mm, arg_end) - start;
	copied = length;
	if (copied > sizeof(context->command))
		copied = sizeof(context->command);
	if (!bpf_probe_read_user(context->command, copied, (void *)start))
		context->command_length = length;
}

/*
 * The reader is woken, once a process: it reads the rest from /proc while the process is there. A
 * global function, so that the verifier goes through it once.
 */
__weak __noinline int introduce(void)
{
	struct task_struct *task = current_task();
	__u32 pid = READ(TASKS_ARE_TYPED, task, tgid);
	struct wire_group group = { .cgroup_id = bpf_get_current_cgroup_id(),
				    .uid = BPF_CORE_READ(task, cred, euid.val) };
	struct wire_context *context;

	if (settings.filter_groups && !may_pass(&group, pid))
		return 0;
	context = bpf_ringbuf_reserve(&events, sizeof(*context), 0);
	if (!context) {
		introduced[pid % INTRODUCED] = 0;
		count_loss(contexts_full);
		return 0;
	}
	name_process(&context->process, task);
	context->cgroup_id = group.cgroup_id;
	context->uid = group.uid;
	copy_command(context, task);
	bpf_ringbuf_submit(context, BPF_RB_FORCE_WAKEUP);
	return 0;
}

/* The current process, which acts. */
static __always_inline void name_current(struct wire_process *process)
{
	struct task_struct *task = current_task();

	name_process(process, task);
	if (settings.introduces && is_new(process, task))
		introduce();
}

/* Run by the frontend: does this kernel allow it? */
SEC("raw_tp")
int introduce_tracer(void *context)
{
	return introduce();
}

#endif
