/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_PROBES_H
#define NETIPC_SHM_PROBES_H

/*
 * Static probes (USDT) of the provider netipc. What their arguments mean is told in docs/probes.md; scripts rely on it,
 * so arguments keep their places, and new ones come behind them.
 *
 * A probe is a nop, and a note that tells tracers which registers or words hold its arguments: it costs nothing as
 * long as these are at hand where it is. So give it fields, constants and what has just been computed, no calls.
 */

#include <stdint.h>

#ifdef NETIPC_USDT
#include <sys/sdt.h>
#define NETIPC_PROBE2(name, a, b) STAP_PROBE2(netipc, name, a, b)
#define NETIPC_PROBE3(name, a, b, c) STAP_PROBE3(netipc, name, a, b, c)
#define NETIPC_PROBE4(name, a, b, c, d) STAP_PROBE4(netipc, name, a, b, c, d)
#define NETIPC_PROBE5(name, a, b, c, d, e) STAP_PROBE5(netipc, name, a, b, c, d, e)
#else
#define NETIPC_PROBE2(name, a, b) ((void)(a), (void)(b))
#define NETIPC_PROBE3(name, a, b, c) ((void)(a), (void)(b), (void)(c))
#define NETIPC_PROBE4(name, a, b, c, d) ((void)(a), (void)(b), (void)(c), (void)(d))
#define NETIPC_PROBE5(name, a, b, c, d, e) ((void)(a), (void)(b), (void)(c), (void)(d), (void)(e))
#endif

/* A snapshot has become public; nobody has been woken for it yet. */
static inline void netipc_probe_publish(const char *service, uint64_t generation, uint64_t length,
                                        uint64_t annex_length, uint32_t slot)
{
    NETIPC_PROBE5(publish, service, generation, length, annex_length, slot);
}

/* A session was found asleep: it is woken now, or left to the control thread. */
static inline void netipc_probe_wake(uint32_t place, uint32_t left, uint64_t sent)
{
    NETIPC_PROBE3(wake, place, left, sent);
}

/* A larger region has taken the place of one. */
static inline void netipc_probe_supersede(const char *service, uint64_t ordinal, uint64_t generation, uint64_t capacity,
                                          uint64_t region_size)
{
    NETIPC_PROBE5(supersede, service, ordinal, generation, capacity, region_size);
}

/* A session has attached: from now on publications look at it. */
static inline void netipc_probe_attach(const char *service, uint64_t session, uint32_t pid, uint32_t place)
{
    NETIPC_PROBE4(attach, service, session, pid, place);
}

/* The server has ended a session. */
static inline void netipc_probe_drop(const char *service, uint64_t session, uint32_t pid, int32_t place,
                                     const char *reason)
{
    NETIPC_PROBE5(drop, service, session, pid, place, reason);
}

/* A read was lost: the publisher was faster than each of its tries. */
static inline void netipc_probe_overrun(const char *service, uint32_t tries)
{
    NETIPC_PROBE2(overrun, service, tries);
}

#endif
