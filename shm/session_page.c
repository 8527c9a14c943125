/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/session_page.h"

#include "shm/checked.h"
#include "shm/detail.h"
#include "shm/os.h"

#include <unistd.h>

uint64_t netipc_session_page_bytes(void)
{
    uint64_t page = netipc_os_page_size();
    return page > NETIPC_SESSION_PAGE_SIZE ? page : NETIPC_SESSION_PAGE_SIZE;
}

uint32_t netipc_session_line_offset(uint64_t session_number)
{
    return NETIPC_SESSION_LINE_STEP * (uint32_t)(session_number % NETIPC_SESSION_LINES);
}

bool netipc_session_page_announced_ok(uint32_t line_offset, uint64_t bytes)
{
    return bytes == netipc_session_page_bytes() && line_offset % NETIPC_SESSION_LINE_STEP == 0 &&
           netipc_range_ok(line_offset, NETIPC_SESSION_LINE_SIZE, NETIPC_SESSION_PAGE_SIZE);
}

static netipc_status map_resident(int fd, uint64_t bytes, void **base)
{
    void *mapped;
    netipc_status status = netipc_os_memory_map_writable(fd, bytes, bytes, &mapped);
    if (status != NETIPC_OK)
        return status;
    status = netipc_os_memory_populate(fd, mapped, bytes);
    if (status != NETIPC_OK) {
        netipc_os_memory_unmap(mapped, bytes);
        return status;
    }
    *base = mapped;
    return NETIPC_OK;
}

netipc_status netipc_session_page_create(uint64_t session_number, struct netipc_session_page *page)
{
    uint64_t bytes = netipc_session_page_bytes();
    int fd;
    netipc_status status = netipc_os_memory_create("netipc:session", bytes, &fd);
    if (status != NETIPC_OK)
        return status;
    void *base = NULL;
    status = netipc_os_memory_reserve(fd, bytes);
    if (status == NETIPC_OK)
        status = map_resident(fd, bytes, &base);
    if (status == NETIPC_OK)
        status = netipc_os_memory_seal_size(fd);
    if (status != NETIPC_OK) {
        if (base != NULL)
            netipc_os_memory_unmap(base, bytes);
        close(fd);
        return status;
    }
    uint32_t offset = netipc_session_line_offset(session_number);
    *page = (struct netipc_session_page){
        .base = base,
        .line = (struct netipc_session_line *)(void *)((unsigned char *)base + offset),
        .line_offset = offset,
        .fd = fd,
    };
    return NETIPC_OK;
}

netipc_status netipc_session_page_seal(struct netipc_session_page *page)
{
    uint64_t bytes = netipc_session_page_bytes();
    netipc_status status = netipc_os_memory_seal(page->fd);
    /* The peer may have punched the page away before the seal: what comes back in its place is reserved here, so
     * that no access of the publisher can be the one that finds no memory. */
    if (status == NETIPC_OK)
        status = netipc_os_memory_reserve(page->fd, bytes);
    if (status == NETIPC_OK)
        status = netipc_os_memory_verify_own(page->fd, bytes);
    if (status != NETIPC_OK)
        return status;
    close(page->fd);
    page->fd = -1;
    return NETIPC_OK;
}

void netipc_session_page_destroy(struct netipc_session_page *page, bool forked)
{
    if (page->base == NULL)
        return;
    if (!forked)
        netipc_os_memory_unmap(page->base, netipc_session_page_bytes());
    if (page->fd >= 0)
        close(page->fd);
    *page = (struct netipc_session_page){.fd = -1};
}

netipc_status netipc_session_page_join(int fd, uint64_t bytes, void **base)
{
    netipc_status status = netipc_os_memory_verify_size(fd, bytes);
    if (status != NETIPC_OK)
        return status;
    return map_resident(fd, bytes, base);
}
