/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/catalog.h"

#include <netipc/cgroups_snapshot.h>

#include <stdlib.h>
#include <string.h>

void catalog_init(struct catalog *catalog)
{
    pthread_mutex_init(&catalog->lock, NULL);
    catalog->current = NULL;
}

static void free_version(struct catalog_version *version)
{
    free(version->entries);
    free(version->labels);
    arena_free(&version->texts);
    free(version);
}

void catalog_free(struct catalog *catalog)
{
    if (catalog->current != NULL)
        free_version(catalog->current);
    catalog->current = NULL;
    pthread_mutex_destroy(&catalog->lock);
}

static const char *name_without_prefix(const char *name)
{
    static const char *const prefixes[] = {"systemd_", "cgroup_"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t length = strlen(prefixes[i]);
        if (strncmp(name, prefixes[i], length) == 0)
            return name + length;
    }
    return name;
}

/* Pairs of strings, each with its NUL. */
static size_t count_labels(const struct record *record)
{
    size_t ends = 0;
    for (size_t i = 0; i < record->labels_length; i++)
        ends += record->labels[i] == '\0';
    return ends / 2;
}

static bool add_labels(struct catalog_version *version, struct catalog_entry *entry, const struct record *record)
{
    size_t count = count_labels(record);
    if (count == 0)
        return true;
    const char *text = arena_text(&version->texts, record->labels, record->labels_length);
    if (text == NULL)
        return false;
    entry->labels = version->labels + version->label_count;
    entry->label_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        netipc_label *label = &version->labels[version->label_count++];
        label->key = text;
        label->value = text + strlen(text) + 1;
        text = label->value + strlen(label->value) + 1;
    }
    return true;
}

static bool add_entry(struct catalog_version *version, const struct record *record)
{
    const char *name = name_without_prefix(record->name);
    struct catalog_entry *entry = &version->entries[version->count];
    *entry = (struct catalog_entry){.id = arena_text(&version->texts, record->id, strlen(record->id)),
                                    .name = arena_text(&version->texts, name, strlen(name)),
                                    .orchestrator = record->orchestrator,
                                    .excluded = record->sandbox || (record->options & NETIPC_CGROUP_EXCLUDED) != 0};
    version->count++;
    return entry->id != NULL && entry->name != NULL && add_labels(version, entry, record);
}

static struct catalog_version *new_version(const struct table *table, uint64_t generation)
{
    struct catalog_version *version = calloc(1, sizeof *version);
    if (version == NULL)
        return NULL;
    *version = (struct catalog_version){
        .entries = calloc(table->count + 1, sizeof *version->entries), .generation = generation, .holders = 1};
    size_t labels = 0;
    for (size_t i = 0; i < table->count; i++)
        labels += count_labels(&table->records[i]);
    version->labels = calloc(labels + 1, sizeof *version->labels);
    bool done = version->entries != NULL && version->labels != NULL;
    for (size_t i = 0; done && i < table->count; i++)
        done = add_entry(version, &table->records[i]);
    if (done)
        return version;
    free_version(version);
    return NULL;
}

bool catalog_put(struct catalog *catalog, const struct table *table, uint64_t generation)
{
    struct catalog_version *version = new_version(table, generation);
    if (version == NULL)
        return false;
    pthread_mutex_lock(&catalog->lock);
    struct catalog_version *old = catalog->current;
    catalog->current = version;
    pthread_mutex_unlock(&catalog->lock);
    if (old != NULL)
        catalog_release(catalog, old);
    return true;
}

struct catalog_version *catalog_hold(struct catalog *catalog)
{
    pthread_mutex_lock(&catalog->lock);
    struct catalog_version *version = catalog->current;
    if (version != NULL)
        version->holders++;
    pthread_mutex_unlock(&catalog->lock);
    return version;
}

void catalog_release(struct catalog *catalog, struct catalog_version *version)
{
    pthread_mutex_lock(&catalog->lock);
    bool last = --version->holders == 0;
    pthread_mutex_unlock(&catalog->lock);
    if (last)
        free_version(version);
}

static int by_id(const void *key, const void *member)
{
    const struct catalog_entry *entry = member;
    return strcmp(key, entry->id);
}

const struct catalog_entry *catalog_find(const struct catalog_version *version, const char *id)
{
    return bsearch(id, version->entries, version->count, sizeof *version->entries, by_id);
}
