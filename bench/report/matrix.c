/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/matrix.h"

#include <fnmatch.h>
#include <string.h>

/* Not the product of all options, but what tells something. The whole takes some 7 minutes, and 12 at most with what is
 * measured again since it was not stable. */
static const struct row rows[] = {
    {"calibrate", "calibrate", 0, 2},

    {"publish-32-1", "publish --size 32 --readers 1", 1, 2},
    {"publish-64-1", "publish --size 64 --readers 1", 1, 2},
    {"publish-256-1", "publish --size 256 --readers 1", 1, 2},
    {"publish-1k-1", "publish --size 1k --readers 1", 1, 2},
    {"publish-4k-1", "publish --size 4k --readers 1", 1, 2},
    {"publish-16k-1", "publish --size 16k --readers 1", 1, 2},
    {"publish-64k-1", "publish --size 64k --readers 1", 1, 2},
    {"publish-256k-1", "publish --size 256k --readers 1", 1, 2},
    {"publish-1M-1", "publish --size 1M --readers 1", 1, 2},
    {"publish-8M-1", "publish --size 8M --readers 1", 2, 4},
    {"publish-64-16", "publish --size 64 --readers 16", 1, 2},
    {"publish-64-64", "publish --size 64 --readers 64", 1, 2},
    {"publish-64-256", "publish --size 64 --readers 256", 1, 3},
    {"publish-4k-16", "publish --size 4k --readers 16", 1, 2},
    {"publish-4k-256", "publish --size 4k --readers 256", 1, 3},
    {"publish-64k-16", "publish --size 64k --readers 16", 1, 2},
    {"publish-64k-256", "publish --size 64k --readers 256", 1, 3},

    {"read-32-1", "read --size 32 --readers 1", 1, 2},
    {"read-64-1", "read --size 64 --readers 1", 2, 3},
    {"read-256-1", "read --size 256 --readers 1", 1, 2},
    {"read-1k-1", "read --size 1k --readers 1", 1, 2},
    {"read-4k-1", "read --size 4k --readers 1", 1, 2},
    {"read-64k-1", "read --size 64k --readers 1", 1, 2},
    {"read-1M-1", "read --size 1M --readers 1", 1, 2},
    {"read-8M-1", "read --size 8M --readers 1", 2, 4},
    {"read-64-8", "read --size 64 --readers 8", 2, 3},
    {"read-64k-8", "read --size 64k --readers 8", 1, 2},
    {"read-64-1-hz1000", "read --size 64 --readers 1 --hz 1000", 1, 2},
    {"read-64k-1-hz1000", "read --size 64k --readers 1 --hz 1000", 1, 2},

    {"latency-spin-64-10", "latency --wait spin --size 64 --hz 10", 4, 9},
    {"latency-futex-64-10", "latency --wait futex --size 64 --hz 10", 4, 9},
    {"latency-fd-64-10", "latency --wait fd --size 64 --hz 10", 4, 9},
    {"latency-adaptive-64-10", "latency --wait adaptive --size 64 --hz 10", 4, 9},
    {"latency-spin-64-1000", "latency --wait spin --size 64 --hz 1000", 1, 3},
    {"latency-futex-64-1000", "latency --wait futex --size 64 --hz 1000", 1, 3},
    {"latency-fd-64-1000", "latency --wait fd --size 64 --hz 1000", 1, 3},
    {"latency-adaptive-64-1000", "latency --wait adaptive --size 64 --hz 1000", 1, 3},
    {"latency-spin-64-10000", "latency --wait spin --size 64 --hz 10000", 1, 3},
    {"latency-futex-64-10000", "latency --wait futex --size 64 --hz 10000", 1, 3},
    {"latency-fd-64-10000", "latency --wait fd --size 64 --hz 10000", 1, 3},
    {"latency-adaptive-64-10000", "latency --wait adaptive --size 64 --hz 10000", 1, 3},
    {"latency-spin-64-100000", "latency --wait spin --size 64 --hz 100000", 1, 3},
    {"latency-futex-64-100000", "latency --wait futex --size 64 --hz 100000", 1, 3},
    {"latency-fd-64-100000", "latency --wait fd --size 64 --hz 100000", 1, 3},
    {"latency-adaptive-64-100000", "latency --wait adaptive --size 64 --hz 100000", 1, 3},
    {"latency-spin-4k-1000", "latency --wait spin --size 4k --hz 1000", 1, 3},
    {"latency-futex-4k-1000", "latency --wait futex --size 4k --hz 1000", 1, 3},
    {"latency-fd-4k-1000", "latency --wait fd --size 4k --hz 1000", 1, 3},
    {"latency-adaptive-4k-1000", "latency --wait adaptive --size 4k --hz 1000", 1, 3},
    {"latency-spin-4k-100000", "latency --wait spin --size 4k --hz 100000", 1, 3},
    {"latency-adaptive-4k-100000", "latency --wait adaptive --size 4k --hz 100000", 1, 3},
    {"latency-spin-1M-1000", "latency --wait spin --size 1M --hz 1000", 1, 3},
    {"latency-futex-1M-1000", "latency --wait futex --size 1M --hz 1000", 1, 3},
    {"latency-fd-1M-1000", "latency --wait fd --size 1M --hz 1000", 1, 3},
    {"latency-adaptive-1M-1000", "latency --wait adaptive --size 1M --hz 1000", 1, 3},

#ifdef SHMBENCH_CACHE
    {"refresh-100", "refresh --items 100", 1, 2},
    {"refresh-1000", "refresh --items 1000", 2, 3},
    {"refresh-10000", "refresh --items 10000", 2, 4},
    {"refresh-1000-changes", "refresh --items 1000 --changes", 1, 2},
    {"lookup-100", "lookup --items 100", 1, 2},
    {"lookup-1000", "lookup --items 1000", 2, 3},
    {"lookup-10000", "lookup --items 10000", 2, 4},
#endif

    {"rpc-1", "rpc --clients 1", 2, 5},
    {"rpc-16", "rpc --clients 16", 2, 5},
    {"rpc-64", "rpc --clients 64", 2, 6},
    {"rpc-1-workers", "rpc --clients 1 --workers 2", 1, 3},
    {"rpc-1-4k", "rpc --clients 1 --size 4k", 1, 3},
    {"rpc-1-batch", "rpc --clients 1 --batch 64", 1, 3},
    {"rpc-polite", "rpc --polite 16 --workers 2", 2, 6},

#ifdef SHMBENCH_CACHE
    {"fanout-1", "fanout --readers 1", 5, 11},
    {"fanout-8", "fanout --readers 8", 5, 11},
    {"fanout-16", "fanout --readers 16", 10, 21},
    {"fanout-64", "fanout --readers 64", 5, 12},
    {"fanout-256", "fanout --readers 256", 5, 15},
#endif

    {"history-64", "history --size 64 --history 300", 2, 4},
    {"history-4k", "history --size 4k --history 300", 2, 4},
    {"history-64k", "history --size 64k --history 300 --hz 1000", 2, 4},

    {"sweep", "sweep", 50, 52},

    {"peers-64", "peers --size 64", 15, 17},
    {"peers-4k", "peers --size 4k", 15, 17},
    {"peers-64k", "peers --size 64k", 15, 17},
    {"peers-1M", "peers --size 1M", 15, 17},
};

enum { ROWS = sizeof rows / sizeof *rows };
_Static_assert((size_t)ROWS <= (size_t)MATRIX_MOST, "all rows have a place");

size_t matrix_count(void)
{
    return ROWS;
}

const struct row *matrix_row(size_t number)
{
    return &rows[number];
}

bool matrix_match(const struct row *row, const char *patterns)
{
    while (*patterns != '\0') {
        char pattern[MATRIX_ARGUMENTS_MOST];
        size_t length = strcspn(patterns, " ");
        if (length < sizeof pattern) {
            memcpy(pattern, patterns, length);
            pattern[length] = '\0';
            if (fnmatch(pattern, row->name, 0) == 0)
                return true;
        }
        patterns += length + strspn(patterns + length, " ");
    }
    return false;
}

bool matrix_is_of(const struct row *row, const char *command)
{
    size_t length = strlen(command);
    return strncmp(row->arguments, command, length) == 0 &&
           (row->arguments[length] == ' ' || row->arguments[length] == '\0');
}
