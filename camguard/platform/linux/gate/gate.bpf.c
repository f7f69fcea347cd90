// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * The gate: refuses the open of a camera, in the kernel, to programs that a table names.
 *
 * It acts on character devices of video4linux alone, told by their number, so that a copy of the node made with mknod
 * is the same camera. A program is told by its executable: inode, file system and generation as the kernel has them.
 * User space cannot see these three on every file system (stat(2) tells another device on btrfs and overlayfs), so it
 * asks: see `questions`.
 *
 * Nothing here waits, loops over what a process chose, or is reached while no camera is opened, except one comparison.
 * `build` beside this file makes gate.bpf.o of it.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/* The kernel has no word for the two licences above: to it, this comes under the second. */
char LICENSE[] SEC("license") = "GPL v2";

#define S_IFMT 0170000
#define S_IFCHR 0020000
#define S_IFREG 0100000
#define EPERM 1
#define VIDEO4LINUX 81 /* Documentation/admin-guide/devices.txt */
#define MINOR_BITS 20  /* of the kernel's own dev_t, include/linux/kdev_t.h */

/* What is used of the kernel's structures. Where their members are is filled in when this is loaded (CO-RE). */
#define KERNEL __attribute__((preserve_access_index))

typedef struct {
	unsigned int val;
} KERNEL kuid_t;

struct timespec64 {
	long long tv_sec;
	long tv_nsec;
} KERNEL;

struct super_block {
	unsigned int s_dev;
} KERNEL;

struct inode {
	unsigned short i_mode;
	unsigned int i_rdev;
	unsigned int i_generation;
	unsigned long i_ino;
	struct super_block *i_sb;
	long long i_ctime_sec; /* since Linux 6.11 */
	unsigned int i_ctime_nsec;
} KERNEL;

struct inode___before_6_11 {
	struct timespec64 __i_ctime;
} KERNEL;

struct inode___before_6_6 {
	struct timespec64 i_ctime;
} KERNEL;

struct file {
	struct inode *f_inode;
} KERNEL;

struct mm_struct {
	struct file *exe_file;
} KERNEL;

struct cred {
	kuid_t euid;
} KERNEL;

struct task_struct {
	int tgid;
	struct mm_struct *mm;
	const struct cred *cred;
	struct task_struct *group_leader;
	unsigned long long start_boottime;
} KERNEL;

/* From here on `wire.py` has the same, field by field. */

struct name {
	__u64 inode;
	__u32 device;
	__u32 generation;
};

struct change { /* when an inode was last changed; nobody can set it back */
	__s64 seconds;
	__u64 nanoseconds;
};

struct key {
	struct name program; /* all 0: any */
	__u32 user;          /* ANY_USER: any */
	__u32 camera;        /* the kernel's dev_t; 0: any */
};

enum word { NOTHING = 0, REFUSE = 1, PASS = 2 };

struct order {
	struct change change;
	__u32 unchanged; /* the word for a program that was last changed at `change` */
	__u32 changed;   /* the word for any other content of the same file */
};

struct question {
	__u32 thread;   /* who asks; 0: nobody */
	__u32 answered; /* 1 once the rest is filled in */
	struct name file;
	struct change change;
	struct name program; /* what runs in the thread that asked */
};

struct refusal {
	__u64 boottime_ns;
	__u64 started_ns; /* CLOCK_BOOTTIME at which the process began */
	struct name program;
	__u32 pid;
	__u32 user;
	__u32 camera;
	__u32 unused;
	char comm[16];
};

#define ANY_USER 0xffffffff

struct table {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct key));
	__uint(value_size, sizeof(struct order));
};

