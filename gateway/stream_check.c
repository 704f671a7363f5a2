#include "gateway/stream_check.h"

#include "common/base/check.h"
#include "common/base/thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct stream_checker {
    const struct rpc_identity *identity;
    pthread_t thread;
    bool thread_runs;
    pthread_mutex_t lock; // Of the rest.
    pthread_cond_t changed;
    bool is_closing;
    struct stream_check *first, *last;
};

#define DRAINING REFUSE(UNAVAILABLE, DRAINING, "the gateway stops; try again")

static void finish(struct stream_check *check, struct status status)
{
    check->status = status;
    http_loop_post(check->loop, &check->job);
}

static struct stream_check *take(struct stream_checker *checker)
{
    struct stream_check *check = checker->first;
    checker->first = check->next;
    if (checker->first == NULL) checker->last = NULL;
    return check;
}

static struct status authenticate(const struct rpc_identity *identity, struct stream_check *check)
{
    struct bytes token = bytes_of_text(check->token);
    if (identity->authenticate_slow != NULL)
        return identity->authenticate_slow(identity->context, token, &check->claims);
    return REFUSE(UNAVAILABLE, IDENTITY_UNAVAILABLE, "who the caller is cannot be learnt now");
}

static void *run(void *context)
{
    struct stream_checker *checker = context;
    pthread_mutex_lock(&checker->lock);
    while (!checker->is_closing) {
        if (checker->first == NULL) {
            pthread_cond_wait(&checker->changed, &checker->lock);
            continue;
        }
        struct stream_check *check = take(checker);
        pthread_mutex_unlock(&checker->lock);
        finish(check, authenticate(checker->identity, check));
        pthread_mutex_lock(&checker->lock);
    }
    while (checker->first != NULL)
        finish(take(checker), DRAINING);
    pthread_mutex_unlock(&checker->lock);
    return NULL;
}

struct stream_checker *stream_checker_open(const struct rpc_identity *identity)
{
    struct stream_checker *checker = calloc(1, sizeof *checker);
    CHECK(checker != NULL);
    checker->identity = identity;
    pthread_mutex_init(&checker->lock, NULL);
    pthread_cond_init(&checker->changed, NULL);
    thread_start(&checker->thread, "stream-check", THREAD_STACK_BYTES, run, checker);
    checker->thread_runs = true;
    return checker;
}

void stream_checker_stop(struct stream_checker *checker)
{
    if (!checker->thread_runs) return;
    pthread_mutex_lock(&checker->lock);
    checker->is_closing = true;
    pthread_cond_signal(&checker->changed);
    pthread_mutex_unlock(&checker->lock);
    pthread_join(checker->thread, NULL);
    checker->thread_runs = false;
}

void stream_checker_close(struct stream_checker **checker)
{
    if (*checker == NULL) return;
    stream_checker_stop(*checker);
    pthread_cond_destroy(&(*checker)->changed);
    pthread_mutex_destroy(&(*checker)->lock);
    free(*checker);
    *checker = NULL;
}

void stream_checker_ask(struct stream_checker *checker, struct stream_check *check)
{
    check->next = NULL;
    pthread_mutex_lock(&checker->lock);
    bool is_closing = checker->is_closing;
    if (!is_closing) {
        if (checker->last != NULL) {
            checker->last->next = check;
        } else {
            checker->first = check;
        }
        checker->last = check;
        pthread_cond_signal(&checker->changed);
    }
    pthread_mutex_unlock(&checker->lock);
    if (is_closing) finish(check, DRAINING);
}
