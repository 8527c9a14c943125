/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/clock.h"
#include "tools/cgroups_plugin/container_names.h"
#include "tools/cgroups_plugin/events.h"
#include "tools/cgroups_plugin/lookup.h"
#include "tools/cgroups_plugin/publication.h"
#include "tools/cgroups_plugin/scan.h"
#include "tools/cgroups_plugin/table_json.h"
#include "tools/netdata.h"
#include "tools/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXIT_USAGE = 64 };

struct plugin {
    const struct options *options;
    struct scan_settings settings;
    struct publication publication;
    struct events events;
    struct lookup lookup;
    struct container_names *names;
    struct table latest;    /* of the last scan that worked; its serials say who came first */
    struct table published; /* zeroed while it is the same as latest, or when nothing is published yet */
    uint64_t cost_ns;       /* of the last scan that worked */
    bool any_published;
    bool latest_is_published;
    /* What has been said, so that a lasting trouble is one line. */
    netipc_status scan_trouble;
    netipc_status publish_trouble;
    bool said_left_out, said_too_deep, said_unreadable, said_missing;
};

static bool open_settings(struct scan_settings *settings, const struct options *options, struct failure *failure)
{
    *settings =
        (struct scan_settings){.root = options->host_prefix, .hierarchy = options->hierarchy, .max = options->max};
    return (pattern_list_parse(&settings->rules.search, options->search_patterns) &&
            pattern_list_parse(&settings->rules.enabled, options->enable_patterns) &&
            pattern_list_parse(&settings->rules.services, options->service_patterns)) ||
           fail_errno(failure, ENOMEM, "lists of patterns");
}

static void close_settings(struct scan_settings *settings)
{
    pattern_list_free(&settings->rules.search);
    pattern_list_free(&settings->rules.enabled);
    pattern_list_free(&settings->rules.services);
}

static void say_watches(struct plugin *plugin)
{
    const struct watches *watches = &plugin->events.watches;
    if (watches->missing > 0 && !plugin->said_missing) {
        report("scan: %zu directories are watched and %zu are not%s%s; changes there are seen at the interval",
               watches->count, watches->missing,
               watches->error == ENOSPC ? ", give more with fs.inotify.max_user_watches" : "",
               watches->error == 0 ? ", give more with --watches" : "");
    }
    plugin->said_missing = watches->missing > 0;
}

static void say_notes(struct plugin *plugin, const struct scan_notes *notes)
{
    if (plugin->latest.left_out > 0 && !plugin->said_left_out)
        report("--max: %zu cgroups are left out, %zu are taken; give a larger --max to have them all",
               plugin->latest.left_out, plugin->latest.count);
    if (notes->too_deep > 0 && !plugin->said_too_deep)
        report("scan: %zu cgroups are left out because their paths are longer than %d bytes", notes->too_deep,
               WALK_ID_MAX);
    if (notes->unreadable > 0 && !plugin->said_unreadable)
        report("scan: the children of %zu cgroups cannot be listed: permission denied", notes->unreadable);
    say_watches(plugin);
    plugin->said_left_out = plugin->said_left_out || plugin->latest.left_out > 0;
    plugin->said_too_deep = plugin->said_too_deep || notes->too_deep > 0;
    plugin->said_unreadable = plugin->said_unreadable || notes->unreadable > 0;
}

static void say_cost(const struct plugin *plugin, const struct scan_notes *notes)
{
    size_t count = plugin->latest.count + plugin->latest.left_out;
    double each_ns = (double)notes->cost_ns / (double)(count > 0 ? count : 1);
    if (plugin->options->verbose)
        report("scanned: %zu cgroups in %.3f ms, %.0f ns a cgroup; %zu directories are watched", count,
               (double)notes->cost_ns / 1e6, each_ns, plugin->events.watches.count);
}

static const struct table *published_table(const struct plugin *plugin)
{
    return plugin->latest_is_published ? &plugin->latest : &plugin->published;
}

