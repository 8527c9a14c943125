/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a target without libFuzzer: usage: fuzz_TARGET [--executions N] [--seed S] [--keep DIR] FILE-OR-DIRECTORY...
 * Each file is run, and then N mutations of them, the same ones every time. The inputs run in a child, so that the one
 * that crashed or hung it is at hand to be kept.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { INPUT_MOST = 1 << 16, FILES_MOST = 512, HANG_SECONDS = 20 };

struct file {
    char name[256];
    uint8_t *bytes;
    size_t size;
};

static struct file files[FILES_MOST];
static size_t file_count;

/* What the child runs now, seen by both processes. */
struct current {
    volatile uint64_t number;
    volatile size_t size;
    uint8_t bytes[INPUT_MOST];
};

static struct current *current;

/* --- the corpus --- */

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(2);
}

static void load_file(const char *path)
{
    struct file *file = &files[file_count];
    FILE *stream = fopen(path, "re");
    if (stream == NULL || file_count == FILES_MOST)
        fail(path);
    snprintf(file->name, sizeof file->name, "%s", path);
    file->bytes = malloc(INPUT_MOST);
    if (file->bytes == NULL)
        fail(path);
    file->size = fread(file->bytes, 1, INPUT_MOST, stream);
    fclose(stream);
    file_count++;
}

static int by_name(const void *a, const void *b)
{
    const struct file *left = a, *right = b;
    return strcmp(left->name, right->name);
}

static void load(const char *path)
{
    struct stat status;
    if (stat(path, &status) < 0)
        fail(path);
    if (!S_ISDIR(status.st_mode)) {
        load_file(path);
        return;
    }
    size_t first = file_count;
    DIR *directory = opendir(path);
    if (directory == NULL)
        fail(path);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char name[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        load_file(name);
    }
    closedir(directory);
    qsort(files + first, file_count - first, sizeof *files, by_name);
}

/* --- mutations --- */

static uint64_t random_state;

static uint64_t next_random(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state * UINT64_C(0x2545f4914f6cdd1d) >> 16) % below;
}

static uint64_t interesting(void)
{
    uint64_t value = UINT64_C(1) << next_random(64);
    switch (next_random(6)) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return value - 1;
    case 3:
        return ~value;
    case 4:
        return next_random(32);
    default:
        return value;
    }
}

static size_t overwrite(uint8_t *bytes, size_t size, const void *with, size_t length)
{
    size_t at = next_random(size);
    memcpy(bytes + at, with, length < size - at ? length : size - at);
    return size;
}

static size_t insert(uint8_t *bytes, size_t size, const uint8_t *with, size_t length)
{
    if (size + length > INPUT_MOST)
        return size;
    size_t at = next_random(size + 1);
    memmove(bytes + at + length, bytes + at, size - at);
    memcpy(bytes + at, with, length);
    return size + length;
}

static size_t cut(uint8_t *bytes, size_t size)
{
    size_t at = next_random(size), length = 1 + next_random(next_random(4) == 0 ? size - at : 8);
    if (length > size - at)
        length = size - at;
    memmove(bytes + at, bytes + at + length, size - at - length);
    return size - length;
}

/* A piece of some file, in the place of what is there or in between. */
static size_t splice(uint8_t *bytes, size_t size)
{
    const struct file *other = &files[next_random(file_count)];
    if (other->size == 0)
        return size;
    size_t from = next_random(other->size), length = 1 + next_random(128);
    if (length > other->size - from)
        length = other->size - from;
    return size == 0 || next_random(2) ? insert(bytes, size, other->bytes + from, length)
                                       : overwrite(bytes, size, other->bytes + from, length);
}

static size_t mutate_once(uint8_t *bytes, size_t size)
{
    static const size_t widths[] = {1, 2, 4, 8};
    uint8_t noise[8];
    uint64_t value = interesting();
    if (size == 0)
        return splice(bytes, size);
    switch (next_random(8)) {
    case 0:
        bytes[next_random(size)] ^= (uint8_t)(1u << next_random(8));
        return size;
    case 1:
        bytes[next_random(size)] = (uint8_t)next_random(256);
        return size;
    case 2:
        bytes[next_random(size)] += (uint8_t)(next_random(17) - 8);
        return size;
    case 3:
        return overwrite(bytes, size, &value, widths[next_random(4)]);
    case 4:
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (uint8_t)next_random(256);
        return insert(bytes, size, noise, 1 + next_random(sizeof noise));
    case 5:
        return cut(bytes, size);
    default:
        return splice(bytes, size);
    }
}

