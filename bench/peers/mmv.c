/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/peers/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pcp/pmapi.h>
/* These need the one before, and in this order. */
#include <pcp/mmv_stats.h>

#include <pcp/mmv_dev.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Memory mapped values of Performance Co-Pilot: a file of metrics that a program updates in place, and others map. A
 * message is a metric with an instance for each 8 bytes of it. The publisher sets one value after the other with
 * mmv_set(); a reader loads them out of its mapping, as PCP's own agent does (pmdammv), having looked whether both
 * generations of the file's head are still those that it has mapped.
 *
 * These change when metrics come or go, not with values: nothing tells what values belong together. So there are two
 * more metrics, the number of the message before and behind its values, as programs would do it that need to know.
 * There is nothing to sleep on.
 */
#define FILE_NAME "shmbench"

enum { ITEM_BEHIND = 1, ITEM_WORDS, ITEM_BEFORE, INDOM = 1, WORD = sizeof(uint64_t), SIZE_MOST = 1 << 20 };

/* A mapping, the publisher's or a reader's, and where values are in it. */
struct values {
    const char *map;
    size_t bytes, words;
    uint64_t generation;
    mmv_disk_value_t *before, *behind, *word;
};

struct publisher {
    const struct station *station;
    size_t size;
    uint64_t number;
    void *map;
    struct values values;
};

struct reader {
    const struct station *station;
    size_t size;
    uint64_t seen;
    struct values values;
};

static size_t words_of(size_t size)
{
    return (size + WORD - 1) / WORD;
}

static void path_of(const struct peer_link *link, bool of_file, char path[PEER_PATH])
{
    snprintf(path, PEER_PATH, "%s/mmv%s", link->dir, of_file ? "/" FILE_NAME : "");
}

static enum peer_ready prepare(struct peer_link *link)
{
    char path[PEER_PATH];
    if (link->size > SIZE_MOST)
        return peer_explain(link, PEER_UNABLE, "a file of values is 14 times their size: up to %d bytes are measured",
                            SIZE_MOST);
    path_of(link, false, path);
    if (mkdir(path, S_IRWXU) != 0)
        return peer_explain(link, PEER_FAILED, "cannot make %s: %s", path, strerror(errno));
    return PEER_READY;
}

static void settle(struct peer_link *link)
{
    char path[PEER_PATH];
    path_of(link, true, path);
    unlink(path);
    path_of(link, false, path);
    rmdir(path);
}

/* --- where values are --- */

static const mmv_disk_toc_t *find_section(const struct values *values, mmv_toc_type_t type, size_t entry)
{
    const mmv_disk_header_t *header = (const mmv_disk_header_t *)values->map;
    const mmv_disk_toc_t *toc = (const mmv_disk_toc_t *)(values->map + sizeof *header);
    for (int32_t i = 0; i < header->tocs && sizeof *header + ((size_t)i + 1) * sizeof *toc <= values->bytes; i++)
        if (toc[i].type == type && toc[i].count >= 0 && toc[i].offset % sizeof(uint64_t) == 0 &&
            toc[i].offset <= values->bytes && (size_t)toc[i].count <= (values->bytes - toc[i].offset) / entry)
            return &toc[i];
    return NULL;
}

/* The first value of a metric; NULL: it has not that many, one behind the other. */
static mmv_disk_value_t *find_values(const struct values *values, uint32_t item, size_t count)
{
    const mmv_disk_toc_t *metrics = find_section(values, MMV_TOC_METRICS, sizeof(mmv_disk_metric_t));
    const mmv_disk_toc_t *section = find_section(values, MMV_TOC_VALUES, sizeof(mmv_disk_value_t));
    if (metrics == NULL || section == NULL)
        return NULL;
    const mmv_disk_metric_t *metric = (const mmv_disk_metric_t *)(values->map + metrics->offset);
    const mmv_disk_value_t *value = (const mmv_disk_value_t *)(values->map + section->offset);
    for (size_t first = 0; first + count <= (size_t)section->count; first++) {
        size_t run = 0;
        uint64_t index = (value[first].metric - metrics->offset) / sizeof *metric;
        if (index >= (uint64_t)metrics->count || metric[index].item != item)
            continue;
        while (run < count && value[first + run].metric == value[first].metric)
            run++;
        /* The publisher sets these; in a reader's mapping nobody can. */
        return run == count ? (mmv_disk_value_t *)(uintptr_t)&value[first] : NULL;
    }
    return NULL;
}

