/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/table.h"

#include <netipc/cgroups_snapshot.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool judge(struct record *record, struct table *table, const struct rules *rules)
{
    bool service = pattern_list_matches(&rules->services, record->id);
    struct naming naming;
    if (!name_of_cgroup(&naming, record->id, service))
        return false;
    record->name = arena_text(&table->texts, naming.text, strlen(naming.text));
    free(naming.text);
    record->hash = naming.hash;
    record->orchestrator = naming.orchestrator;
    record->engine = naming.engine;
    record->container_at = naming.container_at;
    record->container_length = naming.container_length;
    record->wanted = service || pattern_list_matches(&rules->enabled, record->id);
    record->options = service ? NETIPC_CGROUP_SERVICE : 0;
    if (!record->wanted)
        record->options |= NETIPC_CGROUP_EXCLUDED;
    if (table->unified)
        record->options |= NETIPC_CGROUP_UNIFIED;
    return record->name != NULL;
}

static bool carry_over(struct record *record, struct table *table, const struct record *known)
{
    record->name = arena_text(&table->texts, known->name, strlen(known->name));
    record->hash = known->hash;
    record->orchestrator = known->orchestrator;
    record->engine = known->engine;
    record->container_at = known->container_at;
    record->container_length = known->container_length;
    record->sandbox = known->sandbox;
    record->wanted = known->wanted;
    record->options = known->options;
    record->serial = known->serial;
    return record->name != NULL;
}

static int by_serial(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Keeps the max records that are known for longest. */
static bool cut(struct table *table, size_t max)
{
    uint64_t *serials = calloc(table->count, sizeof *serials);
    if (serials == NULL)
        return false;
    for (size_t i = 0; i < table->count; i++)
        serials[i] = table->records[i].serial;
    qsort(serials, table->count, sizeof *serials, by_serial);
    uint64_t last = serials[max - 1];
    free(serials);

    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++) {
        if (table->records[i].serial <= last)
            table->records[kept++] = table->records[i];
    }
    table->left_out = table->count - kept;
    table->count = kept;
    return true;
}

static bool add_all(struct table *table, const struct table *previous, const struct id_list *ids,
                    const struct rules *rules)
{
    table->records = calloc(ids->count + 1, sizeof *table->records);
    if (table->records == NULL)
        return false;
    size_t known = 0;
    bool same_kind = previous->unified == table->unified;
    for (; table->count < ids->count; table->count++) {
        struct record *record = &table->records[table->count];
        const char *id = ids->ids[table->count].id;
        int order = 1;
        while (known < previous->count && (order = strcmp(previous->records[known].id, id)) < 0)
            known++;
        bool found = same_kind && known < previous->count && order == 0;
        *record = (struct record){.id = arena_text(&table->texts, id, strlen(id)), .path = ""};
        if (record->id == NULL)
            return false;
        if (!found)
            record->serial = table->next_serial++;
        if (!(found ? carry_over(record, table, &previous->records[known]) : judge(record, table, rules)))
            return false;
    }
    return true;
}

bool table_build(struct table *table, const struct table *previous, const struct id_list *ids,
                 const struct rules *rules, bool unified, size_t max, struct failure *failure)
{
    *table = (struct table){.unified = unified, .next_serial = previous->next_serial};
    if (add_all(table, previous, ids, rules) && (max == 0 || table->count <= max || cut(table, max)))
        return true;
    table_free(table);
    return fail_errno(failure, ENOMEM, "%zu cgroups", ids->count);
}

/* Those with one name stand together, the one that keeps the name first. */
static int by_name(const void *left, const void *right)
{
    const struct record *a = *(struct record *const *)left, *b = *(struct record *const *)right;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    int order = strcmp(a->name, b->name);
    if (order != 0)
        return order;
    if (a->enabled != b->enabled)
        return a->enabled ? -1 : 1;
    return (a->serial > b->serial) - (a->serial < b->serial);
}

bool table_settle(struct table *table, struct failure *failure)
{
    struct record **sorted = calloc(table->count + 1, sizeof *sorted);
    if (sorted == NULL)
        return fail_errno(failure, ENOMEM, "%zu cgroups", table->count);
    size_t count = 0;
    for (size_t i = 0; i < table->count; i++) {
        struct record *record = &table->records[i];
        record->enabled = record->wanted && record->path[0] != '\0' && !record->sandbox;
        record->options &= ~NETIPC_CGROUP_DUPLICATE;
        if (!record->sandbox)
            sorted[count++] = record;
    }
    qsort(sorted, count, sizeof *sorted, by_name);

    const struct record *first = NULL;
    for (size_t i = 0; i < count; i++) {
        struct record *record = sorted[i];
        if (first != NULL && first->hash == record->hash && strcmp(first->name, record->name) == 0) {
            record->enabled = 0;
            record->options |= NETIPC_CGROUP_DUPLICATE;
        } else {
            first = record;
        }
    }
    free(sorted);
    return true;
}

static bool copy_texts(struct record *record, struct arena *texts)
{
    record->id = arena_text(texts, record->id, strlen(record->id));
    record->name = arena_text(texts, record->name, strlen(record->name));
    record->path = record->path[0] == '\0' ? "" : arena_text(texts, record->path, strlen(record->path));
    if (record->labels != NULL)
        record->labels = arena_text(texts, record->labels, record->labels_length);
    return record->id != NULL && record->name != NULL && record->path != NULL &&
           (record->labels != NULL || record->labels_length == 0);
}

bool table_copy(struct table *copy, const struct table *table)
{
    *copy = *table;
    copy->texts = (struct arena){0};
    copy->records = calloc(table->count + 1, sizeof *copy->records);
    bool done = copy->records != NULL;
    for (size_t i = 0; done && i < table->count; i++) {
        copy->records[i] = table->records[i];
        done = copy_texts(&copy->records[i], &copy->texts);
    }
    if (!done)
        table_free(copy);
    return done;
}

static bool record_equal(const struct record *left, const struct record *right)
{
    return left->hash == right->hash && left->options == right->options && left->enabled == right->enabled &&
           strcmp(left->name, right->name) == 0 && strcmp(left->path, right->path) == 0;
}

const struct record *table_next(const struct table *table, size_t *at)
{
    while (*at < table->count) {
        const struct record *record = &table->records[(*at)++];
        if (!record->sandbox)
            return record;
    }
    return NULL;
}

size_t table_seen(const struct table *table)
{
    size_t at = 0, count = 0;
    while (table_next(table, &at) != NULL)
        count++;
    return count;
}

bool table_equal(const struct table *left, const struct table *right)
{
    const struct record *a, *b;
    size_t left_at = 0, right_at = 0;
    do {
        a = table_next(left, &left_at);
        b = table_next(right, &right_at);
    } while (a != NULL && b != NULL && record_equal(a, b));
    return a == NULL && b == NULL;
}

void table_free(struct table *table)
{
    free(table->records);
    arena_free(&table->texts);
    *table = (struct table){0};
}
