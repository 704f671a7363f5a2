#include "services/audit/witnessing.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/thread.h"
#include "common/outbound/outbound.h"
#include "services/audit/witness_talk.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    CONFLICTS_MAX = 3, // In a row, before it counts as a failure.
    IDLE_MS = 60000,
    BODY_BYTES = AUDIT_WITNESS_REQUEST_BYTES_MAX + CHECKPOINT_NOTE_BYTES_MAX,
};

struct witness {
    const struct note_verifier *key;
    const char *url;
    struct metric *cosignatures_total, *failures_total;

    struct outbound_attempt *attempt; // NULL: it is free.
    struct audit_candidate asked;     // Of the attempt.
    char body[BODY_BYTES];
    uint64_t size; // What it has seen of us, as far as we know; 0 at first, which it corrects.
    unsigned conflicts, failures;
    uint64_t retry_at_ns;
    bool has_answered; // Once: nobody was behind it then.

    uint64_t line_of; // The size that `line` cosigns.
    size_t line_size; // 0: none yet.
    char line[NOTE_COSIGNATURE_LINE_BYTES_MAX];
};

struct audit_witnessing {
    struct audit_service *service;
    struct audit_witness_list list;
    unsigned needed;
    struct outbound *outbound;
    struct witness witnesses[AUDIT_WITNESSES_MAX];

    bool has_round;
    struct audit_candidate round; // What this round is about.
    uint64_t round_begun_ns;
    unsigned published_lines; // Of the round.

    bool is_rolled_back;
    char rolled_back_text[320];
    atomic_uint silent; // Witnesses whose last request failed.
    atomic_bool is_stopping;
    bool has_thread;
    pthread_t thread;
    int wake_fd;
};

// ---- Asking --------------------------------------------------------------------------------

static void postpone(struct audit_witnessing *all, struct witness *witness, const char *what)
{
    if (witness->failures++ == 0) {
        LOG_WARN("a witness cannot be used", LOG_TEXT("witness", witness->key->name),
                 LOG_TEXT("what", what));
        atomic_fetch_add(&all->silent, 1);
    }
    metric_add(witness->failures_total, 1);
    uint64_t wait_ms = AUDIT_WITNESS_RETRY_MS_MIN;
    for (unsigned i = 1; i < witness->failures && wait_ms < AUDIT_WITNESS_RETRY_MS_MAX; i++)
        wait_ms *= 2;
    if (wait_ms > AUDIT_WITNESS_RETRY_MS_MAX) wait_ms = AUDIT_WITNESS_RETRY_MS_MAX;
    witness->retry_at_ns = clock_mono_ns() + wait_ms * NS_PER_MS;
    witness->conflicts = 0;
}

static void recover(struct audit_witnessing *all, struct witness *witness)
{
    if (witness->failures > 0) {
        LOG_INFO("a witness answers again", LOG_TEXT("witness", witness->key->name));
        atomic_fetch_sub(&all->silent, 1);
    }
    witness->failures = 0;
    witness->retry_at_ns = 0;
    witness->has_answered = true;
}

static void ask(struct audit_witnessing *all, struct witness *witness)
{
    struct merkle_proof proof;
    witness->asked = all->round;
    struct status status =
        audit_publication_proof(all->service, witness->size, &witness->asked, &proof);
    if (!status_ok(status)) {
        log_status(LOG_LEVEL_ERROR, "no proof for a witness", status);
        postpone(all, witness, "there is no proof for it");
        return;
    }
    struct bytes note = bytes_of(witness->asked.note, witness->asked.note_size);
    size_t size = audit_witness_request(witness->size, &proof, note, witness->body, BODY_BYTES);
    witness->attempt =
        outbound_start_post(all->outbound,
                            &(struct outbound_post){.url = witness->url,
                                                    .content_type = "text/plain; charset=utf-8",
                                                    .user_agent = "florin-audit",
                                                    .body = bytes_of(witness->body, size),
                                                    .keep_answer = true},
                            witness);
}

static bool has_cosigned(const struct audit_witnessing *all, const struct witness *witness)
{
    return witness->line_size > 0 && witness->line_of == all->round.size;
}

