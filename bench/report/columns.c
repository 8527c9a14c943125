/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/columns.h"

static const struct table tables[] = {
    {"publish",
     "Publishing",
     "`netipc_publish` with attached subscribers that do not wait, against `memcpy` of the same bytes into as many "
     "buffers\n"
     "in turn. The difference is what the protocol costs; the ratio tells for large snapshots.",
     NULL,
     NULL,
     {{"size", "params/size", FORMAT_SIZE},
      {"sessions", "params/readers", FORMAT_NUMBER},
      {"publish, ns", "results/publish_ns", FORMAT_SERIES},
      {"memcpy, ns", "results/memcpy_ns", FORMAT_SERIES},
      {"difference, ns", "ratios/publish_ns_minus_memcpy", FORMAT_NUMBER},
      {"ratio", "ratios/publish_over_memcpy", FORMAT_NUMBER},
      {"wake calls", "results/wakes_sent", FORMAT_NUMBER}}},
    {"read",
     "Reading",
     "In a subscriber: a whole read by copy, against `memcpy` out of memory that the publisher has written; a lease\n"
     "acquired and released, which copies nothing; one poll of the generation. With a rate the publisher publishes\n"
     "meanwhile, so that a part of the bytes comes from its core, on both sides of the comparison.",
     NULL,
     NULL,
     {{"size", "params/size", FORMAT_SIZE},
      {"sessions", "params/readers", FORMAT_NUMBER},
      {"publications/s", "params/hz", FORMAT_NUMBER},
      {"read, ns", "results/read_ns", FORMAT_SERIES},
      {"memcpy, ns", "results/memcpy_ns", FORMAT_SERIES},
      {"difference, ns", "ratios/read_ns_minus_memcpy", FORMAT_NUMBER},
      {"ratio", "ratios/read_over_memcpy", FORMAT_NUMBER},
      {"lease, ns", "results/lease_ns", FORMAT_SERIES},
      {"poll, ns", "results/poll_ns", FORMAT_SERIES}}},
    {"latency",
     "Latency",
     "From just before `netipc_publish` in one process until the bytes are in the other's own buffer. Two baselines "
     "are\n"
     "taken between the same two processes in the same runs: the hand-off, an unprotected copy with a receiver that "
     "waits\n"
     "in the same manner, and one way, half a round trip of a line. CPU time is in percent of one CPU.",
     NULL,
     NULL,
     {{"wait", "params/wait", FORMAT_TEXT},
      {"size", "params/size", FORMAT_SIZE},
      {"Hz", "params/hz", FORMAT_NUMBER},
      {"p50, ns", "results/latency_ns/p50", FORMAT_NUMBER},
      {"p99", "results/latency_ns/p99", FORMAT_NUMBER},
      {"p99.9", "results/latency_ns/p999", FORMAT_NUMBER},
      {"max", "results/latency_ns/max", FORMAT_NUMBER},
      {"hand-off p50, ns", "results/handoff_ns/p50", FORMAT_NUMBER},
      {"one way, ns", "results/oneway_ns/median", FORMAT_NUMBER},
      {"p50 / hand-off", "ratios/latency_over_handoff", FORMAT_NUMBER},
      {"p50 / one way", "ratios/latency_over_oneway", FORMAT_NUMBER},
      {"missed", "results/missed", FORMAT_NUMBER},
      {"publisher, % CPU", "results/publisher_cpu_percent", FORMAT_NUMBER},
      {"subscriber, % CPU", "results/subscribers_cpu_percent", FORMAT_NUMBER}}},
    {"refresh",
     "Refreshing a cache",
     "`netipc_cache_refresh` after each publication of cgroups, all of which have changed, against a `memcpy` of the\n"
     "payload that was written by the other core; and what it costs to see that nothing has changed.",
     NULL,
     NULL,
     {{"items", "params/items", FORMAT_NUMBER},
      {"with changes", "params/changes", FORMAT_TEXT},
      {"payload", "results/payload_bytes", FORMAT_SIZE},
      {"cache", "results/cache_bytes", FORMAT_SIZE},
      {"refresh p50, µs", "results/changed_us/p50", FORMAT_NUMBER},
      {"p99", "results/changed_us/p99", FORMAT_NUMBER},
      {"memcpy p50, µs", "results/memcpy_us/p50", FORMAT_NUMBER},
      {"ratio", "ratios/refresh_over_memcpy", FORMAT_NUMBER},
      {"nothing changed, ns", "ratios/unchanged_ns", FORMAT_NUMBER}}},
    {"lookup",
     "Lookups",
     "Of an item by name: in the cache, each with its own enter and leave or 256 within one; in the region in place,\n"
     "under a lease; against chains of private copies that nobody may change. Scaling is the lookups of two threads\n"
     "against those of one.",
     NULL,
     NULL,
     {{"items", "params/items", FORMAT_NUMBER},
      {"cache, ns", "results/cached_ns", FORMAT_SERIES},
      {"within one enter, ns", "results/cached_within_ns", FORMAT_SERIES},
      {"in the region, ns", "results/index_find_ns", FORMAT_SERIES},
      {"private, ns", "results/bare_ns", FORMAT_SERIES},
      {"region / cache", "ratios/find_over_cached", FORMAT_NUMBER},
      {"scaling", "ratios/lookup_scaling", FORMAT_NUMBER},
      {"scaling, private", "ratios/bare_scaling", FORMAT_NUMBER}}},
    {"rpc",
     "Calls",
     "A call of `increment`, from before `netipc_client_call` until it has returned, against packets of the same "
     "length\n"
     "between the same two processes on a bare pair of sockets. The last ratio is that of the 99th percentile of "
     "clients\n"
     "beside one that floods and one that is stopped, against the same clients alone.",
     NULL,
     NULL,
     {{"clients", "params/clients", FORMAT_NUMBER},
      {"workers", "params/workers", FORMAT_NUMBER},
      {"items", "params/batch", FORMAT_NUMBER},
      {"request", "results/message_bytes", FORMAT_SIZE},
      {"call p50, ns", "results/rpc_ns/p50", FORMAT_NUMBER},
      {"p99", "results/rpc_ns/p99", FORMAT_NUMBER},
      {"p99.9", "results/rpc_ns/p999", FORMAT_NUMBER},
      {"bare p50, ns", "results/bare_ns/p50", FORMAT_NUMBER},
      {"ratio", "ratios/rpc_over_bare_socket", FORMAT_NUMBER},
      {"calls/s", "results/calls_per_second", FORMAT_NUMBER},
      {"server, % CPU", "results/server_cpu_percent", FORMAT_NUMBER},
      {"clients, % CPU", "results/clients_cpu_percent", FORMAT_NUMBER},
      {"polite p99 beside / alone", "ratios/polite_p99_over_alone", FORMAT_NUMBER}}},
    {"fanout",
     "Fan-out",
     "Snapshots of cgroups at a fixed rate, which all subscribers take into a cache. CPU time is in percent of one "
     "CPU, that\n"
     "of all subscribers together; the benchmark's own work, making and checking the snapshots, is not in it. The "
     "bare\n"
     "hand-off is `memcpy`, one store and one wake-up of all. The spread is from the first to the last that has a "
     "snapshot.",
     NULL,
     NULL,
     {{"subscribers", "params/readers", FORMAT_NUMBER},
      {"items", "params/items", FORMAT_NUMBER},
      {"Hz", "params/hz", FORMAT_NUMBER},
      {"publisher, % CPU", "ratios/fanout_publisher_cpu_percent", FORMAT_NUMBER},
      {"subscribers, % CPU", "ratios/fanout_subscribers_cpu_percent", FORMAT_NUMBER},
      {"publisher / bare", "ratios/fanout_publisher_over_bare", FORMAT_NUMBER},
      {"subscribers / bare", "ratios/fanout_subscribers_over_bare", FORMAT_NUMBER},
      {"publish p50, ns", "results/publish_ns/p50", FORMAT_NUMBER},
      {"latency p50, ns", "results/latency_ns/p50", FORMAT_NUMBER},
      {"p99", "results/latency_ns/p99", FORMAT_NUMBER},
      {"spread p50, ns", "results/spread_ns/p50", FORMAT_NUMBER},
      {"region", "results/region_bytes", FORMAT_SIZE},
      {"publisher, PSS", "results/publisher_pss_bytes", FORMAT_SIZE},
      {"subscribers, PSS", "results/subscribers_pss_bytes", FORMAT_SIZE}}},
    {"history",
     "History",
     "The ring as a history: what a sample costs to publish and to read by number, against `memcpy` of the same bytes, "
     "and\n"
     "whether a reader that was absent for three quarters of the history finds all that it missed.",
     NULL,
     NULL,
     {{"size", "params/size", FORMAT_SIZE},
      {"samples", "params/history", FORMAT_NUMBER},
      {"Hz", "params/hz", FORMAT_NUMBER},
      {"publish, ns", "results/publish_ns", FORMAT_SERIES},
      {"read, ns", "results/read_ns", FORMAT_SERIES},
      {"memcpy, ns", "results/memcpy_ns", FORMAT_SERIES},
      {"read / memcpy", "ratios/history_read_over_memcpy", FORMAT_NUMBER},
      {"lease, ns", "results/lease_ns", FORMAT_SERIES},
      {"list, ns", "results/list_ns", FORMAT_SERIES},
      {"found again, %", "ratios/history_caught_up_percent", FORMAT_NUMBER},
      {"region", "results/region_bytes", FORMAT_SIZE},
      {"a sample", "results/sample_bytes", FORMAT_SIZE}}},
    {"sweep",
     "Spin budgets",
     "Fixed spin budgets at several rates, and the adaptive wait. The cost is the median latency and the subscriber's "
     "CPU\n"
     "time for one publication.",
     "results/points/*",
     NULL,
     {{"Hz", "results/points/%1/hz", FORMAT_NUMBER},
      {"spin", "results/points/%1/spin", FORMAT_TEXT},
      {"budget, ns", "results/points/%1/spin_ns", FORMAT_NUMBER},
      {"p50, ns", "results/points/%1/latency_ns/p50", FORMAT_NUMBER},
      {"p99, ns", "results/points/%1/latency_ns/p99", FORMAT_NUMBER},
      {"cost, ns", "results/points/%1/cost_ns", FORMAT_NUMBER},
      {"publications/s", "results/points/%1/publications_per_second", FORMAT_NUMBER},
      {"missed", "results/points/%1/missed", FORMAT_NUMBER},
      {"publisher, % CPU", "results/points/%1/publisher_cpu_percent", FORMAT_NUMBER},
      {"subscriber, % CPU", "results/points/%1/subscribers_cpu_percent", FORMAT_NUMBER}}},
    {"peers",
     "Other transports",
     "The same work over other transports, each in turn with netipc in the same runs: flat out, and at a fixed rate. "
     "`each`\n"
     "delivers every message, and the publisher waits for its reader; `latest` delivers what is newest when the reader "
     "looks.\n"
     "A ratio over 1 is in favour of netipc.",
     "results/*/*/*",
     "latency_ns",
     {{"size", "%1", FORMAT_KEY_SIZE},
      {"transport", "%2", FORMAT_KEY},
      {"reader", "%3", FORMAT_KEY},
      {"delivers", "results/%1/%2/delivers", FORMAT_TEXT},
      {"published/s", "results/%1/%2/%3/published_per_second/median", FORMAT_NUMBER},
      {"ratio", "ratios/%1/%2/%3/publish_rate_over_peer", FORMAT_NUMBER},
      {"delivered/s", "results/%1/%2/%3/delivered_per_second/median", FORMAT_NUMBER},
      {"ratio", "ratios/%1/%2/%3/delivery_rate_over_peer", FORMAT_NUMBER},
      {"p50, ns", "results/%1/%2/%3/latency_ns/p50", FORMAT_NUMBER},
      {"ratio", "ratios/%1/%2/%3/latency_peer_over_netipc", FORMAT_NUMBER},
      {"p99, ns", "results/%1/%2/%3/latency_ns/p99", FORMAT_NUMBER},
      {"publisher, % CPU", "results/%1/%2/%3/at_rate/publisher_cpu_percent", FORMAT_NUMBER},
      {"reader, % CPU", "results/%1/%2/%3/at_rate/reader_cpu_percent", FORMAT_NUMBER}}},
    {"peers",
     NULL,
     "Reading again what has not changed:",
     "results/*/*",
     "read_again_ns",
     {{"size", "%1", FORMAT_KEY_SIZE},
      {"transport", "%2", FORMAT_KEY},
      {"read again, ns", "results/%1/%2/read_again_ns", FORMAT_SERIES},
      {"ratio", "ratios/%1/%2/read_again_peer_over_netipc", FORMAT_NUMBER}}},
    {"peers",
     NULL,
     "What a transport cannot carry:",
     "results/*/*",
     "unable",
     {{"size", "%1", FORMAT_KEY_SIZE}, {"transport", "%2", FORMAT_KEY}, {"why", "results/%1/%2/unable", FORMAT_TEXT}}},
};

size_t columns_tables(void)
{
    return sizeof tables / sizeof *tables;
}

const struct table *columns_table(size_t number)
{
    return &tables[number];
}
