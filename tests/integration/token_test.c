// Forged tokens against the real daemons: each by RPC, past the gateway, and the gateway by HTTP.
// The forger has the operator's key, so that each row is signed rightly and wrong in one thing
// only; tests/unit/crypto/token_attack_test.c has the finer variations of the text.
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/crypto/hash.h"
#include "florin/rpc/v1/rpc.pb-c.h"
#include "florin/rpc/v1/rpc_methods.h"
#include "tests/integration/cast.h"
#include "tests/integration/direct.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const daemons[] = {"auth", "ledger", "kyc", "audit", "gateway"};

#define ROWS(table) (sizeof(table) / sizeof(table)[0])

enum { DAEMON_COUNT = ROWS(daemons), FORGED_BYTES = 2 * TOKEN_BYTES_MAX };

struct story {
    struct world world;
    struct http_client *client;
    struct person admin, asha;
    struct rpc_channel *channels[DAEMON_COUNT];
    struct direct_answer answer;
    struct key_signer *ops, *ledger;
    char kid[KEY_ID_TEXT_BYTES]; // Of the operator's key.
};

// ---- Asking --------------------------------------------------------------------------------

/// Stats is served by all five, to administrators and services.
static void expect_rpc(struct story *story, unsigned daemon, const char *token, const char *given,
                       const char *reason)
{
    const struct rpc_metadata metadata = {.access_token = token};
    Envelope__StatsRequest nothing = ENVELOPE__STATS_REQUEST__INIT;
    direct_call(story->channels[daemon], &rpc_methods[RPC_STATS_GET], &metadata, &nothing,
                &story->answer);
    const char *got = story->answer.status.reason;
    bool is_refused = story->answer.status.code == STATUS_UNAUTHENTICATED;
    if (is_refused == (reason != NULL) && (!is_refused || strcmp(got, reason) == 0)) return;
    fail_msg("%s, %s: %s %s", daemons[daemon], given, status_code_name(story->answer.status.code),
             got);
}

static void expect_http(struct story *story, const char *token, const char *given,
                        const char *reason)
{
    struct http_answer answer = {0};
    http_call(story->client, token, "GET", "/v1/me", NULL, NULL, &answer);
    bool is_refused = answer.status == 401;
    bool is_as_wanted = is_refused == (reason != NULL) &&
                        (!is_refused || strcmp(http_text(&answer, "reason"), reason) == 0) &&
                        (!is_refused || http_header(&answer, "www-authenticate") != NULL);
    if (!is_as_wanted) fail_msg("HTTP, %s: %ld %s", given, answer.status, answer.text);
    http_answer_reset(&answer);
}

/// expect_everywhere: reason NULL: the token is believed.
static void expect_everywhere(struct story *story, const char *token, const char *given,
                              const char *reason)
{
    for (unsigned daemon = 0; daemon < DAEMON_COUNT; daemon++)
        expect_rpc(story, daemon, token, given, reason);
    expect_http(story, token, given, reason);
}

// ---- Forging -------------------------------------------------------------------------------

enum sealing {
    SEAL_RIGHT,    // By the operator's key.
    SEAL_NONE,     // Nothing after the second dot.
    SEAL_HMAC,     // HS256 with the public key's bytes as the secret: everybody has them.
    SEAL_OTHER,    // By another daemon's key, under the operator's kid.
    SEAL_S_PLUS_L, // The second S that satisfies the equation.
    SEAL_IDENTITY, // R is the neutral element and S is 0: right for keys of small order.
};

struct attack {
    const char *given, *reason;
    const char *header;          // %s: the kid. NULL: the right one.
    const char *iss, *sub, *aud; // NULL: the right ones.
    int exp_s, nbf_s, iat_s;     // From now on; exp_s 0: 120.
    const char *more;            // Behind the other claims.
    enum sealing sealing;
    const char *before, *behind; // Of the whole text.
    bool is_loose;               // An unused bit of the last character is set.
};

static void hmac_sha256(const uint8_t key[static 32], struct bytes text,
                        uint8_t ret[static HASH_SHA256_BYTES])
{
    uint8_t inner[64], outer[64], hash[HASH_SHA256_BYTES];
    for (size_t i = 0; i < sizeof inner; i++) {
        uint8_t byte = i < 32 ? key[i] : 0;
        inner[i] = byte ^ 0x36;
        outer[i] = byte ^ 0x5c;
    }
    const struct bytes first[] = {bytes_of(inner, sizeof inner), text};
    hash_sha256(first, ROWS(first), hash);
    const struct bytes second[] = {bytes_of(outer, sizeof outer), bytes_of(hash, sizeof hash)};
    hash_sha256(second, ROWS(second), ret);
}