static void ask_those_who_are_free(struct audit_witnessing *all)
{
    uint64_t now_ns = clock_mono_ns();
    for (size_t i = 0; all->has_round && i < all->list.count; i++) {
        struct witness *witness = &all->witnesses[i];
        bool is_due = witness->attempt == NULL && now_ns >= witness->retry_at_ns;
        if (is_due && !has_cosigned(all, witness) && witness->size <= all->round.size)
            ask(all, witness);
    }
}

// ---- Listening -----------------------------------------------------------------------------

static void take_rollback(struct audit_witnessing *all, const struct witness *witness,
                          const char *what, uint64_t seen)
{
    uint64_t size = audit_tail_size(all->service->tail);
    LOG_ERROR("this log is an older copy or a fork of what a witness has seen",
              LOG_TEXT("witness", witness->key->name), LOG_TEXT("what", what),
              LOG_U64("seen", seen), LOG_U64("size", size));
    snprintf(all->rolled_back_text, sizeof all->rolled_back_text,
             "the witness %.128s %s %" PRIu64 " entries, the store has %" PRIu64
             ": this is an older copy or a fork of the log",
             witness->key->name, what, seen, size);
    all->is_rolled_back = true;
}

static void take_cosignature(struct audit_witnessing *all, struct witness *witness,
                             struct bytes line)
{
    metric_add(witness->cosignatures_total, 1);
    witness->size = witness->asked.size;
    witness->line_of = witness->asked.size;
    witness->line_size = line.size;
    CHECK(line.size <= sizeof witness->line);
    memcpy(witness->line, line.data, line.size);
    witness->conflicts = 0;
    recover(all, witness);
}

// Every size that it may have is one that we signed, and what we signed was durable before.
static void take_size(struct audit_witnessing *all, struct witness *witness, uint64_t size)
{
    if (size > audit_tail_size(all->service->tail)) {
        take_rollback(all, witness, "has seen", size);
        return;
    }
    bool is_news = size != witness->size;
    witness->size = size;
    if (!is_news || ++witness->conflicts > CONFLICTS_MAX) {
        postpone(all, witness, "its conflicts do not end");
        return;
    }
    recover(all, witness);
}

static void take_answer(struct audit_witnessing *all, struct witness *witness,
                        const struct outbound_report *report)
{
    const struct audit_candidate *asked = &witness->asked;
    // An answer that was cut off is none, whatever its first line said.
    bool is_whole = report->result != OUTBOUND_FAILED || report->code != 200;
    struct audit_witness_answer answer =
        audit_witness_understand(is_whole ? report->code : 0, report->content_type, report->answer,
                                 bytes_of(asked->note, asked->text_size), witness->key);
    switch (answer.meaning) {
    case AUDIT_WITNESS_COSIGNED:
        take_cosignature(all, witness, answer.line);
        break;
    case AUDIT_WITNESS_HAS_SIZE:
        take_size(all, witness, answer.size);
        break;
    case AUDIT_WITNESS_DENIES:
        take_rollback(all, witness, "has seen another history of", witness->size);
        break;
    case AUDIT_WITNESS_UNUSABLE:
        postpone(all, witness, answer.what);
        break;
    }
    outbound_attempt_close(&witness->attempt);
}

// ---- Rounds --------------------------------------------------------------------------------

static unsigned count_cosigned(const struct audit_witnessing *all)
{
    unsigned count = 0;
    for (size_t i = 0; i < all->list.count; i++)
        count += has_cosigned(all, &all->witnesses[i]);
    return count;
}

// One who is still busy with an older round is not waited for in this one.
static bool is_anybody_awaited(const struct audit_witnessing *all)
{
    for (size_t i = 0; i < all->list.count; i++) {
        const struct witness *witness = &all->witnesses[i];
        if (witness->attempt != NULL && witness->asked.size == all->round.size) return true;
    }
    return false;
}

static uint64_t grace_ends_ns(const struct audit_witnessing *all)
{
    return all->round_begun_ns + AUDIT_WITNESS_GRACE_MS * NS_PER_MS;
}

// Nothing more is to be waited for: all have answered, or enough have signed and the others had
// their time.
static bool is_round_over(const struct audit_witnessing *all)
{
    if (!is_anybody_awaited(all)) return true;
    return count_cosigned(all) >= all->needed && clock_mono_ns() >= grace_ends_ns(all);
}

