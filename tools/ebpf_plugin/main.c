/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ebpf_plugin/census.h"
#include "tools/ebpf_plugin/follow.h"
#include "tools/ebpf_plugin/listing.h"
#include "tools/ebpf_plugin/lists.h"
#include "tools/ebpf_plugin/notice.h"
#include "tools/ebpf_plugin/options.h"
#include "tools/ebpf_plugin/pace.h"
#include "tools/ebpf_plugin/procs.h"
#include "tools/ebpf_plugin/report.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct plugin {
    struct options options;
    struct pace pace;
    struct follower follower;
    struct procs_reader reader;
    struct lists lists;
    struct census census;
    struct listing listing;
    struct line_buffer line;
    uint64_t procs_due_ns;
};

/* False when stopped half-way. */
static bool read_processes(struct plugin *plugin)
{
    uint64_t now = pace_now_ns();
    bool all = now >= plugin->procs_due_ns;
    if (all)
        plugin->procs_due_ns = now + plugin->options.procs_interval_ns;
    for (size_t i = 0; i < plugin->lists.count; i++) {
        struct list *list = &plugin->lists.at[i];
        if (!all && list->procs.read)
            continue;
        if (pace_stopped(&plugin->pace))
            return false;
        enum procs_result result = procs_refresh(&plugin->reader, &list->procs, list->path);
        if (result == PROCS_KEPT && plugin->options.verbose)
            notice("%s cannot be read, its %zu processes stay for one more reading", list->path, list->procs.count);
    }
    if (!census_take(&plugin->census, &plugin->lists))
        notice("no memory to count processes; the last count stays");
    return true;
}

static bool make_json(struct plugin *plugin, const struct report *report)
{
    const netipc_cache_snapshot *snapshot;
    netipc_status status = netipc_cache_enter(plugin->follower.cache, &snapshot);
    if (status != NETIPC_OK && status != NETIPC_EMPTY)
        return false;
    bool made = listing_take(&plugin->listing, snapshot, &plugin->lists) &&
                report_json(report, &plugin->listing, &plugin->line);
    netipc_cache_leave(snapshot);
    return made;
}

/* One refresh and its line. False ends the program, with the status in *result. */
static bool print_line(struct plugin *plugin, int *result)
{
    struct standing standing;
    const struct report report = {.standing = &standing, .census = &plugin->census};
    follower_step(&plugin->follower, &plugin->lists, &standing);
    *result = 0;
    if (!read_processes(plugin))
        return false;
    if (!(plugin->options.json ? make_json(plugin, &report) : report_text(&report, &plugin->line))) {
        notice("no memory for a line of %u cgroups; give the program more, or have less published",
               standing.cache.count);
        *result = NETIPC_NO_MEMORY;
        return false;
    }
    if (!pace_write(&plugin->pace, STDOUT_FILENO, plugin->line.text, plugin->line.length)) {
        if (errno) {
            notice("cannot write to stdout: %s", strerror(errno));
            *result = NETIPC_SYSTEM;
        }
        return false;
    }
    return true;
}

static int run(struct plugin *plugin)
{
    int result = 0;
    for (uint64_t lines = 1; print_line(plugin, &result); lines++) {
        if (lines == plugin->options.count || !pace_wait(&plugin->pace))
            break;
    }
    return result;
}

static int open_and_run(struct plugin *plugin)
{
    if (!procs_reader_open(&plugin->reader, plugin->options.host_prefix)) {
        notice("%s/proc: %s; --host-prefix takes the directory that holds the host's proc and sys",
               plugin->options.host_prefix, strerror(errno));
        return EXIT_USAGE;
    }
    netipc_status status = follower_open(&plugin->follower, &plugin->options);
    if (status != NETIPC_OK)
        notice_status(status, "cannot follow service %s in %s", plugin->options.service, plugin->options.run_dir);
    int result = status == NETIPC_INVALID_ARGUMENT ? EXIT_USAGE : (int)status;
    if (status == NETIPC_OK) {
        result = run(plugin);
        follower_close(&plugin->follower);
    }
    procs_reader_close(&plugin->reader);
    lists_free(&plugin->lists);
    census_free(&plugin->census);
    listing_free(&plugin->listing);
    line_buffer_free(&plugin->line);
    return result;
}

int main(int argc, char **argv)
{
    struct plugin plugin = {0};
    enum options_result parsed = options_parse(argc, argv, &plugin.options);
    if (parsed != OPTIONS_RUN)
        return parsed == OPTIONS_DONE ? 0 : EXIT_USAGE;
    if (!pace_open(&plugin.pace, plugin.options.interval_ns)) {
        notice("signals cannot be set up: %s", strerror(errno));
        return NETIPC_SYSTEM;
    }
    int result = open_and_run(&plugin);
    pace_close(&plugin.pace);
    return result;
}