/// add_order makes S of a signature S + L.
static void add_order(uint8_t s[static 32])
{
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)s[i] + order[i];
        s[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

/// seal gives the signature's bytes and their number.
static size_t seal(const struct story *story, enum sealing sealing, struct bytes text,
                   uint8_t ret[static KEY_SIGNATURE_BYTES])
{
    memset(ret, 0, KEY_SIGNATURE_BYTES);
    switch (sealing) {
    case SEAL_NONE:
        return 0;
    case SEAL_HMAC:
        hmac_sha256(key_signer_public(story->ops), text, ret);
        return HASH_SHA256_BYTES;
    case SEAL_OTHER:
        key_sign(story->ledger, text, ret);
        return KEY_SIGNATURE_BYTES;
    case SEAL_IDENTITY:
        ret[0] = 1;
        return KEY_SIGNATURE_BYTES;
    case SEAL_RIGHT:
    case SEAL_S_PLUS_L:
        break;
    }
    key_sign(story->ops, text, ret);
    if (sealing == SEAL_S_PLUS_L) add_order(ret + 32);
    return KEY_SIGNATURE_BYTES;
}

static const char *given_or(const char *given, const char *right)
{
    return given != NULL ? given : right;
}

#define HEADER(members) "{" members "\"kid\":\"%s\"}"
#define GOOD_HEADER HEADER("\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",")

static size_t write_header(const struct story *story, const struct attack *attack,
                           char ret[static TOKEN_BYTES_MAX])
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int size = snprintf(ret, TOKEN_BYTES_MAX, given_or(attack->header, GOOD_HEADER), story->kid);
#pragma GCC diagnostic pop
    assert_in_range(size, 1, TOKEN_BYTES_MAX - 1);
    return (size_t)size;
}

static size_t write_payload(const struct attack *attack, char ret[static TOKEN_BYTES_MAX])
{
    char jti[ID128_TEXT_BYTES];
    uint64_t now_s = clock_wall_ns() / NS_PER_SECOND;
    id128_format(id128_generate(), jti);
    int size =
        snprintf(ret, TOKEN_BYTES_MAX,
                 "{\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":%s,\"exp\":%" PRIu64 ",\"nbf\":%" PRIu64
                 ",\"iat\":%" PRIu64 ",\"jti\":\"%s\",\"roles\":[\"service\"]%s}",
                 given_or(attack->iss, "florin-ops"), given_or(attack->sub, "services/ops"),
                 given_or(attack->aud, "\"florin\""),
                 now_s + (uint64_t)(attack->exp_s != 0 ? attack->exp_s : 120),
                 now_s + (uint64_t)attack->nbf_s, now_s + (uint64_t)attack->iat_s, jti,
                 given_or(attack->more, ""));
    assert_in_range(size, 1, TOKEN_BYTES_MAX - 1);
    return (size_t)size;
}

static void forge(const struct story *story, const struct attack *attack,
                  char ret[static FORGED_BYTES])
{
    char header[TOKEN_BYTES_MAX], payload[TOKEN_BYTES_MAX], text[FORGED_BYTES];
    uint8_t signature[KEY_SIGNATURE_BYTES];
    size_t header_size = write_header(story, attack, header);
    size_t size = base64url_encode((const uint8_t *)header, header_size, text);
    text[size++] = '.';
    size_t payload_size = write_payload(attack, payload);
    size += base64url_encode((const uint8_t *)payload, payload_size, text + size);
    size_t signature_size = seal(story, attack->sealing, bytes_of(text, size), signature);
    text[size++] = '.';
    size += base64url_encode(signature, signature_size, text + size);
    if (attack->is_loose) text[size - 1]++; // Its last four bits say nothing: 'A' becomes 'B'.
    snprintf(ret, FORGED_BYTES, "%s%s%s", given_or(attack->before, ""), text,
             given_or(attack->behind, ""));
}

// ---- The table -----------------------------------------------------------------------------