/* One slot with the table in force. A new table is filled first and then put here, whole: there is no moment between. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct table);
} tables SEC(".maps");

/* The guard's own process, which always passes. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} guards SEC(".maps");

/* The guard puts its thread's id here and opens a file: the answer is how the kernel names that file. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct question);
} questions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} refusals SEC(".maps");

/* How many refusals found no room in `refusals`. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

static __always_inline void *only_value(void *map)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(map, &key);
}

static __always_inline void get_name(struct inode *inode, struct name *name)
{
	name->inode = inode->i_ino;
	name->device = inode->i_sb->s_dev;
	name->generation = inode->i_generation;
}

static __always_inline void get_change(struct inode *inode, struct change *change)
{
	if (bpf_core_field_exists(inode->i_ctime_sec)) {
		change->seconds = inode->i_ctime_sec;
		change->nanoseconds = inode->i_ctime_nsec;
	} else if (bpf_core_field_exists(((struct inode___before_6_11 *)0)->__i_ctime)) {
		change->seconds = ((struct inode___before_6_11 *)inode)->__i_ctime.tv_sec;
		change->nanoseconds = ((struct inode___before_6_11 *)inode)->__i_ctime.tv_nsec;
	} else {
		change->seconds = ((struct inode___before_6_6 *)inode)->i_ctime.tv_sec;
		change->nanoseconds = ((struct inode___before_6_6 *)inode)->i_ctime.tv_nsec;
	}
}

static __always_inline struct inode *get_program(struct task_struct *task)
{
	struct file *file = task->mm->exe_file;

	return file ? file->f_inode : 0;
}

static __always_inline void answer(struct inode *inode)
{
	struct question *question = only_value(&questions);
	struct inode *program;

	if (!question || !question->thread || question->answered || question->thread != (__u32)bpf_get_current_pid_tgid())
		return;
	program = get_program(bpf_get_current_task_btf());
	if (!program)
		return;
	get_name(inode, &question->file);
	get_change(inode, &question->change);
	get_name(program, &question->program);
	question->answered = 1;
}

static __always_inline void tell(struct task_struct *task, struct key *who)
{
	struct refusal *refusal = bpf_ringbuf_reserve(&refusals, sizeof(*refusal), 0);

	if (!refusal) {
		__u64 *count = only_value(&lost);

		if (count)
			__sync_fetch_and_add(count, 1);
		return;
	}
	refusal->boottime_ns = bpf_ktime_get_boot_ns();
	refusal->started_ns = task->group_leader->start_boottime;
	refusal->program = who->program;
	refusal->pid = task->tgid;
	refusal->user = who->user;
	refusal->camera = who->camera;
	refusal->unused = 0;
	bpf_get_current_comm(refusal->comm, sizeof(refusal->comm));
	bpf_ringbuf_submit(refusal, 0);
}

/* The word of the table: for the program before any program, then for the user, then for the camera. */
static __always_inline __u32 look_up(void *table, struct key *who, struct change *change)
{
#pragma unroll
	for (int any = 0; any < 8; any++) {
		struct key key = *who;
		struct order *order;
		__u32 word;

		if (any & 4)
			__builtin_memset(&key.program, 0, sizeof(key.program));
		if (any & 2)
			key.user = ANY_USER;
		if (any & 1)
			key.camera = 0;
		order = bpf_map_lookup_elem(table, &key);
		if (!order)
			continue;
		word = order->changed;
		if (order->change.seconds == change->seconds && order->change.nanoseconds == change->nanoseconds)
			word = order->unchanged;
		if (word != NOTHING)
			return word;
	}
	return NOTHING;
}

static __always_inline int gate(struct inode *inode)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct change change = {};
	struct key who = {};
	struct inode *program;
	__u32 *guard;
	void *table;

	if (!task->mm) /* a thread of the kernel itself */
		return 0;
	guard = only_value(&guards);
	if (guard && *guard == (__u32)task->tgid)
		return 0;
	table = only_value(&tables);
	if (!table)
		return 0;
	program = get_program(task);
	if (program) {
		get_name(program, &who.program);
		get_change(program, &change);
	}
	who.user = task->cred->euid.val;
	who.camera = inode->i_rdev;
	if (look_up(table, &who, &change) != REFUSE)
		return 0;
	tell(task, &who);
	return -EPERM;
}

static __always_inline int is_camera(struct inode *inode)
{
	return (inode->i_mode & S_IFMT) == S_IFCHR && inode->i_rdev >> MINOR_BITS == VIDEO4LINUX;
}

SEC("lsm/file_open")
int BPF_PROG(gate_open, struct file *file, int refused)
{
	struct inode *inode = file->f_inode;

	if (refused) /* by another security module */
		return refused;
	if (is_camera(inode))
		return gate(inode);
	if ((inode->i_mode & S_IFMT) == S_IFREG)
		answer(inode);
	return 0;
}

/* A descriptor that another process handed over (SCM_RIGHTS), or that was taken from it (pidfd_getfd). */
SEC("lsm/file_receive")
int BPF_PROG(gate_receive, struct file *file, int refused)
{
	struct inode *inode = file->f_inode;

	if (refused)
		return refused;
	return is_camera(inode) ? gate(inode) : 0;
}
