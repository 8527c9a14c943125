/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_REPORT_PAGE_H
#define BENCH_REPORT_PAGE_H

/* The document. */

#include "bench/report/notes.h"
#include "bench/report/results.h"
#include "bench/report/staging.h"

/* What it is made of. */
struct page {
    const struct results *results;
    const struct notes *notes;
    const char *stamp; /* of the pictures */
};

/* Its whole text, which the caller frees. NULL, and a notice: no memory. */
char *page_text(const struct page *page);

/* Goals that are met, of those that were measured. */
size_t page_goals(const struct results *results, size_t *measured);

/* Whether a row is missing, and whether rows were measured with --quick: such a document is no release's. */
bool page_is_partial(const struct results *results);
bool page_is_quick(const struct results *results);

#endif
