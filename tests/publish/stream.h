/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PUBLISH_STREAM_H
#define TESTS_PUBLISH_STREAM_H

/*
 * A peer's command, told to a subscriber while a publisher streams:
 *
 *     stream KIND MOST
 *
 * Follows whoever publishes, in one of these ways, until the line "stop" comes, and looks at every byte. That and every
 * line before it are answered with STREAM_NUMBERS numbers. A wrong byte or length, a generation that goes back, news
 * that is none, a status that is not expected there: the peer says so on its standard error and ends.
 */

enum stream_kind {
    STREAM_COPY,       /* polls the generation, and copies */
    STREAM_LEASE,      /* polls the generation, and looks in place; copies when it is granted no lease */
    STREAM_HISTORY,    /* polls the generation, lists, and copies what is listed by its number */
    STREAM_WAIT,       /* waits in futex(), and copies */
    STREAM_DESCRIPTOR, /* arms, sleeps in epoll_wait() without a timeout, and copies */
    STREAM_KINDS
};

enum stream_number {
    STREAM_INCARNATION, /* of the snapshot last looked at, for history of the newest */
    STREAM_GENERATION,
    STREAM_PUBLISHERS, /* incarnations that snapshots were of */
    STREAM_CHECKED,    /* snapshots whose bytes were looked at */
    STREAM_LONGEST,    /* bytes of the longest of them */
    STREAM_VIEWS,      /* of them, how many in place */
    STREAM_SLEEPS,     /* waits that went to sleep; for descriptors, how often one became readable */
    STREAM_OVERRUNS,   /* what calls gave, from here on */
    STREAM_EXPIRED,
    STREAM_NO_LEASE,
    STREAM_SUPERSEDED, /* also in a snapshot's publisher_state */
    STREAM_ENDED,      /* GONE or CLOSED */
    STREAM_READS_TOLD, /* reads, overruns and overtaken tries by the library's count */
    STREAM_OVERRUNS_TOLD,
    STREAM_OVERTAKEN,
    STREAM_NUMBERS
};

#endif
