/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A publisher to test subscribers with: snapshot_publisher RUN_DIR SERVICE [TOKEN [KIND]] publishes what it is told on
 * stdin, and answers each line with one of its own. KIND:
 *
 *   region     the default
 *   requests   a region, and requests are answered too
 *   unlabelled a region that says of no schema that its snapshots have it
 *   server     no region: the method cgroups-snapshot is answered, and the generation is that in the answer
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
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static netipc_publisher *publisher;
static netipc_server *server; /* in place of publisher */
static netipc_cgroups_snapshot_builder *builder;

/* What the server answers with. */
static struct {
    pthread_mutex_t lock;
    void *bytes; /* NULL: nothing yet */
    size_t length;
    uint64_t generation;
} answered = {.lock = PTHREAD_MUTEX_INITIALIZER};

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

static netipc_status answer(void *context, const netipc_request *request, netipc_answer *to)
{
    (void)context;
    netipc_status status = netipc_cgroups_snapshot_request_decode(request->payload, request->length);
    pthread_mutex_lock(&answered.lock);
    if (status == NETIPC_OK)
        status = answered.bytes ? netipc_answer_write(to, answered.bytes, answered.length) : NETIPC_EMPTY;
    pthread_mutex_unlock(&answered.lock);
    return status;
}

static void set_answer(const void *bytes, size_t length)
{
    void *copy = malloc(length ? length : 1);
    if (!copy)
        exit(NETIPC_NO_MEMORY);
    memcpy(copy, bytes, length);
    pthread_mutex_lock(&answered.lock);
    free(answered.bytes);
    answered.bytes = copy;
    answered.length = length;
    pthread_mutex_unlock(&answered.lock);
}

static void publish_bytes(const void *bytes, size_t length)
{
    uint64_t generation = answered.generation;
    if (server)
        set_answer(bytes, length);
    else
        check(netipc_publish(publisher, bytes, length, &generation));
    printf("generation %" PRIu64 "\n", generation);
}

static void publish(void)
{
    size_t length = netipc_cgroups_snapshot_builder_length(builder);
    void *bytes = malloc(length);
    if (!bytes)
        exit(NETIPC_NO_MEMORY);
    check(netipc_cgroups_snapshot_builder_write(builder, ++answered.generation, 1, bytes, length, &length));
    publish_bytes(bytes, length);
    free(bytes);
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
        publish_bytes(first, strlen(first));
    } else {
        fprintf(stderr, "snapshot_publisher: what is '%s'?\n", word);
        exit(64);
    }
}

static void open_publisher(char **argv, uint64_t token, const char *kind)
{
    netipc_publisher_config config;
    netipc_publisher_config_init(&config);
    config.run_dir = argv[1];
    config.service = argv[2];
    config.token = token;
    if (strcmp(kind, "unlabelled") != 0) { /* the schema itself would not let "raw" pass */
        config.schema_id = netipc_cgroups_schema()->id;
        config.schema_version = netipc_cgroups_schema()->version;
    }
    netipc_service_config requests;
    netipc_publisher_requests_init(&requests);
    requests.method = NETIPC_METHOD_CGROUPS_SNAPSHOT;
    if (strcmp(kind, "requests") == 0)
        config.requests = &requests;
    check(netipc_publisher_open(&config, &publisher));
}

static void open_server(char **argv, uint64_t token)
{
    netipc_server_config config;
    netipc_server_config_init(&config);
    config.run_dir = argv[1];
    netipc_service_config service;
    netipc_service_config_init(&service);
    service.service = argv[2];
    service.token = token;
    service.method = NETIPC_METHOD_CGROUPS_SNAPSHOT;
    service.handler = answer;
    service.max_response_payload = 64 << 20;
    check(netipc_server_open(&config, &server));
    check(netipc_server_add(server, &service));
    check(netipc_server_start(server));
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 64;
    uint64_t token = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    const char *kind = argc > 4 ? argv[4] : "region";
    if (strcmp(kind, "server") == 0)
        open_server(argv, token);
    else
        open_publisher(argv, token, kind);
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
    netipc_server_close(server);
    free(answered.bytes);
    return 0;
}
