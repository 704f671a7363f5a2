#include "tests/crash/annals.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETTLE_TRIES = 1000, SETTLE_PAUSE_MS = 100, SETTLED_LOOKS = 10 };

// Also right after the last kill, when the gateway has not found everybody again.
uint64_t annals_size(struct http_client *client, const char *token)
{
    struct http_answer answer = {0};
    for (unsigned i = 0; answer.status != 200; i++) {
        if (i == SETTLE_TRIES) fail_msg("the log's size was answered %ld", answer.status);
        if (i > 0) poll(NULL, 0, SETTLE_PAUSE_MS);
        http_answer_reset(&answer);
        http_call(client, token, "GET", "/v1/audit/status", NULL, NULL, &answer);
    }
    uint64_t size = strtoull(http_text(&answer, "size"), NULL, 10);
    http_answer_reset(&answer);
    return size;
}

uint64_t annals_settle(struct http_client *client, const char *token,
                       const struct direct_sources *sources)
{
    uint64_t size = annals_size(client, token);
    for (unsigned i = 0, same = 0; same < SETTLED_LOOKS; i++) {
        uint64_t before = size;
        poll(NULL, 0, SETTLE_PAUSE_MS);
        size = annals_size(client, token);
        bool is_whole = size == direct_count_events(sources);
        same = is_whole && size == before ? same + 1 : 0;
        if (i == SETTLE_TRIES) fail_msg("the log does not come to rest");
    }
    return size;
}

static void copy_member(const json_t *object, const char *member, char *ret, size_t size)
{
    const char *text = json_string_value(json_object_get(object, member));
    int length = snprintf(ret, size, "%s", text != NULL ? text : "");
    assert_true(length >= 0 && (size_t)length < size);
}

static void keep(struct annals *annals, const json_t *event, uint64_t index)
{
    struct annal *annal = &annals->entries[index];
    copy_member(event, "action", annal->action, sizeof annal->action);
    copy_member(event, "outcome", annal->outcome, sizeof annal->outcome);
    copy_member(event, "resource", annal->resource, sizeof annal->resource);
    const json_t *transfer = json_object_get(json_object_get(event, "data"), "transfer");
    if (transfer == NULL) return;
    char amount[32];
    copy_member(transfer, "debit_account_id", annal->debit, sizeof annal->debit);
    copy_member(transfer, "credit_account_id", annal->credit, sizeof annal->credit);
    copy_member(transfer, "amount", amount, sizeof amount);
    annal->amount = strtoull(amount, NULL, 10);
}

void annals_read(struct http_client *client, const char *token, uint64_t size, struct annals *ret)
{
    char path[1024], page[600] = "";
    uint64_t next = UINT64_MAX; // Newest first: the index that must come, once it is known.
    ret->count = size;
    ret->entries = calloc(size, sizeof *ret->entries);
    assert_non_null(ret->entries);
    do {
        struct http_answer answer = {0};
        snprintf(path, sizeof path, "/v1/audit/events?page_size=1000&page_token=%s", page);
        http_expect(client, token, "GET", path, NULL, 200, &answer);
        size_t at;
        json_t *event;
        json_array_foreach(json_object_get(answer.json, "events"), at, event)
        {
            uint64_t index = strtoull(json_string_value(json_object_get(event, "index")), NULL, 10);
            if (next != UINT64_MAX) assert_int_equal(index, next);
            next = index - 1;
            if (index < size) keep(ret, event, index);
        }
        snprintf(page, sizeof page, "%s", http_text(&answer, "next_page_token"));
        http_answer_reset(&answer);
    } while (page[0] != '\0');
    assert_int_equal(next, UINT64_MAX); // Index 0 was the last.
}

void annals_free(struct annals *annals)
{
    free(annals->entries);
    *annals = (struct annals){0};
}
