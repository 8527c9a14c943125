/* SPDX-License-Identifier: Apache-2.0 */
/* A server that nobody asks anything costs nothing: its threads do not run. */
#include "tests/rpc/serve.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SESSIONS = 32, THREADS_MOST = 64, SHORT_MS = 2000, LONG_MS = 10000, HANDSHAKE_MS = 1000 };

struct threads {
    unsigned count;
    long ids[THREADS_MOST];
};

static struct threads list_threads(void)
{
    struct threads threads = {0};
    DIR *directory = opendir("/proc/self/task");
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] != '.') {
            assert_true(threads.count < THREADS_MOST);
            threads.ids[threads.count++] = strtol(entry->d_name, NULL, 10);
        }
    closedir(directory);
    return threads;
}

static bool has(const struct threads *threads, long id)
{
    for (unsigned i = 0; i < threads->count; i++)
        if (threads->ids[i] == id)
            return true;
    return false;
}

/* Those that have come since before. */
static struct threads new_threads(const struct threads *before)
{
    struct threads now = list_threads(), new = {0};
    for (unsigned i = 0; i < now.count; i++)
        if (!has(before, now.ids[i]))
            new.ids[new.count++] = now.ids[i];
    return new;
}

/* Of their own will and not, all together. */
static unsigned long switches(const struct threads *threads)
{
    unsigned long sum = 0;
    for (unsigned i = 0; i < threads->count; i++) {
        char path[64], line[256];
        unsigned found = 0;
        snprintf(path, sizeof path, "/proc/self/task/%ld/status", threads->ids[i]);
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        while (fgets(line, sizeof line, file) != NULL) {
            const char *name = strstr(line, "voluntary_ctxt_switches:"); /* and nonvoluntary_ctxt_switches: */
            if (name != NULL) {
                sum += strtoul(strchr(name, ':') + 1, NULL, 10);
                found++;
            }
        }
        fclose(file);
        assert_int_equal(found, 2);
    }
    return sum;
}

static void await_rest(const struct threads *threads)
{
    unsigned long last = switches(threads);
    for (uint64_t end = now_ms() + slow_ms(10000), since = now_ms(); now_ms() - since < 100; pause_ms(10)) {
        unsigned long now = switches(threads);
        if (now != last)
            since = now_ms();
        last = now;
        assert_true(now_ms() < end);
    }
}

static void *nothing(void *context)
{
    return context;
}

/* ThreadSanitizer starts a thread of its own with the first one of the program. */
static void start_a_first_thread(void)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, nothing, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void no_thread_runs_while_sessions_are_idle(void **state)
{
    const struct scene *scene = *state;
    const char *is_long = getenv("NETIPC_TEST_LONG");
    unsigned ms = is_long != NULL && strcmp(is_long, "1") == 0 ? LONG_MS : SHORT_MS;
    start_a_first_thread();
    for (uint32_t workers = 0; workers <= 4; workers += 4) {
        struct threads before = list_threads();
        netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_increment, NULL);
        service.max_sessions = SESSIONS;
        /* Deadlines that would be noticed, if they were left behind. */
        service.handshake_timeout_ns = service.read_timeout_ns = service.write_timeout_ns = rpc_ns(HANDSHAKE_MS);
        netipc_server *server = rpc_serve(scene, &service, workers);
        int sockets[SESSIONS];
        for (int i = 0; i < SESSIONS; i++)
            sockets[i] = rpc_open(scene);
        for (int i = 0; i < SESSIONS; i++) {
            rpc_ask_number(sockets[i], 1, 1);
            rpc_expect_number(sockets[i], 1, 2);
        }
        struct threads threads = new_threads(&before);
        assert_int_equal(threads.count, 1 + workers);
        await_rest(&threads);
        unsigned long at_rest = switches(&threads);
        pause_ms(slow_ms(ms));
        assert_int_equal(switches(&threads) - at_rest, 0);
        for (int i = 0; i < SESSIONS; i++) {
            rpc_ask_number(sockets[i], 2, 3);
            rpc_expect_number(sockets[i], 2, 4);
            close(sockets[i]);
        }
        assert_true(switches(&threads) - at_rest > 0);
        netipc_server_close(server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_thread_runs_while_sessions_are_idle, scene_open, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
