/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A publisher to test subscribers with: snapshot_publisher RUN_DIR SERVICE [TOKEN] publishes what it is told on stdin,
 * and answers each line with one of its own.
 *
 *   add<TAB>NAME<TAB>PATH<TAB>ENABLED   one more cgroup, of any bytes but NUL, tab and newline   "added"
 *   many<TAB>N<TAB>PATH                 N enabled ones, named cgroup_0 and so on, at PATH/0 …    "added"
 *   reset                               none                                                     "reset"
 *   publish                             the cgroups                                              "generation G"
 *   raw<TAB>TEXT                        these very bytes, in place of a list of cgroups          "generation G"
 *
 * Closes at the end of stdin. Says "open" first. Anything that fails ends it with the status's number.
 */
#include <netipc/netipc.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static netipc_publisher *publisher;
static netipc_cgroups_snapshot_builder *builder;

static void check(netipc_status status)
{
    if (status == NETIPC_OK)
        return;
    fprintf(stderr, "snapshot_publisher: %s (%s)\n", netipc_status_text(status), netipc_status_detail());
    exit((int)status);
}

static void add(const char *name, const char *path, uint32_t enabled)
{
    check(netipc_cgroups_snapshot_builder_add(builder, netipc_key_hash(name, strlen(name)), 0, enabled, name, path));
}

static void add_many(unsigned long count, const char *path)
{
    for (unsigned long i = 0; i < count; i++) {
        char name[32];
        char whole[512];
        snprintf(name, sizeof name, "cgroup_%lu", i);
        snprintf(whole, sizeof whole, "%s/%lu", path, i);
        add(name, whole, 1);
    }
}

static void publish(void)
{
    size_t length = netipc_cgroups_snapshot_builder_length(builder);
    void *slot;
    size_t capacity;
    uint64_t generation;
    check(netipc_publish_begin(publisher, length, &slot, &capacity));
    check(netipc_cgroups_snapshot_builder_write(builder, 1, 1, slot, capacity, &length));
    check(netipc_publish_commit(publisher, length, &generation));
    printf("generation %" PRIu64 "\n", generation);
}

static void publish_raw(const char *text)
{
    uint64_t generation;
    check(netipc_publish(publisher, text, strlen(text), &generation));
    printf("generation %" PRIu64 "\n", generation);
}

static void obey(char *line)
{
    char *rest = line;
    const char *word = strsep(&rest, "\t");
    const char *first = rest ? strsep(&rest, "\t") : "";
    const char *second = rest ? strsep(&rest, "\t") : "";
    if (strcmp(word, "add") == 0) {
        add(first, second, (uint32_t)strtoul(rest ? rest : "1", NULL, 10));
        puts("added");
    } else if (strcmp(word, "many") == 0) {
        add_many(strtoul(first, NULL, 10), second);
        puts("added");
    } else if (strcmp(word, "reset") == 0) {
        netipc_cgroups_snapshot_builder_reset(builder);
        puts("reset");
    } else if (strcmp(word, "publish") == 0) {
        publish();
    } else if (strcmp(word, "raw") == 0) {
        publish_raw(first);
    } else {
        fprintf(stderr, "snapshot_publisher: what is '%s'?\n", word);
        exit(64);
    }
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 64;
    netipc_publisher_config config;
    netipc_publisher_config_init(&config);
    config.run_dir = argv[1];
    config.service = argv[2];
    config.token = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    check(netipc_publisher_open(&config, &publisher));
    check(netipc_cgroups_snapshot_builder_new(&builder));
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("open");
    char line[4096];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        obey(line);
    }
    netipc_cgroups_snapshot_builder_free(builder);
    netipc_publisher_close(publisher);
    return 0;
}
