/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/ebpf_plugin/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

void write_list(const struct stage *stage, pid_t pid)
{
    FILE *file = fopen(stage->list, "w");
    assert_non_null(file);
    assert_true(fprintf(file, "%d\n", pid) > 0);
    assert_int_equal(fclose(file), 0);
}

int stage_set_up(void **state)
{
    struct stage *stage = calloc(1, sizeof *stage);
    assert_non_null(stage);
    stage->publisher = (struct program){.in = -1, .out = -1};
    stage->plugin = stage->publisher;
    strcpy(stage->directory, "/tmp/netipc-ebpf-XXXXXX");
    assert_non_null(mkdtemp(stage->directory));
    snprintf(stage->run_dir, sizeof stage->run_dir, "%s/run", stage->directory);
    assert_int_equal(mkdir(stage->run_dir, 0700), 0);
    snprintf(stage->errors, sizeof stage->errors, "%s/errors", stage->directory);
    snprintf(stage->list, sizeof stage->list, "%s/cgroup.procs", stage->directory);
    write_list(stage, getpid());
    *state = stage;
    return 0;
}

int stage_tear_down(void **state)
{
    struct stage *stage = *state;
    program_end(&stage->plugin);
    program_end(&stage->publisher);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", stage->directory);
    assert_int_equal(system(command), 0);
    free(stage);
    return 0;
}

int count_errors(const struct stage *stage, const char *text)
{
    static char said[1 << 16];
    FILE *file = fopen(stage->errors, "r");
    assert_non_null(file);
    said[fread(said, 1, sizeof said - 1, file)] = '\0';
    fclose(file);
    int count = 0;
    for (const char *at = said; (at = strstr(at, text)); at++)
        count++;
    return count;
}