/* Makes the table the latest one, and keeps the one that subscribers see for as long as it is that. */
static void replace_latest(struct plugin *plugin, const struct table *table)
{
    bool same = plugin->any_published && table_equal(table, published_table(plugin));
    if (plugin->latest_is_published && !same) {
        plugin->published = plugin->latest;
    } else {
        table_free(&plugin->latest);
        if (same)
            table_free(&plugin->published);
    }
    plugin->latest = *table;
    plugin->latest_is_published = same;
}

/* Gives the containers in a table the names that are known by now. False: the table is empty. */
static bool name_containers(struct plugin *plugin, struct table *table, struct failure *failure)
{
    if (!container_names_apply(plugin->names, table) || table_settle(table, failure))
        return true;
    table_free(table);
    return false;
}

static bool rescan(struct plugin *plugin, struct failure *failure)
{
    struct table table;
    struct scan_notes notes;
    if (!scan(&table, &plugin->latest, &plugin->settings, &notes, failure) ||
        !name_containers(plugin, &table, failure)) {
        if (plugin->scan_trouble != failure->status)
            report_status("scan", failure->status, failure->detail);
        plugin->scan_trouble = failure->status;
        return false;
    }
    plugin->scan_trouble = NETIPC_OK;
    plugin->cost_ns = notes.cost_ns;
    replace_latest(plugin, &table);
    lookup_set_truncated(&plugin->lookup, plugin->latest.left_out > 0);
    say_notes(plugin, &notes);
    say_cost(plugin, &notes);
    return true;
}

static bool publish(struct plugin *plugin, struct failure *failure)
{
    uint64_t generation;
    if (!publication_publish(&plugin->publication, &plugin->latest, &generation, failure)) {
        if (plugin->publish_trouble != failure->status)
            report_status("publish", failure->status, failure->detail);
        plugin->publish_trouble = failure->status;
        return false;
    }
    if (!lookup_put(&plugin->lookup, &plugin->latest, generation)) {
        /* To be mended by the next round as if nothing were published: with one more generation. */
        fail_errno(failure, ENOMEM, "lookups are answered from the generation before");
        if (plugin->publish_trouble != failure->status)
            report_status("lookup", failure->status, failure->detail);
        plugin->publish_trouble = failure->status;
        return false;
    }
    plugin->publish_trouble = NETIPC_OK;
    plugin->any_published = plugin->latest_is_published = true;
    table_free(&plugin->published);
    if (plugin->options->verbose)
        report("published: generation %" PRIu64 " with %zu cgroups", generation, table_seen(&plugin->latest));
    return true;
}

/* One round: scan, and publish what has changed or could not be published before. */
static bool update(struct plugin *plugin, struct failure *failure)
{
    struct events *events = &plugin->events;
    uint64_t began = clock_now_ns();
    events_drain(events);
    schedule_begin(&events->schedule, began);
    bool done = rescan(plugin, failure), changed = done && !plugin->latest_is_published;
    if (changed)
        done = publish(plugin, failure);
    uint64_t now = clock_now_ns();
    schedule_end(&events->schedule, began, now, changed);
    if (events->watches.added > 0)
        schedule_want(&events->schedule, now); /* for what has changed there before they were watched */
    return done;
}

/* Names have come: the latest table with them, which is published if anything in it is another one. */
static void rename_containers(struct plugin *plugin)
{
    struct table table;
    struct failure failure;
    if (!table_copy(&table, &plugin->latest) || !name_containers(plugin, &table, &failure))
        return; /* the next scan brings them */
    replace_latest(plugin, &table);
    if (!plugin->latest_is_published)
        (void)publish(plugin, &failure);
}

