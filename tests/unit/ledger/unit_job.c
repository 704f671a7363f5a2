#include "tests/unit/ledger/unit_job.h"

enum { ARENA_BYTES_MAX = 64 << 20 };

struct unit_job {
    const struct ledger_service *service;
    struct status (*run)(struct ledger_unit *unit, void *context);
    void *context;
    struct status answer;
};

static struct status run_job_on_unit(struct store_txn *txn, void *context)
{
    struct unit_job *job = context;
    CLEANUP(arena_close) struct arena *arena = arena_open(ARENA_BYTES_MAX);
    struct ledger_unit *unit;
    RETURN_IF_ERROR(ledger_unit_open(job->service, txn, arena, 4, &unit));
    job->answer = job->run(unit, job->context);
    return STATUS_SUCCESS;
}

struct status run_on_unit(struct fixture *fixture,
                          struct status (*run)(struct ledger_unit *unit, void *context),
                          void *context)
{
    struct unit_job job = {.service = &fixture->service, .run = run, .context = context};
    assert_status_ok(store_write_wait(fixture->store, run_job_on_unit, &job));
    return job.answer;
}
