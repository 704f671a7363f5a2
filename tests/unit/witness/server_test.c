// The witness on HTTP: each status with its content type, byte for byte as a log's client reads it.
#include "common/base/check.h"
#include "common/crypto/hash.h"
#include "services/witness/server.h"
#include "tests/unit/witness/sample.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATH_BYTES = 256, ANSWER_BYTES = 32 * 1024, REQUEST_BYTES = 96 * 1024 };

#define WITNESS "witness.example/w1"

struct fixture {
    char directory[PATH_BYTES], state[PATH_BYTES];
    struct key_signer *signer;
    struct sample log, fork; // The fork differs from entry 8 on.
    struct witness_service service;
    struct witness_server *server;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    CHECK(fixture != NULL);
    directory_make("witness", fixture->directory, sizeof fixture->directory);
    snprintf(fixture->state, sizeof fixture->state, "%.240s/state", fixture->directory);
    sample_open(&fixture->log, SAMPLE_ORIGIN, 1, SAMPLE_LEAVES_MAX);
    sample_open(&fixture->fork, SAMPLE_ORIGIN, 1, 8);
    const uint8_t seed[KEY_SEED_BYTES] = {9};
    const struct store_schema *schemas[] = {&witness_store_schema};
    const struct store_config config = {.directory = fixture->state,
                                        .map_bytes = UINT64_C(1) << 26};
    struct witness_service *service = &fixture->service;
    assert_status_ok(key_signer_from_seed(seed, &fixture->signer));
    assert_status_ok(note_verifier_make_typed(
        WITNESS, NOTE_COSIGNATURE, key_signer_public(fixture->signer), &service->verifier));
    service->signer = fixture->signer;
    service->log_keys = &fixture->log.verifier;
    service->log_key_count = 1;
    assert_status_ok(store_open(&config, schemas, 1, &service->store));
    assert_status_ok(witness_server_open(service, "127.0.0.1", 0, &fixture->server));
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    witness_server_drain(fixture->server);
    store_close(&fixture->service.store);
    witness_server_close(&fixture->server);
    sample_close(&fixture->log);
    sample_close(&fixture->fork);
    key_signer_close(&fixture->signer);
    directory_remove(fixture->directory);
    free(fixture);
    return 0;
}

// ---- A client ------------------------------------------------------------------------------

struct answer {
    unsigned status;
    char text[ANSWER_BYTES]; // Head and body.
    const char *body;
};