static bool same_generation(const struct values *values)
{
    const mmv_disk_header_t *header = (const mmv_disk_header_t *)values->map;
    return __atomic_load_n(&header->g1, __ATOMIC_RELAXED) == values->generation &&
           __atomic_load_n(&header->g2, __ATOMIC_RELAXED) == values->generation;
}

static void find_all(const struct station *station, struct values *values)
{
    const mmv_disk_header_t *header = (const mmv_disk_header_t *)values->map;
    if (values->bytes < sizeof *header || memcmp(header->magic, "MMV", sizeof header->magic) != 0 ||
        header->version != MMV_VERSION1)
        station_fail(station, NETIPC_INCOMPATIBLE, "the file of values is not of version %d", MMV_VERSION1);
    values->generation = header->g1;
    values->before = find_values(values, ITEM_BEFORE, 1);
    values->word = find_values(values, ITEM_WORDS, values->words);
    values->behind = find_values(values, ITEM_BEHIND, 1);
    if (!same_generation(values) || values->before == NULL || values->word == NULL || values->behind == NULL)
        station_fail(station, NETIPC_CORRUPT, "the file of values is not as it was made");
}

/* --- the publisher --- */

static void *make_file(const struct station *station, size_t words)
{
    mmv_instances_t *instances = peer_allocate(station, words * sizeof *instances);
    for (size_t i = 0; i < words; i++) {
        instances[i].internal = (int32_t)i;
        snprintf(instances[i].external, sizeof instances[i].external, "%zu", i);
    }
    const mmv_indom_t indom = {.serial = INDOM, .count = (uint32_t)words, .instances = instances};
    const mmv_metric_t metrics[] = {
        {"before", ITEM_BEFORE, MMV_TYPE_U64, MMV_SEM_COUNTER, MMV_UNITS(0, 0, 0, 0, 0, 0), 0, NULL, NULL},
        {"words", ITEM_WORDS, MMV_TYPE_U64, MMV_SEM_INSTANT, MMV_UNITS(0, 0, 0, 0, 0, 0), INDOM, NULL, NULL},
        {"behind", ITEM_BEHIND, MMV_TYPE_U64, MMV_SEM_COUNTER, MMV_UNITS(0, 0, 0, 0, 0, 0), 0, NULL, NULL},
    };
    void *map = mmv_stats_init(FILE_NAME, 0, MMV_FLAG_PROCESS, metrics, sizeof metrics / sizeof *metrics, &indom, 1);
    free(instances);
    return map;
}

static size_t size_of_file(const struct station *station, const struct peer_link *link)
{
    char path[PEER_PATH];
    struct stat file;
    path_of(link, true, path);
    if (stat(path, &file) != 0)
        station_fail(station, NETIPC_SYSTEM, "there is no %s: %s", path, strerror(errno));
    return (size_t)file.st_size;
}

static void *open_publisher(const struct station *station, struct peer_link *link)
{
    struct publisher *publisher = peer_allocate(station, sizeof *publisher);
    publisher->station = station;
    publisher->size = link->size;
    setenv("PCP_TMP_DIR", link->dir, 1);
    publisher->map = make_file(station, words_of(link->size));
    if (publisher->map == NULL)
        station_fail(station, NETIPC_SYSTEM, "PCP cannot make a file of values: %s", strerror(errno));
    publisher->values =
        (struct values){.map = publisher->map, .bytes = size_of_file(station, link), .words = words_of(link->size)};
    find_all(station, &publisher->values);
    return publisher;
}