#define MALFORMED "TOKEN_MALFORMED"
#define ALG(name_) HEADER("\"alg\":\"" name_ "\",\"typ\":\"at+jwt\",")
#define TYP(name_) HEADER("\"alg\":\"EdDSA\",\"typ\":\"" name_ "\",")
#define WITH(member_) HEADER("\"alg\":\"EdDSA\",\"typ\":\"at+jwt\"," member_ ",")
#define ATTACKER_JWK                                                                               \
    "\"jwk\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\","                                                \
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"

// clang-format off
static const struct attack attacks[] = {
    {.given = "as the operator issues it",        .reason = NULL},
    {.given = "alg none, unsigned",               .reason = MALFORMED, .header = ALG("none"), .sealing = SEAL_NONE},
    {.given = "alg none, signed",                 .reason = MALFORMED, .header = ALG("none")},
    {.given = "unsigned",                         .reason = MALFORMED, .sealing = SEAL_NONE},
    {.given = "HS256 with the public key",        .reason = MALFORMED, .header = ALG("HS256"), .sealing = SEAL_HMAC},
    {.given = "its MAC under EdDSA",              .reason = MALFORMED, .sealing = SEAL_HMAC},
    {.given = "ES256",                            .reason = MALFORMED, .header = ALG("ES256")},
    {.given = "an extra member",                  .reason = MALFORMED, .header = WITH("\"x\":1")},
    {.given = "a jwk of its own",                 .reason = MALFORMED, .header = WITH(ATTACKER_JWK)},
    {.given = "a jku",                            .reason = MALFORMED, .header = WITH("\"jku\":\"http://127.0.0.1:1/jwks\"")},
    {.given = "an x5u",                           .reason = MALFORMED, .header = WITH("\"x5u\":\"http://127.0.0.1:1/x\"")},
    {.given = "crit",                             .reason = MALFORMED, .header = WITH("\"crit\":[\"exp\"]")},
    {.given = "alg twice",                        .reason = MALFORMED, .header = WITH("\"alg\":\"EdDSA\"")},
    {.given = "a kid that is a path",             .reason = MALFORMED,
     .header = "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"../../../keys/ops.key\"}"},
    {.given = "a kid that nobody has",            .reason = MALFORMED,
     .header = "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"AAAAAAAAAAAAAAAAAAAAAA\"}"},
    {.given = "typ JWT",                          .reason = MALFORMED, .header = TYP("JWT")},
    {.given = "typ of a payment's approval",      .reason = MALFORMED, .header = TYP("sca+jwt")},
    {.given = "another audience",                 .reason = MALFORMED, .aud = "\"florin-test\""},
    {.given = "a list of audiences",              .reason = MALFORMED, .aud = "[\"florin\"]"},
    {.given = "in auth's name",                   .reason = MALFORMED, .iss = "florin-auth"},
    {.given = "in the ledger's name",             .reason = MALFORMED, .iss = "florin-ledger"},
    {.given = "for another service",              .reason = MALFORMED, .sub = "services/auth"},
    {.given = "for a user, without a session",    .reason = MALFORMED, .sub = "01935c10-6f2a-7c3e-9b1d-2f4a6c8e0b13"},
    {.given = "for a user, with one",             .reason = MALFORMED, .sub = "01935c10-6f2a-7c3e-9b1d-2f4a6c8e0b13",
     .more = ",\"sid\":\"01935c10-6f2a-7c3e-9b1d-2f4a6c8e0b14\",\"uv\":9,\"aal\":2,\"amr\":[\"pwd\"],\"auth_time\":1"},
    {.given = "roles twice",                      .reason = MALFORMED, .more = ",\"roles\":[\"admin\"]"},
    {.given = "expired a second ago",             .reason = "TOKEN_EXPIRED", .exp_s = -1, .nbf_s = -100, .iat_s = -100},
    {.given = "from the next minute on",          .reason = MALFORMED, .nbf_s = 60},
    {.given = "issued in the next minute",        .reason = MALFORMED, .iat_s = 60},
    {.given = "longer than any may live",         .reason = MALFORMED, .exp_s = 301},
    {.given = "signed by the ledger",             .reason = MALFORMED, .sealing = SEAL_OTHER},
    {.given = "S + L",                            .reason = MALFORMED, .sealing = SEAL_S_PLUS_L},
    {.given = "for a key of small order",         .reason = MALFORMED, .sealing = SEAL_IDENTITY},
    {.given = "a bit that says nothing",          .reason = MALFORMED, .is_loose = true},
    {.given = "padding",                          .reason = MALFORMED, .behind = "=="},
    {.given = "a fourth part",                    .reason = MALFORMED, .behind = ".e30"},
    {.given = "a byte behind",                    .reason = MALFORMED, .behind = "A"},
    {.given = "a byte before",                    .reason = MALFORMED, .before = "A"},
};

