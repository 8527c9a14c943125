/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PLACEMENT_H
#define NETIPC_PLACEMENT_H

#include <netipc/export.h>

NETIPC_BEGIN_DECLS

/*
 * Where and how the memory of a region lies: wishes, in the field placement of a publisher's and of a subscriber's
 * config, that hold for every region from the first on, those of growth included. What the system refuses is done
 * without: no call ever fails for it. The info structs tell what has become of the wishes in the region at hand, and a
 * log event "placement-refused" comes for each refused one, with the fields option, status, reason, ordinal and
 * region_size. Nothing is tried again before the next region. None of this changes the bytes of a region, and neither
 * side needs to know what the other asked for.
 *
 * NETIPC_PLACE_HUGE_PAGES
 *   Publisher: makes the region of transparent huge pages (2 MiB, with pages of 4 KiB), as many as fit into it whole;
 *   what is left at its end is of ordinary pages. Needs Linux 6.1; the setting shmem_enabled of the system does not
 *   matter. Refused when the region is smaller than a huge page, when the system has no huge page left, or when huge
 *   pages are disabled for the process (prctl(2), PR_SET_THP_DISABLE). It is refused as a whole, and the huge pages
 * made so far stay, when one of them could not be made. Subscriber: maps the region at an address where huge pages of
 * the publisher are mapped as such, which saves most of its faults and TLB misses. Whether the publisher has made any
 * is told by the publisher's info. A subscriber makes none itself: that would move the publisher's memory under it, and
 * charge it to the subscriber.
 *
 * NETIPC_PLACE_LOCK
 *   Locks the mapping into memory (mlock(2)), so that it is never swapped out. Counts against RLIMIT_MEMLOCK of the
 *   process, unless it has CAP_IPC_LOCK: the region's size, and during growth the sum of the old and the new one's, at
 * a subscriber for as long as a view of the old one is held. Refused when that is too little.
 *
 * NETIPC_PLACE_PREFAULT
 *   Subscriber: the mapping's page tables are complete when refresh returns, so that no first access faults. A refresh
 *   tries that in any case; with this flag also on systems that cannot do it at once (before Linux 5.14), by reading a
 *   byte of each page, and is told of when refused.
 *   Publisher: always so, with or without; in force whenever it is asked for.
 *
 * NETIPC_PLACE_NUMA_NODE
 *   Only in infos, for numa_node of a publisher's config: the region's memory comes from that NUMA node. A preference:
 *   when the node has too little free memory, other nodes give the rest, where binding it to the node would have the
 *   system kill processes. In force when every page is on the node; refused when some are elsewhere, when there is no
 *   such node, or when the process may not use it or may not choose (a cpuset, a system call filter). It belongs to the
 *   memory, which a subscriber does not choose, so its config has no such field.
 */
#define NETIPC_PLACE_HUGE_PAGES 1u
#define NETIPC_PLACE_LOCK 2u
#define NETIPC_PLACE_PREFAULT 4u
#define NETIPC_PLACE_NUMA_NODE 8u /* not in configs */

enum { NETIPC_NUMA_NODE_ANY = -1, NETIPC_NUMA_NODE_MAX = 1023 };

NETIPC_END_DECLS

#endif