static void set(const struct publisher *publisher, mmv_disk_value_t *value, uint64_t to)
{
    mmv_set(publisher->map, &value->value, &to);
}

static void publish(void *context, const void *bytes)
{
    struct publisher *publisher = context;
    const struct values *values = &publisher->values;
    const char *from = bytes;
    set(publisher, values->before, ++publisher->number);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0, left = publisher->size; left > 0; i++) {
        size_t taken = left < WORD ? left : WORD;
        uint64_t word = 0;
        memcpy(&word, from + i * WORD, taken);
        set(publisher, &values->word[i], word);
        left -= taken;
    }
    atomic_thread_fence(memory_order_release);
    set(publisher, values->behind, publisher->number);
}

static void close_publisher(void *context, uint64_t published)
{
    struct publisher *publisher = context;
    if (publisher->values.behind->value.ull != published)
        station_fail(publisher->station, NETIPC_CORRUPT, "the file of values counts %" PRIu64 " messages, not %" PRIu64,
                     (uint64_t)publisher->values.behind->value.ull, published);
    mmv_stats_stop(FILE_NAME, publisher->map);
    free(publisher);
}

/* --- a reader --- */

static void *open_reader(const struct station *station, struct peer_link *link, unsigned number)
{
    char path[PEER_PATH];
    struct reader *reader = peer_allocate(station, sizeof *reader);
    (void)number;
    reader->station = station;
    reader->size = link->size;
    reader->values = (struct values){.bytes = size_of_file(station, link), .words = words_of(link->size)};
    path_of(link, true, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *map = fd >= 0 ? mmap(NULL, reader->values.bytes, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (map == MAP_FAILED)
        station_fail(station, NETIPC_SYSTEM, "cannot map %s: %s", path, strerror(errno));
    close(fd);
    reader->values.map = map;
    find_all(station, &reader->values);
    return reader;
}

static uint64_t load(const mmv_disk_value_t *value)
{
    return __atomic_load_n(&value->value.ull, __ATOMIC_RELAXED);
}

/* One try. False: the message changed meanwhile, or is the one that was read before and is not asked for again. */
static bool take(struct reader *reader, bool again, void *buffer)
{
    const struct values *values = &reader->values;
    char *to = buffer;
    if (!same_generation(values))
        station_fail(reader->station, NETIPC_CORRUPT, "the file of values was made anew");
    uint64_t number = load(values->behind);
    if (number == reader->seen && !again)
        return false;
    atomic_thread_fence(memory_order_acquire);
    for (size_t i = 0, left = reader->size; left > 0; i++) {
        size_t bytes = left < WORD ? left : WORD;
        uint64_t word = load(&values->word[i]);
        memcpy(to + i * WORD, &word, bytes);
        left -= bytes;
    }
    atomic_thread_fence(memory_order_acquire);
    if (load(values->before) != number)
        return false;
    reader->seen = number;
    return true;
}

static bool read_one(void *context, enum peer_way way, void *buffer)
{
    (void)way;
    return take(context, false, buffer);
}

static void reread(void *context, void *buffer)
{
    struct reader *reader = context;
    if (!take(reader, true, buffer))
        station_fail(reader->station, NETIPC_OVERRUN, "overtaken while nothing is published");
}

static void close_reader(void *context)
{
    struct reader *reader = context;
    munmap((void *)(uintptr_t)reader->values.map, reader->values.bytes);
    free(reader);
}

const struct peer peer_mmv = {
    .name = "mmv",
    .delivery = PEER_LATEST,
    .ways = 1u << PEER_SPIN,
    .prepare = prepare,
    .settle = settle,
    .open_publisher = open_publisher,
    .publish = publish,
    .close_publisher = close_publisher,
    .open_reader = open_reader,
    .read = read_one,
    .reread = reread,
    .close_reader = close_reader,
};
