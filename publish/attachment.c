/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/attachment.h"

#include "shm/detail.h"
#include "shm/os.h"

#include <stdlib.h>

netipc_status netipc_session_map_join(int fd, uint64_t bytes, uint32_t line_offset, struct netipc_session_map **map)
{
    struct netipc_session_map *joined = calloc(1, sizeof *joined);
    if (joined == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a session");
    joined->bytes = bytes;
    netipc_status status = netipc_session_page_join(fd, bytes, &joined->base);
    if (status == NETIPC_OK)
        status = netipc_session_page_join(fd, bytes, &joined->spare);
    if (status != NETIPC_OK) {
        netipc_session_map_drop(joined, false);
        return status;
    }
    joined->line = (struct netipc_session_line *)(void *)((unsigned char *)joined->base + line_offset);
    *map = joined;
    return NETIPC_OK;
}

void netipc_session_map_drop(struct netipc_session_map *map, bool forked)
{
    if (map->attachments > 0)
        return;
    if (!forked && map->base != NULL)
        netipc_os_memory_unmap(map->base, map->bytes);
    if (!forked && map->spare != NULL)
        netipc_os_memory_unmap(map->spare, map->bytes);
    free(map);
}

struct netipc_attachment *netipc_attachment_new(const struct netipc_region_view *view,
                                                struct netipc_session_map *session, uint32_t lease_quota)
{
    struct netipc_attachment *attachment = calloc(1, sizeof *attachment);
    if (attachment == NULL)
        return NULL;
    attachment->view = *view;
    attachment->session = session;
    attachment->lease_quota = lease_quota;
    session->attachments++;
    return attachment;
}

void netipc_attachment_free(struct netipc_attachment *attachment, bool forked)
{
    netipc_region_detach(&attachment->view, forked);
    struct netipc_session_map *session = attachment->session;
    session->attachments--;
    netipc_session_map_drop(session, forked);
    free(attachment);
}

netipc_publisher_state netipc_attachment_publisher(const struct netipc_attachment *attachment, uint32_t region_state)
{
    if (attachment == NULL)
        return NETIPC_PUBLISHER_NONE;
    if (region_state == NETIPC_REGION_CLOSED)
        return NETIPC_PUBLISHER_CLOSED;
    if (netipc_load(&attachment->publisher_gone, acquire) != 0)
        return NETIPC_PUBLISHER_GONE;
    return region_state == NETIPC_REGION_SUPERSEDED ? NETIPC_PUBLISHER_SUPERSEDED : NETIPC_PUBLISHER_LIVE;
}