static void publish(struct audit_witnessing *all)
{
    unsigned cosigned = count_cosigned(all);
    if (!all->has_round || cosigned == 0 || cosigned < all->needed) return;
    if (cosigned == all->published_lines || !is_round_over(all)) return;
    struct bytes lines[AUDIT_WITNESSES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < all->list.count; i++) {
        const struct witness *witness = &all->witnesses[i];
        if (has_cosigned(all, witness))
            lines[count++] = bytes_of(witness->line, witness->line_size);
    }
    struct status status = audit_publication_publish(all->service, &all->round, lines, count);
    if (status_ok(status))
        all->published_lines = cosigned;
    else
        log_status(LOG_LEVEL_WARN, "a checkpoint is not published yet", status);
}

static void begin_round(struct audit_witnessing *all)
{
    struct audit_candidate newest;
    if (all->has_round &&
        (!is_round_over(all) || audit_tail_size(all->service->tail) == all->round.size))
        return;
    struct status status = audit_publication_newest(all->service, &newest);
    if (status.code == STATUS_UNAVAILABLE) return; // In a moment: the tail wakes us.
    if (!status_ok(status)) {
        log_status(LOG_LEVEL_ERROR, "no checkpoint for the witnesses", status);
        return;
    }
    if (all->has_round && newest.size == all->round.size) return;
    all->round = newest;
    all->round_begun_ns = clock_mono_ns();
    all->published_lines = 0;
    all->has_round = true;
}

// Takes what there is, and sets going what can go.
static void look(struct audit_witnessing *all)
{
    struct outbound_report report;
    struct witness *witness;
    while ((witness = outbound_next(all->outbound, &report)) != NULL && !all->is_rolled_back)
        take_answer(all, witness, &report);
    if (all->is_rolled_back) return;
    publish(all);
    begin_round(all);
    ask_those_who_are_free(all);
}

// For the next thing to happen, until `until_ns` at most.
static void wait_until(struct audit_witnessing *all, uint64_t until_ns)
{
    uint64_t now_ns = clock_mono_ns(), wake_ns = until_ns;
    for (size_t i = 0; i < all->list.count; i++) {
        const struct witness *one = &all->witnesses[i];
        if (one->attempt == NULL && one->retry_at_ns > now_ns && one->retry_at_ns < wake_ns)
            wake_ns = one->retry_at_ns;
    }
    if (is_anybody_awaited(all) && grace_ends_ns(all) > now_ns && grace_ends_ns(all) < wake_ns)
        wake_ns = grace_ends_ns(all);
    if (atomic_load(&all->is_stopping) || wake_ns <= now_ns) return;
    outbound_wait(all->outbound, all->wake_fd, (wake_ns - now_ns) / NS_PER_MS + 1);
    eventfd_t unused;
    (void)eventfd_read(all->wake_fd, &unused); // Does not block: nobody may have rung.
}

static void *run(void *context)
{
    struct audit_witnessing *all = context;
    while (!atomic_load(&all->is_stopping)) {
        look(all);
        if (!all->is_rolled_back) {
            wait_until(all, clock_mono_ns() + IDLE_MS * NS_PER_MS);
            continue;
        }
        // As after any broken invariant: nothing more is to be signed on top of it.
        LOG_ERROR("the log stops the process", LOG_TEXT("what", all->rolled_back_text));
        abort();
    }
    return NULL;
}

static void wake(void *context)
{
    struct audit_witnessing *all = context;
    CHECK(eventfd_write(all->wake_fd, 1) == 0);
}

// ---- Life ----------------------------------------------------------------------------------

static bool has_everybody_spoken(const struct audit_witnessing *all)
{
    for (size_t i = 0; i < all->list.count; i++) {
        const struct witness *witness = &all->witnesses[i];
        if (witness->failures == 0 && !(witness->has_answered && has_cosigned(all, witness)))
            return false;
    }
    return true;
}

// The first round, before anything is served: is there somebody who has seen more?
static struct status meet(struct audit_witnessing *all)
{
    uint64_t until_ns = clock_mono_ns() + AUDIT_WITNESS_OPEN_MS * NS_PER_MS;
    look(all);
    while (!all->is_rolled_back && !has_everybody_spoken(all) && clock_mono_ns() < until_ns) {
        wait_until(all, until_ns);
        look(all);
    }
    if (!all->is_rolled_back) return STATUS_SUCCESS;
    return (struct status){STATUS_FAILED_PRECONDITION, "LOG_ROLLED_BACK", all->rolled_back_text};
}

