/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EBPF_PLUGIN_PROCS_H
#define EBPF_PLUGIN_PROCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pids are used again: a process is its pid and its start time. */
struct process {
    uint32_t pid;
    uint64_t start; /* field 22 of /proc/PID/stat; 0: not to be found out */
};

/* Orders by pid, then start; for qsort. */
int process_compare(const void *left, const void *right);

/* The processes of one cgroup, sorted, each once. All zero is empty and valid. */
struct procs {
    struct process *list;
    size_t count;
    size_t capacity;
    bool read;  /* a reading was tried */
    bool stale; /* the last reading failed: the list is that of the reading before */
};

void procs_free(struct procs *procs);

/* What a reading needs again and again. */
struct procs_reader {
    const char *root;
    int proc_fd; /* <root>/proc */
    struct procs scratch;
};

/* root is kept. False with errno set when <root>/proc cannot be opened. */
bool procs_reader_open(struct procs_reader *reader, const char *root);
void procs_reader_close(struct procs_reader *reader);

enum procs_result {
    PROCS_READ, /* the list is of now */
    PROCS_KEPT, /* could not be read: the last list stays for this one time */
    PROCS_LOST  /* could not be read for the second time in a row, or never: the list is empty */
};

/*
 * Reads <root><path>, a cgroup.procs file, and the start time of each process listed. A pid listed twice counts
 * once; 0 is a process outside of our pid namespace and is left out, as is one that has ended since. path comes
 * from another process: whatever is not the absolute name of a regular file is a cgroup that cannot be read.
 */
enum procs_result procs_refresh(struct procs_reader *reader, struct procs *procs, const char *path);

/*
 * Field 22 of the length bytes of a /proc/PID/stat. Field 2, the command in parentheses, may hold blanks and
 * parentheses itself: fields are counted from the last ')'.
 */
bool procs_parse_stat(const char *text, size_t length, uint64_t *start);

#endif
