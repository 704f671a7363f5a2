#include "common/rpc/counters.h"

#include <nng/nng.h>
#include <stdbool.h>
#include <string.h>

static struct counters sum(nng_stat *parent)
{
    struct counters counters = {0};
    for (nng_stat *at = nng_stat_child(parent); at != NULL; at = nng_stat_next(at)) {
        if (nng_stat_type(at) != NNG_STAT_COUNTER) continue;
        counters.all += nng_stat_value(at);
        if (strcmp(nng_stat_name(at), "other") == 0) counters.unexplained = nng_stat_value(at);
    }
    return counters;
}

struct counters counters_read(const char *scope, int id)
{
    struct counters counters = {0};
    nng_stat *all = NULL;
    if (nng_stats_get(&all) != 0) return counters;
    for (nng_stat *at = nng_stat_child(all); at != NULL; at = nng_stat_next(at)) {
        bool is_wanted =
            strcmp(nng_stat_name(at), scope) == 0 && nng_stat_value(at) == (uint64_t)id;
        if (is_wanted) counters = sum(at);
    }
    nng_stats_free(all);
    return counters;
}
