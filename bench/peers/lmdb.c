/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/clock.h"
#include "bench/peers/peer.h"

#include <lmdb.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * LMDB in memory: a publication is a transaction that puts the value of one key in place (MDB_RESERVE) and writes
 * nothing to any disk; a read renews the reader's transaction, looks by its number whether there was another since,
 * copies the value and resets the transaction. There is nothing to sleep on.
 */
enum { MAP_LEAST = 16 << 20, MAP_VALUES = 16 };
#define PATIENCE_NS UINT64_C(30000000000)

static char key_bytes[] = "snapshot";

struct publisher {
    const struct station *station;
    size_t size;
    MDB_env *env;
    MDB_dbi dbi;
};

struct reader {
    const struct station *station;
    size_t size, seen; /* of transactions */
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
};

static void expect(const struct station *station, int result, const char *what)
{
    if (result != 0)
        station_fail(station, result == MDB_MAP_FULL ? NETIPC_LIMIT_EXCEEDED : NETIPC_SYSTEM, "LMDB cannot %s: %s",
                     what, mdb_strerror(result));
}

static void path_of(const struct peer_link *link, const char *suffix, char path[PEER_PATH])
{
    snprintf(path, PEER_PATH, "%s/data%s", link->dir, suffix);
}

static void settle(struct peer_link *link)
{
    static const char *const suffixes[] = {"", "-lock"};
    char path[PEER_PATH];
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        path_of(link, suffixes[i], path);
        unlink(path);
    }
}

static MDB_env *open_env(const struct station *station, const struct peer_link *link, unsigned flags)
{
    MDB_env *env;
    char path[PEER_PATH];
    path_of(link, "", path);
    expect(station, mdb_env_create(&env), "make an environment");
    expect(station, mdb_env_set_mapsize(env, MAP_LEAST + MAP_VALUES * link->size), "set the size of the map");
    expect(station, mdb_env_set_maxreaders(env, link->readers + 1), "set the number of readers");
    expect(station, mdb_env_open(env, path, MDB_NOSUBDIR | flags, 0600), "open its files");
    return env;
}

static void *open_publisher(const struct station *station, struct peer_link *link)
{
    MDB_txn *txn;
    struct publisher *publisher = peer_allocate(station, sizeof *publisher);
    publisher->station = station;
    publisher->size = link->size;
    publisher->env = open_env(station, link, MDB_WRITEMAP | MDB_NOSYNC | MDB_NOMETASYNC | MDB_MAPASYNC);
    expect(station, mdb_txn_begin(publisher->env, NULL, 0, &txn), "begin a transaction");
    expect(station, mdb_dbi_open(txn, NULL, 0, &publisher->dbi), "open a database");
    expect(station, mdb_txn_commit(txn), "commit a transaction");
    return publisher;
}

static int put(const struct publisher *publisher, const void *bytes)
{
    MDB_val key = {.mv_size = sizeof key_bytes, .mv_data = key_bytes}, value = {.mv_size = publisher->size};
    MDB_txn *txn;
    expect(publisher->station, mdb_txn_begin(publisher->env, NULL, 0, &txn), "begin a transaction");
    int result = mdb_put(txn, publisher->dbi, &key, &value, MDB_RESERVE);
    if (result != 0) {
        mdb_txn_abort(txn);
        return result;
    }
    memcpy(value.mv_data, bytes, publisher->size);
    return mdb_txn_commit(txn);
}

/* While a reader without a CPU is in its transaction no page that it may see is used again, and the map is soon full:
 * then the publisher waits for it. */
static void publish(void *context, const void *bytes)
{
    const struct publisher *publisher = context;
    int result = put(publisher, bytes);
    if (result == MDB_MAP_FULL)
        for (uint64_t end_ns = clock_now_ns() + PATIENCE_NS; result == MDB_MAP_FULL && clock_now_ns() < end_ns;) {
            sched_yield();
            result = put(publisher, bytes);
        }
    expect(publisher->station, result, "put a value");
}

static void close_publisher(void *context, uint64_t published)
{
    struct publisher *publisher = context;
    MDB_envinfo info;
    expect(publisher->station, mdb_env_info(publisher->env, &info), "tell how many transactions there were");
    if (info.me_last_txnid != published)
        station_fail(publisher->station, NETIPC_CORRUPT, "LMDB counts %zu transactions, not %llu", info.me_last_txnid,
                     (unsigned long long)published);
    mdb_env_close(publisher->env);
    free(publisher);
}

static void *open_reader(const struct station *station, struct peer_link *link, unsigned number)
{
    struct reader *reader = peer_allocate(station, sizeof *reader);
    (void)number;
    reader->station = station;
    reader->size = link->size;
    reader->env = open_env(station, link, MDB_RDONLY);
    expect(station, mdb_txn_begin(reader->env, NULL, MDB_RDONLY, &reader->txn), "begin a transaction");
    expect(station, mdb_dbi_open(reader->txn, NULL, 0, &reader->dbi), "open a database");
    reader->seen = mdb_txn_id(reader->txn);
    mdb_txn_reset(reader->txn);
    return reader;
}

static bool take(struct reader *reader, bool again, void *buffer)
{
    MDB_val key = {.mv_size = sizeof key_bytes, .mv_data = key_bytes}, value;
    expect(reader->station, mdb_txn_renew(reader->txn), "renew a transaction");
    size_t id = mdb_txn_id(reader->txn);
    bool changed = id != reader->seen;
    if (changed || again) {
        expect(reader->station, mdb_get(reader->txn, reader->dbi, &key, &value), "get a value");
        if (value.mv_size != reader->size)
            station_fail(reader->station, NETIPC_CORRUPT, "LMDB has a value of %zu bytes", value.mv_size);
        memcpy(buffer, value.mv_data, reader->size);
        reader->seen = id;
    }
    mdb_txn_reset(reader->txn);
    return changed;
}

static bool read_one(void *context, enum peer_way way, void *buffer)
{
    (void)way;
    return take(context, false, buffer);
}

static void reread(void *context, void *buffer)
{
    take(context, true, buffer);
}

static void close_reader(void *context)
{
    struct reader *reader = context;
    mdb_txn_abort(reader->txn);
    mdb_env_close(reader->env);
    free(reader);
}

const struct peer peer_lmdb = {
    .name = "lmdb",
    .delivery = PEER_LATEST,
    .ways = 1u << PEER_SPIN,
    .repeats = true,
    .settle = settle,
    .open_publisher = open_publisher,
    .publish = publish,
    .close_publisher = close_publisher,
    .open_reader = open_reader,
    .read = read_one,
    .reread = reread,
    .close_reader = close_reader,
};