static void exchange(const struct fixture *fixture, const char *method, const char *path,
                     struct bytes body, struct answer *ret)
{
    static char request[REQUEST_BYTES];
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(witness_server_port(fixture->server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    int head = snprintf(request, sizeof request,
                        "%s %s HTTP/1.1\r\nHost: w\r\nConnection: close\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        method, path, body.size);
    assert_true(head > 0 && (size_t)head + body.size <= sizeof request);
    if (body.size > 0) memcpy(request + head, body.data, body.size);
    size_t size = (size_t)head + body.size, got = 0;
    assert_true(send(fd, request, size, MSG_NOSIGNAL) == (ssize_t)size);
    ssize_t more;
    while (got < sizeof ret->text - 1 &&
           (more = recv(fd, ret->text + got, sizeof ret->text - 1 - got, 0)) > 0)
        got += (size_t)more;
    close(fd);
    ret->text[got] = '\0';
    assert_int_equal(strncmp(ret->text, "HTTP/1.1 ", 9), 0);
    ret->status = (unsigned)strtoul(ret->text + 9, NULL, 10);
    ret->body = strstr(ret->text, "\r\n\r\n");
    assert_non_null(ret->body);
    ret->body += 4;
}

static void add(const struct fixture *fixture, const struct sample *log, size_t old_size,
                size_t size, struct answer *ret)
{
    static char body[SAMPLE_REQUEST_BYTES];
    size_t body_size = sample_request(log, old_size, size, body);
    exchange(fixture, "POST", "/add-checkpoint", bytes_of(body, body_size), ret);
}

static void expect(const struct answer *answer, unsigned status, const char *type)
{
    char field[64];
    snprintf(field, sizeof field, "\r\nContent-Type: %s\r\n", type);
    if (answer->status != status || strstr(answer->text, field) == NULL)
        fail_msg("expected %u, %s:\n%s", status, type, answer->text);
}

#define TEXT_PLAIN "text/plain; charset=utf-8"

// ---- Tests ---------------------------------------------------------------------------------

static void test_add_checkpoint_answers_as_the_protocol_says(void **state)
{
    const struct fixture *fixture = *state;
    static struct answer answer;
    char note[SAMPLE_REQUEST_BYTES];
    struct bytes text, lines, line;
    uint64_t time_s;
    add(fixture, &fixture->log, 0, 12, &answer);
    expect(&answer, 200, TEXT_PLAIN);
    size_t size = sample_note(&fixture->log, 12, note, sizeof note);
    assert_status_ok(note_split(bytes_of(note, size), &text, &lines));
    assert_status_ok(cosignature_find(bytes_of_text(answer.body), text, &fixture->service.verifier,
                                      &line, &time_s));
    add(fixture, &fixture->log, 0, 20, &answer);
    expect(&answer, 409, "text/x.tlog.size");
    assert_string_equal(answer.body, "12\n");
    add(fixture, &fixture->fork, 12, 12, &answer);
    expect(&answer, 422, TEXT_PLAIN);
    add(fixture, &fixture->fork, 12, 20, &answer);
    expect(&answer, 422, TEXT_PLAIN);
    add(fixture, &fixture->log, 13, 12, &answer);
    expect(&answer, 400, TEXT_PLAIN);
    exchange(fixture, "POST", "/add-checkpoint", bytes_of_text("old 0\n"), &answer);
    expect(&answer, 400, TEXT_PLAIN);
    add(fixture, &fixture->log, 12, 20, &answer);
    expect(&answer, 200, TEXT_PLAIN);
}

static void test_strangers_are_refused(void **state)
{
    const struct fixture *fixture = *state;
    static struct sample other, forged;
    static struct answer answer;
    sample_open(&other, "example.com/other", 1, SAMPLE_LEAVES_MAX);
    sample_open(&forged, SAMPLE_ORIGIN, 2, SAMPLE_LEAVES_MAX);
    add(fixture, &other, 0, 12, &answer);
    expect(&answer, 404, TEXT_PLAIN);
    add(fixture, &forged, 0, 12, &answer);
    expect(&answer, 403, TEXT_PLAIN);
    sample_close(&other);
    sample_close(&forged);
}

static void test_a_body_has_a_limit(void **state)
{
    const struct fixture *fixture = *state;
    static char body[WITNESS_BODY_BYTES_MAX + 1];
    static struct answer answer;
    memset(body, 'x', sizeof body);
    exchange(fixture, "POST", "/add-checkpoint", bytes_of(body, WITNESS_BODY_BYTES_MAX), &answer);
    assert_int_equal(answer.status, 400);
    exchange(fixture, "POST", "/add-checkpoint", bytes_of(body, sizeof body), &answer);
    assert_int_equal(answer.status, 413);
}

static void test_key_and_checkpoint_are_there_for_monitors(void **state)
{
    const struct fixture *fixture = *state;
    static struct answer answer;
    char key[NOTE_VERIFIER_TEXT_BYTES + 1], hex[2 * HASH_SHA256_BYTES + 1], path[128];
    uint8_t hash[HASH_SHA256_BYTES];
    struct bytes origin = bytes_of_text(SAMPLE_ORIGIN), text;
    size_t size = note_verifier_format(&fixture->service.verifier, key);
    memcpy(key + size, "\n", 2);
    exchange(fixture, "GET", "/verifier-key", bytes_of("", 0), &answer);
    expect(&answer, 200, TEXT_PLAIN);
    assert_string_equal(answer.body, key);

    hash_sha256(&origin, 1, hash);
    hex_encode(hash, sizeof hash, hex);
    snprintf(path, sizeof path, "/%s/checkpoint", hex);
    exchange(fixture, "GET", path, bytes_of("", 0), &answer);
    expect(&answer, 404, TEXT_PLAIN);
    add(fixture, &fixture->log, 0, 12, &answer);
    exchange(fixture, "GET", path, bytes_of("", 0), &answer);
    expect(&answer, 200, TEXT_PLAIN);
    const struct note_verifier keys[] = {fixture->log.verifier, fixture->service.verifier};
    bool is_signed[2];
    assert_status_ok(note_open_any(bytes_of_text(answer.body), keys, 2, &text, is_signed));
    assert_true(is_signed[0] && is_signed[1]);
    path[1 + strlen(hex) - 1] = 'A'; // Lower case only.
    exchange(fixture, "GET", path, bytes_of("", 0), &answer);
    assert_int_equal(answer.status, 404);
}

// clang-format off
static const struct {
    const char *method, *path;
    unsigned status;
} others[] = {
    {"GET",    "/",                404},
    {"GET",    "/checkpoint",      404},
    {"POST",   "/sign-subtree",    404},
    {"POST",   "/add-checkpoint/", 404},
    {"GET",    "/add-checkpoint",  405},
    {"PUT",    "/add-checkpoint",  405},
    {"POST",   "/verifier-key",    405},
    {"DELETE", "/verifier-key",    405},
};

// clang-format on

static void test_there_is_nothing_else(void **state)
{
    const struct fixture *fixture = *state;
    static struct answer answer;
    for (size_t i = 0; i < ROWS(others); i++) {
        exchange(fixture, others[i].method, others[i].path, bytes_of("", 0), &answer);
        if (answer.status != others[i].status)
            fail_msg("%s %s: %u", others[i].method, others[i].path, answer.status);
        if (others[i].status == 405) assert_non_null(strstr(answer.text, "\r\nAllow: "));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_add_checkpoint_answers_as_the_protocol_says, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_strangers_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_body_has_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_key_and_checkpoint_are_there_for_monitors, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_there_is_nothing_else, setup, teardown),
    };
    return cmocka_run_group_tests_name("witness server", tests, NULL, NULL);
}
