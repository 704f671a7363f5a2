#include "tests/crash/notary.h"

#include "common/base/text.h"

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

enum { LOOK_PAUSE_MS = 5, SOURCES_MAX = 8, SOURCE_BYTES = 16 };

// ---- Keeping -------------------------------------------------------------------------------

static void keep(struct notary *notary, const char *text, size_t size)
{
    struct checkpoint seen;
    struct status status = checkpoint_open(bytes_of(text, size), &notary->verifier, &seen);
    if (!status_ok(status)) fail_msg("a checkpoint that is not the log's: %s", status.reason);
    if (notary->count > 0) {
        const struct checkpoint *last = &notary->kept[notary->count - 1];
        if (last->size > seen.size)
            fail_msg("the log shrank from %" PRIu64 " to %" PRIu64, last->size, seen.size);
        if (last->size == seen.size) {
            assert_true(merkle_hash_equal(&last->root, &seen.root));
            return;
        }
    }
    assert_true(notary->count < NOTARY_CHECKPOINTS_MAX);
    notary->kept[notary->count++] = seen;
}

static void look(struct notary *notary, struct http_client *client)
{
    struct http_answer answer = {0};
    http_call(client, NULL, "GET", "/v1/audit/log/checkpoint", NULL, NULL, &answer);
    if (answer.status == 200) keep(notary, answer.text, answer.size);
    http_answer_reset(&answer);
}

static void *run(void *context)
{
    struct notary *notary = context;
    struct http_client *client = http_client_open(notary->world);
    while (!atomic_load(&notary->is_stopping)) {
        look(notary, client);
        poll(NULL, 0, LOOK_PAUSE_MS);
    }
    http_client_close(&client);
    return NULL;
}

void notary_start(struct notary *notary, const struct world *world)
{
    char path[WORLD_PATH_BYTES + 32], text[NOTE_VERIFIER_TEXT_BYTES + 1] = "";
    *notary = (struct notary){.world = world};
    notary->kept = calloc(NOTARY_CHECKPOINTS_MAX, sizeof *notary->kept);
    assert_non_null(notary->kept);
    snprintf(path, sizeof path, "%s/audit/verifier-key", world->data);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    text[strcspn(text, "\n")] = '\0';
    assert_true(status_ok(crypto_open()));
    assert_true(status_ok(note_verifier_parse(bytes_of_text(text), &notary->verifier)));
    assert_int_equal(pthread_create(&notary->thread, NULL, run, notary), 0);
}

void notary_stop(struct notary *notary)
{
    atomic_store(&notary->is_stopping, true);
    pthread_join(notary->thread, NULL);
}

void notary_close(struct notary *notary)
{
    free(notary->kept);
    notary->kept = NULL;
}

// ---- Judging -------------------------------------------------------------------------------

static size_t read_hashes(const json_t *list, struct merkle_hash *ret)
{
    size_t count = json_array_size(list);
    assert_true(count <= MERKLE_PROOF_HASHES_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *hex = json_string_value(json_array_get(list, i));
        assert_non_null(hex);
        assert_true(hex_decode(hex, strlen(hex), ret[i].bytes, MERKLE_HASH_BYTES));
    }
    return count;
}

static void check_pair(struct http_client *client, const char *token,
                       const struct checkpoint *before, const struct checkpoint *after)
{
    struct merkle_hash hashes[MERKLE_PROOF_HASHES_MAX];
    struct http_answer answer = {0};
    char path[128];
    if (before->size == 0) return; // RFC 6962: everything begins with the empty log.
    snprintf(path, sizeof path, "/v1/audit/consistency?from=%" PRIu64 "&to=%" PRIu64, before->size,
             after->size);
    http_expect(client, token, "GET", path, NULL, 200, &answer);
    size_t count = read_hashes(json_object_get(answer.json, "hashes"), hashes);
    struct status status = merkle_verify_consistency(before->size, after->size, hashes, count,
                                                     &before->root, &after->root);
    if (!status_ok(status)) fail_msg("%s: %s", path, status.reason);
    http_answer_reset(&answer);
}

void notary_judge(struct notary *notary, struct http_client *client, const char *token)
{
    look(notary, client);
    assert_true(notary->count > 1);
    for (size_t i = 1; i < notary->count; i++)
        check_pair(client, token, &notary->kept[i - 1], &notary->kept[i]);
    // Also at a stroke, so that no chain of proofs is what holds it together.
    for (size_t i = 0; i + 1 < notary->count; i += 7)
        check_pair(client, token, &notary->kept[i], &notary->kept[notary->count - 1]);
}

/// How far back a source has been read: its events come newest first.
struct source {
    char name[SOURCE_BYTES];
    uint64_t seq;
};

static void check_event(struct source *sources, const json_t *event, uint64_t *index)
{
    const char *source = json_string_value(json_object_get(event, "source"));
    uint64_t seq = strtoull(json_string_value(json_object_get(event, "seq")), NULL, 10);
    uint64_t at = strtoull(json_string_value(json_object_get(event, "index")), NULL, 10);
    if (*index != UINT64_MAX) assert_int_equal(at, *index - 1);
    *index = at;
    for (size_t i = 0; i < SOURCES_MAX; i++) {
        if (sources[i].name[0] == '\0') {
            snprintf(sources[i].name, sizeof sources[i].name, "%s", source);
        } else if (strcmp(sources[i].name, source) != 0) {
            continue;
        } else if (seq + 1 != sources[i].seq) {
            fail_msg("%s: event %" PRIu64 " stands before %" PRIu64, source, seq, sources[i].seq);
        }
        sources[i].seq = seq;
        return;
    }
    fail_msg("more sources than there are daemons: %s", source);
}

uint64_t notary_check_log(struct http_client *client, const char *token)
{
    struct source sources[SOURCES_MAX] = {0};
    char path[1024], page[600] = "";
    uint64_t index = UINT64_MAX, count = 0;
    do {
        struct http_answer answer = {0};
        snprintf(path, sizeof path, "/v1/audit/events?page_size=1000&page_token=%s", page);
        http_expect(client, token, "GET", path, NULL, 200, &answer);
        size_t at;
        json_t *event;
        json_array_foreach(json_object_get(answer.json, "events"), at, event)
        {
            check_event(sources, event, &index);
            count++;
        }
        snprintf(page, sizeof page, "%s", http_text(&answer, "next_page_token"));
        http_answer_reset(&answer);
    } while (page[0] != '\0');
    assert_int_equal(index, 0);
    for (size_t i = 0; i < SOURCES_MAX && sources[i].name[0] != '\0'; i++)
        assert_int_equal(sources[i].seq, 1);
    return count;
}
