/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/publication.h"
#include "tools/cgroups_plugin/report.h"
#include "tools/cgroups_plugin/scan.h"
#include "tools/cgroups_plugin/table_json.h"
#include "tools/netdata.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { EXIT_USAGE = 64 };

struct plugin {
    const struct options *options;
    struct scan_settings settings;
    struct publication publication;
    struct table latest;    /* of the last scan that worked; its serials say who came first */
    struct table published; /* zeroed while it is the same as latest, or when nothing is published yet */
    bool any_published;
    bool latest_is_published;
    /* What has been said, so that a lasting trouble is one line. */
    netipc_status scan_trouble;
    netipc_status publish_trouble;
    bool said_left_out, said_too_deep, said_unreadable;
};

static bool open_settings(struct scan_settings *settings, const struct options *options, struct failure *failure)
{
    *settings = (struct scan_settings){options->host_prefix, options->hierarchy, {{0}, {0}, {0}}, options->max};
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
    plugin->said_left_out = plugin->said_left_out || plugin->latest.left_out > 0;
    plugin->said_too_deep = plugin->said_too_deep || notes->too_deep > 0;
    plugin->said_unreadable = plugin->said_unreadable || notes->unreadable > 0;
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

static bool rescan(struct plugin *plugin, struct failure *failure)
{
    struct table table;
    struct scan_notes notes;
    if (!scan(&table, &plugin->latest, &plugin->settings, &notes, failure)) {
        if (plugin->scan_trouble != failure->status)
            report_status("scan", failure->status, failure->detail);
        plugin->scan_trouble = failure->status;
        return false;
    }
    plugin->scan_trouble = NETIPC_OK;
    replace_latest(plugin, &table);
    say_notes(plugin, &notes);
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
    plugin->publish_trouble = NETIPC_OK;
    plugin->any_published = plugin->latest_is_published = true;
    table_free(&plugin->published);
    if (plugin->options->verbose)
        report("published: generation %" PRIu64 " with %zu cgroups", generation, plugin->latest.count);
    return true;
}

/* One round: scan, and publish what has changed or could not be published before. */
static bool update(struct plugin *plugin, struct failure *failure)
{
    return rescan(plugin, failure) && (plugin->latest_is_published || publish(plugin, failure));
}

/* Fires at start + n · interval, however long a scan takes; what is missed meanwhile counts once. */
static int open_timer(uint64_t interval_ns, struct failure *failure)
{
    struct timespec period = {.tv_sec = (time_t)(interval_ns / 1000000000u),
                              .tv_nsec = (long)(interval_ns % 1000000000u)};
    struct itimerspec spec = {.it_interval = period, .it_value = period};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd >= 0 && timerfd_settime(fd, 0, &spec, NULL) == 0)
        return fd;
    fail_errno(failure, errno, "timer");
    if (fd >= 0)
        close(fd);
    return -1;
}

/* The signals are blocked before the library starts its thread, which blocks all of them anyway. */
static int open_signals(struct failure *failure)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    signal(SIGPIPE, SIG_IGN); /* a closed stderr is no reason to end */
    int fd = -1;
    if (sigprocmask(SIG_BLOCK, &signals, NULL) == 0)
        fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        fail_errno(failure, errno, "signals");
    return fd;
}

enum wish { WISH_NOTHING, WISH_SCAN, WISH_END };

static enum wish next_wish(int signals, int timer, struct failure *failure)
{
    struct pollfd polled[2] = {{.fd = signals, .events = POLLIN}, {.fd = timer, .events = POLLIN}};
    if (poll(polled, 2, -1) < 0) {
        if (errno == EINTR)
            return WISH_NOTHING;
        fail_errno(failure, errno, "poll");
        return WISH_END;
    }
    struct signalfd_siginfo signal_info;
    uint64_t expirations;
    enum wish wish = WISH_NOTHING;
    if (read(timer, &expirations, sizeof expirations) > 0)
        wish = WISH_SCAN;
    while (read(signals, &signal_info, sizeof signal_info) == (ssize_t)sizeof signal_info) {
        if (signal_info.ssi_signo != SIGHUP)
            return WISH_END;
        wish = WISH_SCAN;
    }
    return wish;
}

/* Serves until a signal ends it. Failures of a scan or of publishing are for the next round to mend. */
static bool run(struct plugin *plugin, int signals, int timer, struct failure *failure)
{
    if (!update(plugin, failure) && plugin->options->once)
        return false;
    *failure = (struct failure){0};
    for (;;) {
        struct failure trouble;
        switch (next_wish(signals, timer, failure)) {
        case WISH_SCAN:
            (void)update(plugin, &trouble);
            break;
        case WISH_END:
            return failure->status == NETIPC_OK;
        case WISH_NOTHING:
            break;
        }
    }
}

static int serve(struct plugin *plugin)
{
    struct failure failure = {0};
    const struct options *options = plugin->options;
    int timer = -1, signals = open_signals(&failure);
    bool done = false;
    if (signals < 0 || (!options->once && (timer = open_timer(options->interval_ns, &failure)) < 0)) {
        report_status("start", failure.status, failure.detail);
    } else if (!publication_open(&plugin->publication, options, &failure)) {
        report_status("open", failure.status, failure.detail);
    } else {
        done = run(plugin, signals, timer, &failure);
        publication_close(&plugin->publication);
    }
    if (timer >= 0)
        close(timer);
    if (signals >= 0)
        close(signals);
    return done ? EXIT_SUCCESS : (int)failure.status;
}

static int print(struct plugin *plugin)
{
    struct failure failure;
    if (!rescan(plugin, &failure))
        return (int)failure.status;
    if (table_print_json(&plugin->latest, stdout))
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
    if (open_settings(&plugin.settings, options, &failure)) {
        code = options->print ? print(&plugin) : serve(&plugin);
    } else {
        report_status("start", failure.status, failure.detail);
        code = (int)failure.status;
    }
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