// Labels live as long as the process does.
static const char *const labels[] = {
    "witness=\"0\"",  "witness=\"1\"",  "witness=\"2\"",  "witness=\"3\"",
    "witness=\"4\"",  "witness=\"5\"",  "witness=\"6\"",  "witness=\"7\"",
    "witness=\"8\"",  "witness=\"9\"",  "witness=\"10\"", "witness=\"11\"",
    "witness=\"12\"", "witness=\"13\"", "witness=\"14\"", "witness=\"15\"",
};
static_assert(sizeof labels / sizeof labels[0] == AUDIT_WITNESSES_MAX, "each has a label");

static void introduce(struct audit_witnessing *all, size_t index)
{
    struct witness *witness = &all->witnesses[index];
    witness->key = &all->list.keys[index];
    witness->url = all->list.urls[index];
    witness->cosignatures_total =
        metric_counter("florin_audit_witness_cosignatures_total",
                       "Cosignatures, by the witness's place in the file.", labels[index]);
    witness->failures_total =
        metric_counter("florin_audit_witness_failures_total",
                       "Requests to a witness that brought none.", labels[index]);
}

struct status audit_witnessing_open(struct audit_service *service,
                                    const struct audit_witness_list *list, unsigned needed,
                                    struct audit_witnessing **ret)
{
    struct audit_witnessing *all = calloc(1, sizeof *all);
    CHECK(all != NULL);
    *ret = all; // Also when it fails below: close ends what it began.
    all->service = service;
    all->list = *list;
    all->needed = needed;
    all->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(all->wake_fd >= 0);
    const struct audit_policy policy = {
        .witnesses = all->list.keys, .witness_count = all->list.count, .needed = needed};
    RETURN_IF_ERROR(audit_publication_open(service, &policy));
    if (all->list.count == 0) return STATUS_SUCCESS;
    for (size_t i = 0; i < all->list.count; i++)
        introduce(all, i);
    all->outbound = outbound_open(
        &(struct outbound_config){.tls_ca_file = "", .timeout_ms = AUDIT_WITNESS_TIMEOUT_MS});
    return meet(all);
}

struct status audit_witnessing_start(struct audit_witnessing *witnessing)
{
    if (witnessing->list.count == 0) return STATUS_SUCCESS;
    audit_tail_listen(witnessing->service->tail, wake, witnessing);
    thread_start(&witnessing->thread, "witnessing", THREAD_STACK_BYTES_LARGE, run, witnessing);
    witnessing->has_thread = true;
    return STATUS_SUCCESS;
}

void audit_witnessing_stop(struct audit_witnessing *witnessing)
{
    if (witnessing == NULL || !witnessing->has_thread) return;
    atomic_store(&witnessing->is_stopping, true);
    wake(witnessing);
    CHECK(pthread_join(witnessing->thread, NULL) == 0);
    witnessing->has_thread = false;
}

void audit_witnessing_close(struct audit_witnessing **witnessing)
{
    struct audit_witnessing *all = *witnessing;
    if (all == NULL) return;
    CHECK(!all->has_thread);
    for (size_t i = 0; i < all->list.count; i++)
        if (all->witnesses[i].attempt != NULL) outbound_attempt_cancel(all->witnesses[i].attempt);
    for (size_t i = 0; i < all->list.count; i++)
        outbound_attempt_close(&all->witnesses[i].attempt);
    outbound_close(&all->outbound);
    close(all->wake_fd);
    free(all);
    *witnessing = NULL;
}

size_t audit_witnessing_count(const struct audit_witnessing *witnessing)
{
    return witnessing->list.count;
}

bool audit_witnessing_serving(void *context, const char **ret_detail)
{
    const struct audit_witnessing *all = context;
    unsigned silent = atomic_load(&all->silent);
    if (silent == 0) return true;
    *ret_detail = all->list.count - silent < all->needed
                      ? "too few witnesses answer: the published checkpoint stands still"
                      : "not every witness answers";
    return true;
}
