/* SPDX-License-Identifier: Apache-2.0 */
/* The corpus of cgroups, named and judged by the default lists. */
#include "tests/corpus/cgroups.h"
#include "tools/cgroups_plugin/naming.h"
#include "tools/cgroups_plugin/options.h"
#include "tools/cgroups_plugin/pattern.h"

#include <netipc/lookup.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void every_cgroup_has_its_name_and_orchestrator(void **state)
{
    (void)state;
    for (size_t i = 0; i < corpus_cgroup_count; i++) {
        const corpus_cgroup *cgroup = &corpus_cgroups[i];
        struct naming naming;
        if (cgroup->unreal)
            continue;
        assert_true(name_of_cgroup(&naming, cgroup->id, cgroup->service));
        if (strcmp(naming.text, cgroup->name) != 0 || (int)naming.orchestrator != cgroup->orchestrator)
            fail_msg("%s is %s of %s", cgroup->id, naming.text, orchestrator_text(naming.orchestrator));
        free(naming.text);
    }
}

static void the_default_lists_say_of_every_cgroup_what_they_should(void **state)
{
    (void)state;
    char program[] = "cgroups.plugin";
    char *arguments[] = {program, NULL};
    struct options options;
    struct failure failure;
    struct pattern_list services, enabled, searched;
    assert_int_equal(options_parse(&options, 1, arguments, &failure), OPTIONS_RUN);
    assert_true(pattern_list_parse(&services, options.service_patterns));
    assert_true(pattern_list_parse(&enabled, options.enable_patterns));
    assert_true(pattern_list_parse(&searched, options.search_patterns));
    for (size_t i = 0; i < corpus_cgroup_count; i++) {
        const corpus_cgroup *cgroup = &corpus_cgroups[i];
        if (cgroup->unreal)
            continue;
        bool service = pattern_list_matches(&services, cgroup->id);
        if (service != cgroup->service || (service || pattern_list_matches(&enabled, cgroup->id)) != cgroup->enabled ||
            pattern_list_matches(&searched, cgroup->id) != cgroup->searched)
            fail_msg("%s", cgroup->id);
    }
    pattern_list_free(&services);
    pattern_list_free(&enabled);
    pattern_list_free(&searched);
    options_free(&options);
}

static void parents_come_before_their_children_and_nothing_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < corpus_cgroup_count; i++)
        for (size_t later = i + 1; later < corpus_cgroup_count; later++) {
            const char *id = corpus_cgroups[i].id, *parent = corpus_cgroups[later].id;
            size_t length = strlen(parent);
            if (strcmp(id, parent) == 0 || (strncmp(id, parent, length) == 0 && id[length] == '/'))
                fail_msg("%s comes before %s", id, parent);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cgroup_has_its_name_and_orchestrator),
        cmocka_unit_test(the_default_lists_say_of_every_cgroup_what_they_should),
        cmocka_unit_test(parents_come_before_their_children_and_nothing_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