/* Serves until a signal ends it. Failures of a scan or of publishing are for the next round to mend. */
static bool run(struct plugin *plugin, struct failure *failure)
{
    struct failure trouble = {0};
    plugin->events.names = container_names_descriptor(plugin->names);
    schedule_start(&plugin->events.schedule, plugin->options->interval_ns, plugin->options->early_ns, clock_now_ns());
    if (!update(plugin, &trouble) && plugin->options->once) {
        *failure = trouble;
        return false;
    }
    *failure = (struct failure){0};
    for (enum wish wish; (wish = events_wait(&plugin->events, failure)) != WISH_END;) {
        if (wish == WISH_SCAN)
            (void)update(plugin, &trouble);
        if (container_names_handle(plugin->names))
            rename_containers(plugin);
    }
    return failure->status == NETIPC_OK;
}

static bool serve_lookups(struct plugin *plugin, struct failure *failure)
{
    if (!lookup_open(&plugin->lookup, plugin->options, &plugin->settings.rules, &plugin->events, failure)) {
        report_status("open", failure->status, failure->detail);
        return false;
    }
    plugin->settings.watches = &plugin->events.watches;
    bool done = run(plugin, failure);
    lookup_close(&plugin->lookup);
    return done;
}

static int serve(struct plugin *plugin)
{
    struct failure failure = {0};
    const struct options *options = plugin->options;
    bool done = false;
    if (!events_open(&plugin->events, options->once, options->watches_max, &failure)) {
        report_status("start", failure.status, failure.detail);
    } else if (!publication_open(&plugin->publication, options, &failure)) {
        report_status("open", failure.status, failure.detail);
    } else {
        done = serve_lookups(plugin, &failure);
        publication_close(&plugin->publication);
    }
    events_close(&plugin->events);
    return done ? EXIT_SUCCESS : (int)failure.status;
}

static int print(struct plugin *plugin)
{
    struct failure failure;
    if (!rescan(plugin, &failure))
        return (int)failure.status;
    container_names_wait(plugin->names, plugin->options->wait_names_ns);
    if (!name_containers(plugin, &plugin->latest, &failure)) {
        report_status("print", failure.status, failure.detail);
        return (int)failure.status;
    }
    if (table_print_json(&plugin->latest, plugin->cost_ns, stdout))
        return EXIT_SUCCESS;
    fail_errno(&failure, errno, "standard output");
    report_status("print", failure.status, failure.detail);
    return (int)failure.status;
}

static int start(const struct options *options)
{
    struct plugin plugin = {.options = options};
    struct failure failure;
    int code;
    if (open_settings(&plugin.settings, options, &failure) && container_names_open(&plugin.names, options, &failure)) {
        code = options->print ? print(&plugin) : serve(&plugin);
    } else {
        report_status("start", failure.status, failure.detail);
        code = (int)failure.status;
    }
    container_names_close(plugin.names);
    table_free(&plugin.latest);
    table_free(&plugin.published);
    close_settings(&plugin.settings);
    return code;
}

/* For what was not given. */
static bool take_environment(struct options *options)
{
    char error[NETDATA_ERROR_SIZE];
    if (options->print || ((options->run_dir != NULL || netdata_run_dir(true, &options->run_dir, error)) &&
                           (options->token_given || netdata_token(&options->token, error))))
        return true;
    report("%s", error);
    return false;
}

int main(int argc, char **argv)
{
    struct options options;
    struct failure failure;
    int code = EXIT_SUCCESS;
    uint64_t seconds; /* for charts: cgroups are looked for at --interval, however often these are drawn */
    (void)netdata_take_seconds(&argc, &argv, &seconds);
    switch (options_parse(&options, argc, argv, &failure)) {
    case OPTIONS_HELP:
        fputs(options_help, stdout);
        break;
    case OPTIONS_VERSION:
        puts("cgroups.plugin " CGROUPS_PLUGIN_VERSION);
        break;
    case OPTIONS_USAGE:
        report("%s; try --help", failure.detail);
        code = EXIT_USAGE;
        break;
    case OPTIONS_RUN:
        code = take_environment(&options) ? start(&options) : EXIT_USAGE;
        break;
    }
    options_free(&options);
    return code;
}
