/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/command.h"
#include "bench/notice.h"

#include <inttypes.h>
#include <stdio.h>

static bool measure(struct experiment *experiment)
{
    struct calibration calibration;
    notice_progress("calibrate");
    if (!calibration_run(&experiment->cpus, !experiment->options.quick, &calibration, &experiment->failure))
        return false;
    json_object_put(experiment->results);
    experiment->results = calibration_json(&calibration);
    return true;
}

static void summarize(const struct experiment *experiment, struct json_object *document)
{
    struct json_object *results = NULL, *copies = NULL;
    (void)experiment;
    printf("core to core, one way   %8.1f ns   p99 %.1f\n", experiment_figure(document, "results/oneway_ns/p50"),
           experiment_figure(document, "results/oneway_ns/p99"));
    printf("clock_gettime           %8.1f ns\n", experiment_figure(document, "results/clock_ns"));
    printf("system call             %8.1f ns\n", experiment_figure(document, "results/syscall_ns"));
    printf("PAUSE                   %8.1f ns\n", experiment_figure(document, "results/pause_ns"));
    printf("futex wake, no sleeper  %8.1f ns\n", experiment_figure(document, "results/futex_wake_ns"));
    printf("futex ping              %8.1f ns   p99 %.1f\n", experiment_figure(document, "results/futex_ping_ns/p50"),
           experiment_figure(document, "results/futex_ping_ns/p99"));
    printf("steal time              %8.1f %%\n", experiment_figure(document, "results/steal_percent"));
    json_object_object_get_ex(document, "results", &results);
    json_object_object_get_ex(results, "memcpy", &copies);
    for (size_t i = 0; i < json_object_array_length(copies); i++) {
        struct json_object *copy = json_object_array_get_idx(copies, i);
        double size = experiment_figure(copy, "size"), ns = experiment_figure(copy, "ns");
        printf("memcpy of %-8.0f      %8.1f ns   %.1f GB/s\n", size, ns, size / ns);
    }
}

const struct command command_calibrate = {
    .name = "calibrate",
    .summary = "what the machine can do: core to core, memcpy, clock, system calls, futex",
    .help = "Measures, on two CPUs: half a round trip of a line between them; memcpy by size; the clock, a\n"
            "cheap system call, PAUSE, a futex wake with nobody asleep; the way from such a wake to a process\n"
            "that slept on the other CPU; and the time stolen from this machine meanwhile.",
    .calibrates = true,
    .measure = measure,
    .summarize = summarize,
};
