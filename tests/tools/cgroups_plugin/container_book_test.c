/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/container_book.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 3000 };

static struct container *find(struct container_book *book, enum engine engine, unsigned number, uint64_t now)
{
    char id[CONTAINER_ID_MAX + 1];
    int length = snprintf(id, sizeof id, "%064u", number);
    return book_find(book, engine, id, (size_t)length, now);
}

static void count_forgotten(void *context, struct container *container)
{
    (void)container;
    ++*(unsigned *)context;
}

static void a_container_is_entered_once_and_found_again(void **state)
{
    (void)state;
    struct container_book book = {0};
    struct container *first = find(&book, ENGINE_DOCKER, 0, 5);
    assert_non_null(first);
    assert_ptr_equal(find(&book, ENGINE_DOCKER, 0, 7), first);
    assert_int_equal(first->due_ns, 5);
    assert_ptr_not_equal(find(&book, ENGINE_PODMAN, 0, 7), first);
    for (unsigned i = 1; i < MANY; i++)
        assert_non_null(find(&book, ENGINE_DOCKER, i, i));
    assert_ptr_equal(find(&book, ENGINE_DOCKER, 0, 7), first);
    assert_int_equal(book.count, MANY + 1);
    assert_int_equal(book.unsettled[ENGINE_DOCKER], MANY);
    assert_int_equal(book.unsettled[ENGINE_PODMAN], 1);
    book_free(&book);
}

static void what_is_no_id_is_not_entered(void **state)
{
    (void)state;
    struct container_book book = {0};
    char id[CONTAINER_ID_MAX + 1];
    memset(id, 'a', sizeof id);
    assert_null(book_find(&book, ENGINE_DOCKER, id, 0, 0));
    assert_null(book_find(&book, ENGINE_DOCKER, id, sizeof id, 0));
    assert_int_equal(book.count, 0);
}

/* Takes all out of the queue, which must be those with these numbers, in order of time. */
static void expect_order(struct container_book *book, size_t count)
{
    uint64_t last = 0;
    struct container *first;
    while ((first = book_first(book, ENGINE_DOCKER)) != NULL) {
        assert_true(first->due_ns >= last);
        last = first->due_ns;
        book_unqueue(book, first);
        count--;
    }
    assert_int_equal(count, 0);
}

static void those_due_first_are_first_in_the_queue(void **state)
{
    (void)state;
    struct container_book book = {0};
    uint64_t time = 1;
    for (unsigned i = 0; i < MANY; i++) {
        time = time * UINT64_C(6364136223846793005) + 1;
        find(&book, ENGINE_DOCKER, i, time >> 44);
    }
    /* From anywhere in the queue they can be taken out, and put in again. */
    for (unsigned i = 0; i < MANY; i += 3) {
        struct container *container = find(&book, ENGINE_DOCKER, i, 0);
        book_unqueue(&book, container);
        time = time * UINT64_C(6364136223846793005) + 1;
        if (i % 2 == 0)
            book_queue(&book, container, time >> 44);
    }
    expect_order(&book, MANY - MANY / 6);
    book_free(&book);
}

static void those_whose_cgroups_have_gone_are_forgotten(void **state)
{
    (void)state;
    struct container_book book = {0};
    unsigned forgotten = 0;
    for (unsigned i = 0; i < MANY; i++)
        find(&book, ENGINE_DOCKER, i, i);
    book_settle(&book, find(&book, ENGINE_DOCKER, 1, 0));
    book_next_round(&book, count_forgotten, &forgotten);
    assert_int_equal(forgotten, 0);
    book_unqueue(&book, find(&book, ENGINE_DOCKER, 1, 0)); /* its question is under way */
    for (unsigned i = 0; i < MANY; i += 2)
        find(&book, ENGINE_DOCKER, i, i);
    book_next_round(&book, count_forgotten, &forgotten);
    assert_int_equal(forgotten, MANY / 2 - 1);
    book_next_round(&book, count_forgotten, &forgotten);
    assert_int_equal(forgotten, MANY);
    assert_int_equal(book.count, 0);
    assert_int_equal(book.unsettled[ENGINE_DOCKER], 0);
    assert_null(book_first(&book, ENGINE_DOCKER));
    book_free(&book);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_container_is_entered_once_and_found_again),
        cmocka_unit_test(what_is_no_id_is_not_entered),
        cmocka_unit_test(those_due_first_are_first_in_the_queue),
        cmocka_unit_test(those_whose_cgroups_have_gone_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
