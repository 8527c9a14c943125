/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/netipc/commands.h"
#include "tools/netipc/finding_report.h"
#include "tools/netipc/json.h"
#include "tools/netipc/services.h"

#include <stdio.h>

struct check {
    const struct options *options;
    netipc_status worst; /* the largest number: causes are numbered from the harmless to the grave */
    struct json_object *findings;
};

static bool check_service(struct check *check, const char *service)
{
    struct finding finding;
    finding_make(&finding, check->options, service);
    if (finding.status > check->worst)
        check->worst = finding.status;
    if (check->options->json)
        return json_append(check->findings, finding_json(&finding));
    finding_print(&finding, check->options->verbose);
    fflush(stdout); /* the next one may take until its timeout */
    return true;
}

static bool check_services(struct check *check, const struct services *services)
{
    for (size_t i = 0; i < services->count; i++) {
        if (!check_service(check, services->names[i]))
            return false;
    }
    return true;
}

/* Takes over the findings; whole: they are all there. */
static netipc_status print_json(struct check *check, bool whole)
{
    struct json_object *object = json_object_new_object();
    bool made = object != NULL && whole && json_put_text(object, "run_dir", check->options->run_dir) &&
                json_put_status(object, check->worst, "") &&
                json_put(object, "services", json_object_get(check->findings));
    json_object_put(check->findings);
    if (made)
        return json_print(object);
    json_object_put(object);
    return json_print(NULL);
}

netipc_status health_check(const struct options *options)
{
    struct check check = {.options = options};
    if (options->json && (check.findings = json_object_new_array()) == NULL)
        return json_print(NULL);
    bool whole = true;
    if (options->service != NULL) {
        whole = check_service(&check, options->service);
    } else {
        struct services services;
        check.worst = services_list(&services, options->run_dir);
        if (check.worst == NETIPC_OK)
            whole = check_services(&check, &services);
        services_free(&services);
    }
    if (!options->json)
        return check.worst;
    netipc_status printed = print_json(&check, whole);
    return printed == NETIPC_OK ? check.worst : printed;
}
