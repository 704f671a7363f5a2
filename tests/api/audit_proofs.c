// What can be checked without believing us.
#include "tests/api/audit_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// clang-format off

void test_an_entry_is_proven(void **state)
{
    static const struct step steps[] = {
        {"the first entry", AUDITOR, "GET /v1/audit/events/0/proof", NULL, "200", "index=0"},
        {"as a file", AUDITOR, "GET /v1/audit/events/0/proof", NULL, "200", NULL, NULL, "Accept: text/plain"},
        {"one that is not there", AUDITOR, "GET /v1/audit/events/99999999/proof", NULL, "404 ENTRY_NOT_FOUND"},
        {"the checkpoint is everybody's", NOBODY, "GET /v1/audit/log/checkpoint", NULL, "200", "@cache-control=no-cache"},
        {"a proof is not", NOBODY, "GET /v1/audit/events/0/proof", NULL, "401 TOKEN_MISSING"},
    };
    RUN(*state, steps);
}

void test_the_log_only_grows(void **state)
{
    static const struct step steps[] = {
        {"its size", AUDITOR, "GET /v1/audit/status", NULL, "200", NULL, "size=published_size"},
        {"from one entry on", AUDITOR, "GET /v1/audit/consistency?from=1&to=$size", NULL, "200", "from=1; to=$size"},
        {"to the newest checkpoint", AUDITOR, "GET /v1/audit/consistency?from=1", NULL, "200", "from=1"},
        {"from itself", AUDITOR, "GET /v1/audit/consistency?from=$size&to=$size", NULL, "200", "hashes.#=0"},
        {"from nothing", AUDITOR, "GET /v1/audit/consistency?from=0&to=$size", NULL, "400 VALIDATION_FAILED"},
        {"backwards", AUDITOR, "GET /v1/audit/consistency?from=5&to=4", NULL, "400 SIZES_INVALID"},
        {"to where it has not come", AUDITOR, "GET /v1/audit/consistency?from=1&to=99999999", NULL, "422 SIZE_NOT_PUBLISHED"},
    };
    RUN(*state, steps);
}

void test_tiles_are_named_by_one_path(void **state)
{
    static const struct step steps[] = {
        {"a part of the first tile", NOBODY, "GET /v1/audit/log/tile/0/000.p/3", NULL, "200",
         "@cache-control=public, max-age=31536000, immutable; @content-length=96; @content-type=application/octet-stream"},
        {"its entries", AUDITOR, "GET /v1/audit/log/tile/entries/000.p/3", NULL, "200",
         "@cache-control=private, max-age=31536000, immutable"},
        {"not for everybody", NOBODY, "GET /v1/audit/log/tile/entries/000.p/3", NULL, "401 TOKEN_MISSING"},
        {"one that is not there", NOBODY, "GET /v1/audit/log/tile/0/x001/234", NULL, "404 TILE_NOT_FOUND", "@cache-control=no-store"},
        {"entries that are not there", AUDITOR, "GET /v1/audit/log/tile/entries/x001/234", NULL, "404 TILE_NOT_FOUND"},
        {"a level that is not there", NOBODY, "GET /v1/audit/log/tile/9/000", NULL, "404 TILE_NOT_FOUND"},
        {"nothing of a tile", NOBODY, "GET /v1/audit/log/tile/0/000.p/0", NULL, "400 TILE_PATH_MALFORMED"},
        {"more than a tile", NOBODY, "GET /v1/audit/log/tile/0/000.p/256", NULL, "400 TILE_PATH_MALFORMED"},
        {"too few digits", NOBODY, "GET /v1/audit/log/tile/0/1", NULL, "400 TILE_PATH_MALFORMED"},
        {"too many groups", NOBODY, "GET /v1/audit/log/tile/0/x000/001", NULL, "400 TILE_PATH_MALFORMED"},
        {"no number", NOBODY, "GET /v1/audit/log/tile/0/abc", NULL, "400 TILE_PATH_MALFORMED"},
        {"entries of no number", AUDITOR, "GET /v1/audit/log/tile/entries/abc", NULL, "400 TILE_PATH_MALFORMED"},
    };
    RUN(*state, steps);
}

// clang-format on

static void write_file(const char *path, const char *text, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

// More than a tile of entries, so that there is a second level.
static void grow(struct api *api)
{
    struct http_answer answer = {0};
    for (unsigned i = 0; i < 300; i++) {
        const struct step step = {"a name", ASHA, "PATCH /v1/accounts/$asha",
                                  i % 2 == 0 ? "{'name':'Everyday'}" : "{'name':'Daily'}", "200"};
        api_ask(api, &step, &answer);
    }
    http_answer_reset(&answer);
}

void test_somebody_elses_program_verifies_the_log(void **state)
{
    if (system("python3 -c 'import hashlib' >/dev/null 2>&1") != 0) {
        print_message("skipped: there is no python3\n");
        skip();
    }
    struct api *api = *state;
    const struct world *world = api_world(api);
    struct http_answer answer = {0};
    http_expect(api_client(api), NULL, "GET", "/v1/audit/log/checkpoint", NULL, 200, &answer);
    char old[WORLD_PATH_BYTES + 32], command[4096];
    snprintf(old, sizeof old, "%s/old-checkpoint", world->data);
    write_file(old, answer.text, answer.size);
    grow(api);
    http_answer_reset(&answer);
    snprintf(
        command, sizeof command,
        "python3 %s/tests/api/log_verify.py http://127.0.0.1:%u \"$(cat %s/audit/verifier-key)\" "
        "%s %s",
        getenv("FLORIN_SOURCE_DIR"), world->port, world->data, api_token(api, AUDITOR), old);
    assert_int_equal(system(command), 0);
}
