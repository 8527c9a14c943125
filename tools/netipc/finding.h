/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TOOL_FINDING_H
#define NETIPC_TOOL_FINDING_H

#include "tools/netipc/options.h"
#include "tools/netipc/snapshot.h"

#include <netipc/client.h>

enum service_kind { KIND_UNKNOWN, KIND_PUBLICATION, KIND_REQUESTS };

/* What a health check finds out about one service. */
struct finding {
    const char *service;
    netipc_status status; /* NETIPC_OK: healthy */
    char detail[256];
    enum service_kind kind;
    uint64_t connect_ns; /* to connect and shake hands, and to attach to a publication */
    /* Of a publication. */
    netipc_subscriber_info publication;
    netipc_snapshot_info snapshot; /* valid when there is one */
    bool has_snapshot;
    uint64_t age_ns;
    /* Of a server of requests. */
    netipc_client_info session;
};

void finding_make(struct finding *finding, const struct options *options, const char *service);

#endif
