#include "tests/bench/load.h"

#include "common/base/check.h"
#include "common/base/clock.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { CHAIN_COUNT = 2 };

struct load {
    const struct load_config *config;
    atomic_bool stop;
    atomic_int chains_running;
};

struct load_chain {
    struct load *load;
    uint8_t *jobs;
    size_t left;
};

static struct load_job *job_at(const struct load_chain *chain, size_t index)
{
    return (struct load_job *)(void *)(chain->jobs + index * chain->load->config->job_bytes);
}

static void prepare_chain(struct load_chain *chain)
{
    const struct load_config *config = chain->load->config;
    chain->left = config->group_size;
    for (size_t i = 0; i < config->group_size; i++) {
        struct load_job *job = job_at(chain, i);
        job->job.next = i + 1 < config->group_size ? &job_at(chain, i + 1)->job : NULL;
        if (config->prepare != NULL) config->prepare(job);
    }
}

static void submit_chain(struct load_chain *chain)
{
    size_t count = chain->left;
    CHECK(status_ok(store_write_submit_all(chain->load->config->store, &job_at(chain, 0)->job,
                                           &job_at(chain, count - 1)->job, count)));
}

static void finish_job(struct store_job *job, struct status status)
{
    CHECK(status_ok(status));
    struct load_chain *chain = ((struct load_job *)job)->chain;
    if (--chain->left > 0) return;
    if (atomic_load(&chain->load->stop)) {
        atomic_fetch_sub(&chain->load->chains_running, 1);
        return;
    }
    prepare_chain(chain);
    submit_chain(chain);
}

static void open_chain(struct load *load, struct load_chain *ret)
{
    const struct load_config *config = load->config;
    *ret = (struct load_chain){.load = load, .jobs = calloc(config->group_size, config->job_bytes)};
    CHECK(ret->jobs != NULL);
    for (size_t i = 0; i < config->group_size; i++) {
        struct load_job *job = job_at(ret, i);
        *job = (struct load_job){.job = config->job, .chain = ret, .context = config->context};
        job->job.done = finish_job;
    }
    prepare_chain(ret);
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

struct load_rates load_run(const struct load_config *config)
{
    struct load load = {.config = config, .chains_running = CHAIN_COUNT};
    struct load_chain chains[CHAIN_COUNT];
    struct store_stats before, after;
    for (size_t i = 0; i < CHAIN_COUNT; i++) {
        open_chain(&load, &chains[i]);
    }
    for (size_t i = 0; i < CHAIN_COUNT; i++) {
        submit_chain(&chains[i]);
    }
    store_get_stats(config->store, &before);
    uint64_t begin_ns = clock_mono_ns();
    uint64_t end_ns = begin_ns + (uint64_t)(config->seconds * (double)NS_PER_SECOND);
    while (clock_mono_ns() < end_ns) {
        pause_ms(1);
    }
    store_get_stats(config->store, &after);
    double seconds = (double)(clock_mono_ns() - begin_ns) / (double)NS_PER_SECOND;
    atomic_store(&load.stop, true);
    while (atomic_load(&load.chains_running) > 0) {
        pause_ms(1);
    }
    for (size_t i = 0; i < CHAIN_COUNT; i++) {
        free(chains[i].jobs);
    }
    return (struct load_rates){(double)(after.jobs - before.jobs) / seconds,
                               (double)(after.commits - before.commits) / seconds};
}
