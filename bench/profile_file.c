/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/profile_file.h"

#include "bench/document.h"
#include "bench/notice.h"

#include <netipc/subscriber.h>
#include <stdio.h>

static netipc_status read_file(const char *path, netipc_profile *profile)
{
    char text[NETIPC_PROFILE_TEXT_MAX + 1];
    FILE *file = fopen(path, "re");
    size_t length = file != NULL ? fread(text, 1, sizeof text, file) : 0;
    bool good = file != NULL && ferror(file) == 0;
    if (!good)
        notice_errno("--profile %s: cannot be read; shmbench sweep --profile FILE writes one", path);
    if (file != NULL)
        fclose(file);
    if (!good)
        return NETIPC_SYSTEM;
    netipc_profile_init(profile);
    netipc_status status = netipc_profile_parse(text, length, profile);
    if (status != NETIPC_OK)
        notice_status(status, "--profile %s", path);
    return status;
}

bool profile_file_take(struct experiment *experiment, netipc_profile *profile, const netipc_profile **given)
{
    struct options *options = &experiment->options;
    *given = NULL;
    if (options->profile == NULL)
        return true;
    netipc_status status = read_file(options->profile, profile);
    if (status != NETIPC_OK) {
        experiment->failure = (int)status;
        return false;
    }
    options->spin_ns_given = (profile->keys & NETIPC_PROFILE_SPIN_NS) != 0;
    options->spin_ns = profile->spin_ns;
    bool fixed = (profile->keys & NETIPC_PROFILE_SPIN) != 0 && profile->spin == NETIPC_SPIN_FIXED;
    document_text(experiment->params, "spin", fixed ? "fixed" : "adaptive");
    document_count(experiment->params, "spin_ns", options_spin_ns(options));
    *given = profile;
    return true;
}