static size_t mutate(uint8_t *bytes)
{
    const struct file *file = &files[next_random(file_count)];
    size_t size = file->size;
    memcpy(bytes, file->bytes, size);
    for (uint64_t left = 1 + next_random(next_random(4) == 0 ? 12 : 2); left > 0; left--)
        size = mutate_once(bytes, size);
    return size;
}

/* --- the child --- */

static void run(const uint8_t *bytes, size_t size)
{
    if (bytes != current->bytes)
        memcpy(current->bytes, bytes, size);
    current->size = size;
    /* A copy of exactly this length, so that reading beyond it is noticed. */
    uint8_t *exact = malloc(size);
    if (exact == NULL && size > 0)
        fail("malloc");
    if (size > 0)
        memcpy(exact, current->bytes, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    current->number++;
}

static int run_all(uint64_t executions, uint64_t seed, bool demanding)
{
    for (size_t i = 0; i < file_count; i++)
        run(files[i].bytes, files[i].size);
    random_state = seed;
    for (uint64_t i = 0; i < executions; i++)
        run(current->bytes, mutate(current->bytes));
    printf("%zu files and %llu mutations of them\n", file_count, (unsigned long long)executions);
    int missed = 0;
    for (size_t goal = 0; fuzz_goals[goal] != NULL; goal++) {
        printf("%10llu %s\n", (unsigned long long)fuzz_reached[goal], fuzz_goals[goal]);
        missed += fuzz_reached[goal] == 0;
    }
    if (missed > 0 && demanding)
        printf("%d goals were never reached: the corpus is no good any more\n", missed);
    return missed > 0 && demanding;
}

/* --- the parent --- */

static void keep(const char *program, const char *directory, const char *how)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s-%s-%llu", directory, strrchr(program, '/') ? strrchr(program, '/') + 1 : program,
             how, (unsigned long long)current->number);
    FILE *stream = fopen(path, "we");
    if (stream == NULL || fwrite(current->bytes, 1, current->size, stream) != current->size || fclose(stream) != 0)
        fail(path);
    fprintf(stderr, "The input that did it (%s, execution %llu, %zu bytes) is kept; to repeat:\n    %s %s\n", how,
            (unsigned long long)current->number, current->size, program, path);
}

/* Its exit status; negative: kept as a hang. */
static int await(pid_t pid, unsigned patience)
{
    uint64_t number = current->number;
    time_t since = time(NULL);
    for (int how;;) {
        pid_t ended = waitpid(pid, &how, WNOHANG);
        if (ended == pid)
            return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        if (current->number != number) {
            number = current->number;
            since = time(NULL);
        }
        if (time(NULL) - since > patience) {
            kill(pid, SIGKILL);
            waitpid(pid, &how, 0);
            return -1;
        }
    }
}

static unsigned patience(void)
{
    const char *slow = getenv("NETIPC_TEST_SLOW");
    double factor = slow != NULL ? strtod(slow, NULL) : 1;
    return (unsigned)(HANG_SECONDS * (factor >= 1 ? factor : 1));
}

int main(int argc, char **argv)
{
    uint64_t executions = 0, seed = 1;
    const char *directory = ".";
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--executions") == 0 && more)
            executions = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0 && more)
            seed = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--keep") == 0 && more)
            directory = argv[++i];
        else
            load(argv[i]);
    }
    if (file_count == 0 || seed == 0) {
        fprintf(stderr, "usage: %s [--executions N] [--seed S] [--keep DIR] FILE-OR-DIRECTORY...\n", argv[0]);
        return 2;
    }
    if (getenv("NETIPC_TEST_LONG") != NULL)
        executions *= 20;
    current = mmap(NULL, sizeof *current, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (current == MAP_FAILED)
        fail("mmap");
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0)
        exit(run_all(executions, seed, executions > 0));
    uint64_t all = file_count + executions;
    int status = await(pid, patience());
    if (status != 0 && current->number < all)
        keep(argv[0], directory, status < 0 ? "hang" : "crash");
    return status != 0;
}
