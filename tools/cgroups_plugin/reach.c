/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/reach.h"

#include <limits.h>
#include <string.h>

/* Could a scan come upon it? As it is done there: all that stand above it are visited. */
static bool is_reachable(const struct rules *rules, const char *path)
{
    if (path[0] != '/' || strlen(path) > WALK_ID_MAX)
        return false;
    if (path[1] == '\0')
        return true;
    for (const char *slash = path; slash != NULL; slash = strchr(slash + 1, '/')) {
        size_t length = strcspn(slash + 1, "/");
        bool is_name = length > 0 && length <= NAME_MAX && !(length <= 2 && memcmp(slash + 1, "..", length) == 0);
        size_t above = slash == path ? 1 : (size_t)(slash - path);
        if (!is_name || !pattern_list_matches_bytes(&rules->search, path, above))
            return false;
    }
    return true;
}

bool may_be_found(const struct rules *rules, const char *path)
{
    return is_reachable(rules, path) &&
           (pattern_list_matches(&rules->services, path) || pattern_list_matches(&rules->enabled, path));
}
