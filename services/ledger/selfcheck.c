#include "services/ledger/selfcheck.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct ledger_selfcheck {
    struct store *store;
    pthread_t thread;
    bool is_joined;
    atomic_bool should_stop;
    atomic_bool has_findings;
    struct ledger_verification result;
};

static void log_result(const struct ledger_verification *result)
{
    for (size_t i = 0; i < result->finding_count && i < LEDGER_FINDINGS_MAX; i++) {
        const struct ledger_finding *finding = &result->findings[i];
        LOG_ERROR("the books do not agree", LOG_TEXT("finding", finding->reason),
                  LOG_TEXT("subject", finding->subject), LOG_TEXT("detail", finding->detail));
    }
    LOG_INFO("books verified", LOG_U64("accounts", result->accounts),
             LOG_U64("transfers", result->transfers), LOG_U64("findings", result->finding_count));
}

static void *run(void *context)
{
    struct ledger_selfcheck *selfcheck = context;
    struct status status =
        ledger_verify(selfcheck->store, &selfcheck->should_stop, &selfcheck->result);
    if (status.code == STATUS_CANCELLED) return NULL;
    if (!status_ok(status))
        log_status(LOG_LEVEL_ERROR, "the books could not be verified", status);
    else
        log_result(&selfcheck->result);
    bool is_clean = status_ok(status) && selfcheck->result.finding_count == 0;
    atomic_store(&selfcheck->has_findings, !is_clean);
    return NULL;
}

void ledger_selfcheck_open(struct store *store, struct ledger_selfcheck **ret)
{
    struct ledger_selfcheck *selfcheck = calloc(1, sizeof *selfcheck);
    CHECK(selfcheck != NULL);
    selfcheck->store = store;
    thread_start(&selfcheck->thread, "selfcheck", THREAD_STACK_BYTES_LARGE, run, selfcheck);
    *ret = selfcheck;
}

void ledger_selfcheck_stop(struct ledger_selfcheck *selfcheck)
{
    if (selfcheck->is_joined) return;
    atomic_store(&selfcheck->should_stop, true);
    CHECK(pthread_join(selfcheck->thread, NULL) == 0);
    selfcheck->is_joined = true;
}

void ledger_selfcheck_close(struct ledger_selfcheck **selfcheck)
{
    if (*selfcheck == NULL) return;
    ledger_selfcheck_stop(*selfcheck);
    free(*selfcheck);
    *selfcheck = NULL;
}

bool ledger_selfcheck_is_clean(void *selfcheck, const char **ret_detail)
{
    struct ledger_selfcheck *checked = selfcheck;
    bool is_clean = !atomic_load(&checked->has_findings);
    *ret_detail = is_clean ? "" : "the books do not agree; see `florin ledger verify`";
    return is_clean;
}
