/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/machine.h"

#include "bench/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* The first line of a file, without its end; NULL: there is none. */
static const char *first_line(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "re");
    const char *got = file != NULL ? fgets(line, size, file) : NULL;
    if (file != NULL)
        fclose(file);
    if (got != NULL)
        line[strcspn(line, "\n")] = '\0';
    return got;
}

static void add_file(struct json_object *json, const char *name, const char *path)
{
    char line[256];
    document_text(json, name, first_line(path, line, sizeof line));
}

/* Model and whether a hypervisor is below: the first of all processors speaks for all. */
static void add_processor(struct json_object *json)
{
    char line[4096], model[256] = "";
    bool hypervisor = false;
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *value = strchr(line, ':');
        if (value != NULL && strncmp(line, "model name", 10) == 0 && model[0] == '\0')
            snprintf(model, sizeof model, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
        if (value != NULL && strncmp(line, "flags", 5) == 0)
            hypervisor = hypervisor || strstr(value, " hypervisor") != NULL;
    }
    if (file != NULL)
        fclose(file);
    document_text(json, "cpu_model", model[0] != '\0' ? model : NULL);
    json_object_object_add(json, "hypervisor", json_object_new_boolean(hypervisor));
}

static void add_cpus(struct json_object *json, const struct cpus *cpus)
{
    struct json_object *numbers = json_object_new_array();
    for (size_t i = 0; i < cpus->count; i++)
        json_object_array_add(numbers, json_object_new_int64(cpus->numbers[i]));
    json_object_object_add(json, "cpus", numbers);
    document_text(json, "cpus_share", cpus->how);
}

struct machine_date machine_date(void)
{
    struct machine_date date = {""};
    struct tm now;
    time_t seconds = time(NULL);
    if (gmtime_r(&seconds, &now) == NULL || strftime(date.text, sizeof date.text, "%Y-%m-%dT%H:%M:%SZ", &now) == 0)
        date.text[0] = '\0';
    return date;
}

struct json_object *machine_json(const struct cpus *cpus)
{
    struct json_object *json = json_object_new_object();
    struct utsname name;
    double load;
    document_text(json, "date", machine_date().text);
    add_processor(json);
    document_count(json, "cpus_online", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
    add_cpus(json, cpus);
    document_count(json, "memory_bytes", (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
    if (uname(&name) == 0) {
        document_text(json, "system", name.sysname);
        document_text(json, "kernel", name.release);
        document_text(json, "architecture", name.machine);
    }
    add_file(json, "clock_source", "/sys/devices/system/clocksource/clocksource0/current_clocksource");
    add_file(json, "idle_driver", "/sys/devices/system/cpu/cpuidle/current_driver");
    add_file(json, "idle_governor", "/sys/devices/system/cpu/cpuidle/current_governor");
    add_file(json, "frequency_governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    if (getloadavg(&load, 1) == 1)
        document_number(json, "load", load);
    document_text(json, "version", SHMBENCH_VERSION);
    document_text(json, "build", SHMBENCH_BUILD);
    document_text(json, "compiler", __VERSION__);
    return json;
}