// clang-format on

static void test_forged_tokens_are_refused_everywhere(void **state)
{
    struct story *story = *state;
    for (size_t i = 0; i < ROWS(attacks); i++) {
        char token[FORGED_BYTES];
        forge(story, &attacks[i], token);
        expect_everywhere(story, token, attacks[i].given, attacks[i].reason);
    }
    char token[FORGED_BYTES]; // After all of them nobody has locked the right one out.
    forge(story, &attacks[0], token);
    expect_everywhere(story, token, "at the end", NULL);
}

// ---- A user's own token --------------------------------------------------------------------

/// swap writes the header and signature of one token around the payload of another.
static void swap(const char *outer, const char *inner, char ret[static FORGED_BYTES])
{
    const char *outer_dot = strchr(outer, '.'), *inner_dot = strchr(inner, '.');
    snprintf(ret, FORGED_BYTES, "%.*s.%.*s%s", (int)(outer_dot - outer), outer,
             (int)(strchr(inner_dot + 1, '.') - inner_dot - 1), inner_dot + 1, strrchr(outer, '.'));
}

static void test_a_user_cannot_make_more_of_their_token(void **state)
{
    struct story *story = *state;
    char token[FORGED_BYTES], key_token[TOKEN_BYTES_MAX];
    expect_everywhere(story, story->admin.token, "an administrator", NULL);
    swap(story->asha.token, story->admin.token, token);
    expect_everywhere(story, token, "an administrator's claims", MALFORMED);
    snprintf(token, sizeof token, "%s", story->asha.token);
    *strrchr(token, '.') = '\0';
    expect_everywhere(story, token, "without a signature", MALFORMED);
    strncat(token, ".", sizeof token - strlen(token) - 1);
    expect_everywhere(story, token, "with an empty one", MALFORMED);

    // Nor can a daemon make one: the keys of the five, and the operator's, sign for themselves.
    static const char *const signers[] = {"auth", "ledger", "kyc", "audit", "gateway", "ops"};
    for (size_t i = 0; i < ROWS(signers); i++) {
        direct_user_token(&story->world, signers[i], "florin-auth", story->asha.id, "admin",
                          key_token);
        expect_everywhere(story, key_token, signers[i], MALFORMED);
    }
    expect_http(story, story->asha.refresh_token, "a refresh token", MALFORMED);
}

// ---- Life ----------------------------------------------------------------------------------

static void load_signer(const struct world *world, const char *name, struct key_signer **ret)
{
    char keys[WORLD_PATH_BYTES + 16];
    snprintf(keys, sizeof keys, "%s/keys", world->data);
    struct status status = key_signer_load(keys, name, ret);
    if (status_ok(status)) return;
    fprintf(stderr, "%s: %s\n", name, status.reason);
    abort();
}

static int open_story(void **state)
{
    static struct story story;
    world_open(&story.world);
    story.client = http_client_open(&story.world);
    people_admin(&story.world, story.client, &story.admin);
    people_register(&story.world, story.client, "asha", &story.asha);
    for (unsigned daemon = 0; daemon < DAEMON_COUNT; daemon++) {
        story.channels[daemon] = direct_open(&story.world, daemons[daemon]);
        direct_wait_up(story.channels[daemon]);
    }
    load_signer(&story.world, "ops", &story.ops);
    load_signer(&story.world, "ledger", &story.ledger);
    key_id(key_signer_public(story.ops), story.kid);
    *state = &story;
    return 0;
}

static int close_story(void **state)
{
    struct story *story = *state;
    key_signer_close(&story->ops);
    key_signer_close(&story->ledger);
    direct_reset(&story->answer);
    http_client_close(&story->client);
    world_close(&story->world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forged_tokens_are_refused_everywhere),
        cmocka_unit_test(test_a_user_cannot_make_more_of_their_token),
    };
    cast_pick_tests();
    return cmocka_run_group_tests_name("token", tests, open_story, close_story);
}
