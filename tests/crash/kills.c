#include "tests/crash/kills.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { RETURN_TRIES = 1000, RETURN_PAUSE_MS = 20 };

unsigned kills_seed(void)
{
    unsigned seed = (unsigned)time(NULL);
    const char *given = getenv("FLORIN_SEED");
    if (given != NULL) seed = (unsigned)strtoul(given, NULL, 10);
    printf("seed %u (FLORIN_SEED repeats it)\n", seed);
    return seed;
}

static void wait_for_return(const struct world *world, const char *daemon, pid_t other_than)
{
    for (unsigned i = 0; i < RETURN_TRIES; i++) {
        pid_t pid = world_daemon_pid(world, daemon);
        if (pid > 0 && pid != other_than) return;
        poll(NULL, 0, RETURN_PAUSE_MS);
    }
    fprintf(stderr, "%s was not started again\n", daemon);
    abort();
}

static bool kill_one(const struct world *world, const char *daemon)
{
    pid_t pid = world_daemon_pid(world, daemon);
    if (pid == 0) return false;
    kill(pid, SIGKILL);
    wait_for_return(world, daemon, pid);
    return true;
}

unsigned kills_run(const struct kills *kills, unsigned seed)
{
    unsigned killed = 0;
    while (killed < kills->count) {
        poll(NULL, 0, (int)((unsigned)rand_r(&seed) % kills->pause_ms_max));
        size_t first = (unsigned)rand_r(&seed) % kills->daemon_count;
        unsigned at_once = rand_r(&seed) % 8 == 0 ? 2 : 1;
        for (unsigned i = 0; i < at_once; i++)
            killed += kill_one(kills->world, kills->daemons[(first + i) % kills->daemon_count]);
        if (rand_r(&seed) % 3 != 0) world_wait_ready(kills->world);
    }
    world_wait_ready(kills->world);
    return killed;
}
