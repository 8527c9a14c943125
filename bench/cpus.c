/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/cpus.h"

#include "bench/notice.h"
#include "bench/quantity.h"

#include <hwloc.h>
#include <sched.h>
#include <string.h>

static const char *const relation_names[] = {"any", "same-core", "same-l2", "same-l3", "cross-numa"};
static const char *const relation_words[] = {"share nothing that is known", "are threads of one core",
                                             "share an L2 cache", "share an L3 cache", "are on different NUMA nodes"};

bool cpus_parse_relation(const char *text, enum cpus_relation *relation)
{
    for (int i = CPUS_SAME_CORE; i <= CPUS_CROSS_NUMA; i++)
        if (strcmp(text, relation_names[i]) == 0) {
            *relation = (enum cpus_relation)i;
            return true;
        }
    return false;
}

const char *cpus_relation_name(enum cpus_relation relation)
{
    return relation_names[relation];
}

bool cpus_parse_list(const char *text, struct cpus *cpus)
{
    char copy[4096], *rest = copy;
    if (strlen(text) >= sizeof copy)
        return false;
    memcpy(copy, text, strlen(text) + 1);
    cpus->count = 0;
    while (rest != NULL) {
        uint64_t number;
        const char *part = strsep(&rest, ",");
        if (cpus->count == CPUS_MOST || !quantity_number(part, 0, 1000000, &number))
            return false;
        cpus->numbers[cpus->count++] = (unsigned)number;
    }
    return cpus->count >= 2;
}

static hwloc_topology_t load_topology(void)
{
    hwloc_topology_t topology;
    if (hwloc_topology_init(&topology) != 0)
        return NULL;
    if (hwloc_topology_load(topology) != 0) {
        hwloc_topology_destroy(topology);
        return NULL;
    }
    return topology;
}

static bool same_above(hwloc_topology_t topology, hwloc_obj_t a, hwloc_obj_t b, hwloc_obj_type_t type)
{
    hwloc_obj_t above = hwloc_get_ancestor_obj_by_type(topology, type, a);
    return above != NULL && above == hwloc_get_ancestor_obj_by_type(topology, type, b);
}

/* The nearest thing that two CPUs have in common. */
static enum cpus_relation relation_of(hwloc_topology_t topology, hwloc_obj_t a, hwloc_obj_t b)
{
    if (same_above(topology, a, b, HWLOC_OBJ_CORE))
        return CPUS_SAME_CORE;
    if (same_above(topology, a, b, HWLOC_OBJ_L2CACHE))
        return CPUS_SAME_L2;
    if (same_above(topology, a, b, HWLOC_OBJ_L3CACHE))
        return CPUS_SAME_L3;
    if (a->nodeset != NULL && b->nodeset != NULL && !hwloc_bitmap_intersects(a->nodeset, b->nodeset))
        return CPUS_CROSS_NUMA;
    return CPUS_ANY;
}

static bool usable(const cpu_set_t *allowed, hwloc_obj_t pu)
{
    return pu->os_index < CPU_SETSIZE && CPU_ISSET(pu->os_index, allowed);
}

/* All CPUs that stand in a relation to a first one; false when there is no such pair. */
static bool pick(hwloc_topology_t topology, const cpu_set_t *allowed, enum cpus_relation relation, struct cpus *cpus)
{
    int count = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
    for (int first = 0; first < count; first++) {
        hwloc_obj_t a = hwloc_get_obj_by_type(topology, HWLOC_OBJ_PU, (unsigned)first);
        if (!usable(allowed, a))
            continue;
        cpus->numbers[0] = a->os_index;
        cpus->count = 1;
        for (int other = 0; other < count && cpus->count < CPUS_MOST; other++) {
            hwloc_obj_t b = hwloc_get_obj_by_type(topology, HWLOC_OBJ_PU, (unsigned)other);
            if (other != first && usable(allowed, b) && relation_of(topology, a, b) == relation)
                cpus->numbers[cpus->count++] = b->os_index;
        }
        if (cpus->count >= 2) {
            cpus->how = relation_words[relation];
            return true;
        }
    }
    return false;
}

bool cpus_pick(enum cpus_relation relation, struct cpus *cpus)
{
    static const enum cpus_relation preferred[] = {CPUS_SAME_L2, CPUS_SAME_L3, CPUS_CROSS_NUMA, CPUS_ANY,
                                                   CPUS_SAME_CORE};
    cpu_set_t allowed;
    hwloc_topology_t topology = load_topology();
    if (topology == NULL || sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
        notice("the CPUs of this machine cannot be found out; name two with --cpus A,B");
        if (topology != NULL)
            hwloc_topology_destroy(topology);
        return false;
    }
    bool found = false;
    if (relation != CPUS_ANY)
        found = pick(topology, &allowed, relation, cpus);
    for (size_t i = 0; relation == CPUS_ANY && !found && i < sizeof preferred / sizeof *preferred; i++)
        found = pick(topology, &allowed, preferred[i], cpus);
    hwloc_topology_destroy(topology);
    if (!found && relation == CPUS_ANY)
        notice("two CPUs are needed, and this process may use one only: see its affinity (taskset -p) and cpuset");
    else if (!found)
        notice("no two CPUs that this process may use %s; take another --topology, or --cpus A,B",
               relation_words[relation]);
    return found;
}

bool cpus_check(struct cpus *cpus)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        CPU_ZERO(&allowed);
    for (size_t i = 0; i < cpus->count; i++) {
        if (cpus->numbers[i] >= CPU_SETSIZE || !CPU_ISSET(cpus->numbers[i], &allowed)) {
            notice("--cpus: CPU %u is not there, or this process may not use it (taskset -p shows which)",
                   cpus->numbers[i]);
            return false;
        }
        if (i > 0 && cpus->numbers[i] == cpus->numbers[0]) {
            notice("--cpus: CPU %u is the publisher's; a subscriber that spins there would only wait for its turn",
                   cpus->numbers[i]);
            return false;
        }
    }
    cpus->how = relation_words[CPUS_ANY];
    hwloc_topology_t topology = load_topology();
    if (topology != NULL) {
        hwloc_obj_t a = hwloc_get_pu_obj_by_os_index(topology, cpus->numbers[0]);
        hwloc_obj_t b = hwloc_get_pu_obj_by_os_index(topology, cpus->numbers[1]);
        if (a != NULL && b != NULL)
            cpus->how = relation_words[relation_of(topology, a, b)];
        hwloc_topology_destroy(topology);
    }
    return true;
}

unsigned cpus_of_subscriber(const struct cpus *cpus, size_t number)
{
    return cpus->numbers[1 + number % (cpus->count - 1)];
}

bool cpus_pin(unsigned cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0;
}
