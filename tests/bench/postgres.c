#include "tests/bench/postgres.h"

#include "common/base/check.h"

#include <stdio.h>
#include <stdlib.h>

enum { COMMAND_BYTES = 1024 };

static bool read_rate(FILE *output, struct postgres_rate *rate)
{
    size_t clients;
    double per_s, average_ms;
    if (fscanf(output, "%zu %lf %lf", &clients, &per_s, &average_ms) != 3) return false;
    if (clients != rate->clients) return false;
    rate->per_s = per_s;
    rate->average_ms = average_ms;
    return true;
}

bool postgres_run(const char *directory, double seconds, struct postgres_rate *rates, size_t count)
{
    const char *source = getenv("FLORIN_SOURCE_DIR");
    char command[COMMAND_BYTES];
    int used = snprintf(command, sizeof command, "%s/tests/bench/postgres/run '%s' %.0f",
                        source != NULL ? source : ".", directory, seconds < 1 ? 1 : seconds);
    for (size_t i = 0; i < count; i++) {
        CHECK(used > 0 && used < COMMAND_BYTES - 32);
        used += snprintf(command + used, sizeof command - (size_t)used, " %zu", rates[i].clients);
    }
    fflush(stdout);
    FILE *output = popen(command, "re");
    if (output == NULL) return false;
    bool is_read = true;
    for (size_t i = 0; i < count && is_read; i++)
        is_read = read_rate(output, &rates[i]);
    return pclose(output) == 0 && is_read;
}
