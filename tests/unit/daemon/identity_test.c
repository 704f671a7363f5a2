// Who is let in: by which key, until when, and what happens when auth is away. Against a fake auth
// in a process of its own.
#include "common/daemon/identity.h"
#include "tests/unit/daemon/fake_auth.h"
#include "tests/unit/daemon/harness.h"

#include <pthread.h>
#include <stdatomic.h>

struct fixture {
    struct fake_auth auth;
    struct rpc_channel *channel;
    struct identity *identity;
    struct key_signer *signers[4]; // Auth's, from 1.
};

static const struct id128 user_id = {{1, 2, 3}};
static const struct id128 session_id = {{4, 5, 6}};

static void open_identity(struct fixture *fixture)
{
    struct identity_config config = {.daemon_name = "ledger",
                                     .keys_directory = fixture->auth.keys,
                                     .auth_channel = fixture->channel,
                                     .auth_pub_url = fixture->auth.pub_url};
    assert_status_ok(identity_open(&config, &fixture->identity));
}

static int setup_identity(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    CHECK(fixture != NULL);
    assert_status_ok(crypto_open());
    fake_auth_make(&fixture->auth);
    for (uint8_t i = 1; i < 4; i++)
        fixture->signers[i] = fake_auth_signer(i);
    struct rpc_channel_config config = {.name = "auth", .url = fixture->auth.rpc_url};
    assert_status_ok(rpc_channel_open(&config, &fixture->channel));
    *state = fixture;
    return 0;
}

// The fixture stays: what its sockets point to lives until the process ends.
static int teardown_identity(void **state)
{
    struct fixture *fixture = *state;
    identity_close(&fixture->identity);
    for (uint8_t i = 1; i < 4; i++)
        key_signer_close(&fixture->signers[i]);
    fake_auth_remove(&fixture->auth);
    return 0;
}

// ---- Tokens --------------------------------------------------------------------------------

struct token {
    char text[TOKEN_BYTES_MAX];
};

static struct token_claims user_claims(void)
{
    uint64_t now_s = clock_wall_ns() / NS_PER_SECOND;
    return (struct token_claims){.issuer = "florin-auth",
                                 .subject = user_id,
                                 .token_id = id128_generate(),
                                 .session_id = session_id,
                                 .user_version = 1,
                                 .issued_at_s = now_s,
                                 .not_before_s = now_s,
                                 .expires_at_s = now_s + 120,
                                 .auth_time_s = now_s,
                                 .aal = 1,
                                 .role_count = 1,
                                 .roles = {"customer"}};
}

static struct token_claims service_claims(const char *issuer, const char *service)
{
    struct token_claims claims = user_claims();
    claims.is_service = true;
    claims.subject = claims.session_id = ID128_NIL;
    claims.user_version = 0;
    snprintf(claims.issuer, sizeof claims.issuer, "%s", issuer);
    snprintf(claims.service, sizeof claims.service, "%s", service);
    snprintf(claims.roles[0], sizeof claims.roles[0], "service");
    return claims;
}

static struct token signed_by(const struct key_signer *signer, const struct token_claims *claims)
{
    struct token token;
    token_issue(claims, signer, token.text);
    return token;
}

static struct token user_token(struct fixture *fixture)
{
    struct token_claims claims = user_claims();
    return signed_by(fixture->signers[1], &claims);
}

static struct status quick(struct fixture *fixture, const struct token *token)
{
    const struct rpc_identity *rpc = identity_rpc(fixture->identity);
    struct token_claims claims;
    return rpc->authenticate(rpc->context, bytes_of_text(token->text), &claims);
}

// As the server does it: quick, and slow when that is asked for.
static struct status whole(struct fixture *fixture, const struct token *token)
{
    const struct rpc_identity *rpc = identity_rpc(fixture->identity);
    struct token_claims claims;
    struct status status = quick(fixture, token);
    if (status_ok(status) || strcmp(status.reason, "IDENTITY_STALE") != 0) return status;
    return rpc->authenticate_slow(rpc->context, bytes_of_text(token->text), &claims);
}

static bool is_let_in(struct fixture *fixture, const struct token *token)
{
    return status_ok(quick(fixture, token));
}

static bool is_refused(struct fixture *fixture, const struct token *token, const char *reason)
{
    struct status status = quick(fixture, token);
    return !status_ok(status) && strcmp(status.reason, reason) == 0;
}

static void start_all(struct fixture *fixture)
{
    fake_auth_start(&fixture->auth, true);
    open_identity(fixture);
    WAIT_FOR(identity_is_ready(fixture->identity));
    struct token token = user_token(fixture);
    WAIT_FOR(is_let_in(fixture, &token)); // The feed has caught up.
}

// ---- Tests ---------------------------------------------------------------------------------

static void test_a_user_is_let_in_by_auths_key(void **state)
{
    struct fixture *fixture = *state;
    start_all(fixture);
    struct token_claims claims = user_claims(), got;
    struct token token = signed_by(fixture->signers[1], &claims);
    const struct rpc_identity *rpc = identity_rpc(fixture->identity);
    for (int i = 0; i < 2; i++) { // Verified, then from the cache.
        assert_status_ok(rpc->authenticate(rpc->context, bytes_of_text(token.text), &got));
        assert_true(id128_equal(got.subject, user_id));
        assert_string_equal(got.roles[0], "customer");
    }
    assert_int_equal(rpc->authorize(rpc->context, &got, "ledger.transfer.create"), RPC_SCOPE_SELF);
    assert_int_equal(rpc->authorize(rpc->context, &got, "ledger.cash.deposit"), RPC_SCOPE_NONE);
}

static void test_each_key_signs_its_own_kind_only(void **state)
{
    struct fixture *fixture = *state;
    start_all(fixture);
    struct key_signer *ledger, *auth;
    assert_status_ok(key_signer_load(fixture->auth.keys, "ledger", &ledger));
    assert_status_ok(key_signer_load(fixture->auth.keys, "auth", &auth));
    struct token_claims user = user_claims();
    struct token_claims user_by_ledger = user_claims();
    snprintf(user_by_ledger.issuer, sizeof user_by_ledger.issuer, "florin-ledger");
    struct token_claims as_ledger = service_claims("florin-ledger", "ledger");
    struct token_claims as_audit = service_claims("florin-ledger", "audit");
    struct token_claims as_auth = service_claims("florin-auth", "auth");
    struct token_claims ledger_by_auth = service_claims("florin-auth", "ledger");
    struct token_claims long_life = user_claims();
    long_life.expires_at_s = long_life.issued_at_s + 301;

    static const char *const malformed = "TOKEN_MALFORMED";

    const struct {
        const char *name;
        const struct key_signer *signer;
        const struct token_claims *claims;
        const char *reason;
    } rows[] = {
        {"a user by auth's signing key", fixture->signers[1], &user, NULL},
        {"a daemon by its own key", ledger, &as_ledger, NULL},
        {"auth itself by its own key", auth, &as_auth, NULL},
        {"a user by a daemon's key", ledger, &user_by_ledger, malformed},
        {"a user by a daemon's key as auth", ledger, &user, malformed},
        {"a user by auth's daemon key", auth, &user, malformed},
        {"a daemon by another daemon's key", ledger, &as_audit, malformed},
        {"a daemon by auth's signing key", fixture->signers[1], &ledger_by_auth, malformed},
        {"another daemon by auth's daemon key", auth, &ledger_by_auth, malformed},
        {"a life longer than any may be", fixture->signers[1], &long_life, malformed},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct token token = signed_by(rows[i].signer, rows[i].claims);
        struct status status = whole(fixture, &token);
        if (rows[i].reason == NULL && !status_ok(status)) fail_msg("refused: %s", rows[i].name);
        if (rows[i].reason != NULL && status_ok(status)) fail_msg("let in: %s", rows[i].name);
        if (rows[i].reason != NULL) assert_string_equal(status.reason, rows[i].reason);
    }
    key_signer_close(&ledger);
    key_signer_close(&auth);
}

static void test_an_ended_session_is_refused_at_once(void **state)
{
    struct fixture *fixture = *state;
    start_all(fixture);
    struct token token = user_token(fixture);
    assert_true(is_let_in(fixture, &token)); // And is in the cache.
    fake_auth_tell(&fixture->auth, FAKE_END_SESSION, session_id, 0);
    uint64_t ended_ns = clock_mono_ns();
    WAIT_FOR(is_refused(fixture, &token, "TOKEN_REVOKED"));
    print_message("revoked after %u us\n", (unsigned)((clock_mono_ns() - ended_ns) / 1000));
    struct token_claims other = user_claims();
    other.session_id = (struct id128){{9}};
    struct token other_token = signed_by(fixture->signers[1], &other);
    assert_true(is_let_in(fixture, &other_token));
}

static void test_a_raised_user_version_refuses_older_tokens(void **state)
{
    struct fixture *fixture = *state;
    start_all(fixture);
    struct token token = user_token(fixture);
    fake_auth_tell(&fixture->auth, FAKE_RAISE_USER, user_id, 2);
    WAIT_FOR(is_refused(fixture, &token, "TOKEN_REVOKED"));
    struct token_claims claims = user_claims();
    claims.user_version = 2;
    struct token newer = signed_by(fixture->signers[1], &claims);
    assert_true(is_let_in(fixture, &newer));
}

static void test_a_daemon_that_starts_later_knows_past_revocations(void **state)
{
    struct fixture *fixture = *state;
    fake_auth_start(&fixture->auth, true);
    fake_auth_tell(&fixture->auth, FAKE_END_SESSION, session_id, 0);
    open_identity(fixture);
    struct token_claims claims = user_claims();
    claims.session_id = (struct id128){{9}};
    struct token other = signed_by(fixture->signers[1], &claims), token = user_token(fixture);
    WAIT_FOR(is_let_in(fixture, &other));
    assert_true(is_refused(fixture, &token, "TOKEN_REVOKED"));
}

static void test_rotated_keys_are_fetched_when_they_are_met(void **state)
{
    struct fixture *fixture = *state;
    start_all(fixture);
    struct token_claims claims = user_claims();
    struct token token = signed_by(fixture->signers[2], &claims);
    WAIT_FOR(status_ok(whole(fixture, &token)) == false);
    fake_auth_tell(&fixture->auth, FAKE_ROTATE, ID128_NIL, 2);
    WAIT_FOR(status_ok(whole(fixture, &token)));
    assert_true(is_let_in(fixture, &token)); // From the cache now.
    struct token old = user_token(fixture);
    assert_status_ok(whole(fixture, &old));
}

// ---- Approvals -----------------------------------------------------------------------------

static struct status approve(struct fixture *fixture, const struct key_signer *signer)
{
    char text[SCA_TOKEN_BYTES_MAX];
    uint64_t now_s = clock_wall_ns() / NS_PER_SECOND;
    struct sca_claims back, claims = {.subject = user_id,
                                      .token_id = id128_generate(),
                                      .issued_at_s = now_s,
                                      .expires_at_s = now_s + SCA_TOKEN_LIFE_S,
                                      .action = SCA_ACTION_TRANSFER};
    struct bytes token = bytes_of(text, sca_token_issue(&claims, signer, text));
    RETURN_IF_ERROR(identity_verify_sca(fixture->identity, token, now_s, &back));
    assert_memory_equal(&back, &claims, sizeof back);
    return STATUS_SUCCESS;
}

static bool is_approved(struct fixture *fixture, const struct key_signer *signer,
                        const char *otherwise)
{
    struct status status = approve(fixture, signer);
    if (!status_ok(status)) assert_string_equal(status.reason, otherwise);
    return status_ok(status);
}

static void test_only_auths_signing_keys_approve(void **state)
{
    struct fixture *fixture = *state;
    struct sca_claims claims;
    struct key_signer *ledger, *auth;
    start_all(fixture);
    assert_status_ok(key_signer_load(fixture->auth.keys, "ledger", &ledger));
    assert_status_ok(key_signer_load(fixture->auth.keys, "auth", &auth));
    assert_status_ok(approve(fixture, fixture->signers[1]));
    assert_refused(approve(fixture, ledger), "SCA_INVALID"); // Known, and another daemon's.
    assert_refused(approve(fixture, auth), "SCA_INVALID");   // Auth's own, for no user.
    struct token access = user_token(fixture);
    assert_refused(identity_verify_sca(fixture->identity, bytes_of_text(access.text),
                                       clock_wall_ns() / NS_PER_SECOND, &claims),
                   "SCA_INVALID");
    key_signer_close(&ledger);
    key_signer_close(&auth);
}

/// It never blocks: who comes with a key that is new is told to come again, and auth is asked.
static void test_an_approval_by_a_new_key_is_good_a_moment_later(void **state)
{
    struct fixture *fixture = *state;
    start_all(fixture);
    fake_auth_tell(&fixture->auth, FAKE_ROTATE, ID128_NIL, 2);
    // Unknown and not to be asked for yet, it is refused; then it is fetched.
    WAIT_FOR(status_ok(approve(fixture, fixture->signers[2])));
    assert_true(is_approved(fixture, fixture->signers[1], ""));
    WAIT_FOR(strcmp(approve(fixture, fixture->signers[3]).reason, "SCA_INVALID") == 0);
}

static void test_without_auths_keys_nothing_is_approved(void **state)
{
    struct fixture *fixture = *state;
    open_identity(fixture);
    assert_refused(approve(fixture, fixture->signers[1]), "IDENTITY_UNAVAILABLE");
    fake_auth_start(&fixture->auth, true);
    WAIT_FOR(is_approved(fixture, fixture->signers[1], "IDENTITY_UNAVAILABLE"));
}

// ---- Keys ----------------------------------------------------------------------------------

static void test_a_services_key_counts_while_its_file_is_there(void **state)
{
    struct fixture *fixture = *state;
    char path[600];
    struct key_signer *risk;
    struct token token;
    uint64_t now_s = clock_wall_ns() / NS_PER_SECOND;
    start_all(fixture);
    assert_status_ok(key_generate(fixture->auth.keys, "risk"));
    assert_status_ok(key_signer_load(fixture->auth.keys, "risk", &risk));
    token_issue_service("risk", risk, now_s, TOKEN_SERVICE_LIFE_S, token.text);
    WAIT_FOR(status_ok(whole(fixture, &token))); // Its kid is unknown: the files are looked at.
    assert_true(is_let_in(fixture, &token));     // From the cache,
    snprintf(path, sizeof path, "%s/risk.pub", fixture->auth.keys);
    assert_int_equal(unlink(path), 0);
    struct token_claims claims = user_claims();
    struct token unknown = signed_by(fixture->signers[3], &claims);
    // where it does not outlive the file once that was looked for: here because of another kid.
    WAIT_FOR(!status_ok(whole(fixture, &unknown)) && !is_let_in(fixture, &token));
    key_signer_close(&risk);
}

static void test_unknown_keys_ask_auth_at_most_once_a_second(void **state)
{
    struct fixture *fixture = *state;
    start_all(fixture);
    struct token_claims claims = user_claims();
    struct token token = signed_by(fixture->signers[3], &claims);
    WAIT_FOR(is_refused(fixture, &token, "IDENTITY_STALE")); // A second after the first fetch.
    uint64_t asked_ns = clock_mono_ns();
    assert_refused(whole(fixture, &token), "TOKEN_MALFORMED");
    size_t slow = 0;
    for (int i = 0; i < 1000; i++)
        slow += is_refused(fixture, &token, "IDENTITY_STALE");
    if (clock_mono_ns() - asked_ns < NS_PER_SECOND) assert_int_equal(slow, 0);
}

/// Nobody shows a token of the new key but to the quick path, which never asks.
static void test_rotated_keys_are_known_before_they_are_met(void **state)
{
    struct fixture *fixture = *state;
    start_all(fixture);
    struct token_claims claims = user_claims();
    struct token token = signed_by(fixture->signers[2], &claims), old = user_token(fixture);
    fake_auth_tell(&fixture->auth, FAKE_ROTATE_ALOUD, ID128_NIL, 2);
    WAIT_FOR(is_let_in(fixture, &token));
    assert_true(is_let_in(fixture, &old));
}

/// A key that came while auth could not be asked is not called a forgery.
static void test_while_auth_cannot_be_asked_an_unknown_key_is_not_judged(void **state)
{
    struct fixture *fixture = *state;
    start_all(fixture);
    struct token_claims claims = user_claims();
    struct token token = signed_by(fixture->signers[3], &claims);
    WAIT_FOR(strcmp(whole(fixture, &token).reason, "TOKEN_MALFORMED") == 0);
    fake_auth_kill(&fixture->auth);
    WAIT_FOR(strcmp(whole(fixture, &token).reason, "IDENTITY_UNAVAILABLE") == 0);
    uint64_t begin_ns = clock_mono_ns();
    while (clock_mono_ns() - begin_ns < 3 * NS_PER_SECOND / 2) // Asked again in between, or not.
        assert_refused(whole(fixture, &token), "IDENTITY_UNAVAILABLE");
    fake_auth_start(&fixture->auth, true);
    WAIT_FOR(strcmp(whole(fixture, &token).reason, "TOKEN_MALFORMED") == 0);
}

static void test_before_auth_is_there_nobody_is_let_in(void **state)
{
    struct fixture *fixture = *state;
    open_identity(fixture);
    assert_false(identity_is_ready(fixture->identity));
    struct token token = user_token(fixture);
    assert_refused(whole(fixture, &token), "IDENTITY_UNAVAILABLE");
    fake_auth_start(&fixture->auth, true);
    WAIT_FOR(identity_is_ready(fixture->identity));
    WAIT_FOR(is_let_in(fixture, &token));
}

static void test_when_auth_dies_tokens_hold_five_seconds_and_no_longer(void **state)
{
    struct fixture *fixture = *state;
    start_all(fixture);
    struct token token = user_token(fixture);
    fake_auth_kill(&fixture->auth);
    assert_true(is_let_in(fixture, &token)); // A restart of auth is not noticed.
    WAIT_FOR(is_refused(fixture, &token, "IDENTITY_STALE"));
    assert_refused(whole(fixture, &token), "IDENTITY_UNAVAILABLE"); // It never fails open.
    struct key_signer *ledger;
    assert_status_ok(key_signer_load(fixture->auth.keys, "ledger", &ledger));
    struct token_claims claims = service_claims("florin-ledger", "ledger");
    struct token service = signed_by(ledger, &claims);
    key_signer_close(&ledger);
    assert_status_ok(quick(fixture, &service)); // Daemons need no auth.
    fake_auth_start(&fixture->auth, true);
    WAIT_FOR(is_let_in(fixture, &token));
}

static void test_with_a_silent_feed_auth_is_asked_for_each_token(void **state)
{
    struct fixture *fixture = *state;
    fake_auth_start(&fixture->auth, false);
    open_identity(fixture);
    WAIT_FOR(identity_is_ready(fixture->identity));
    struct token token = user_token(fixture);
    assert_true(is_refused(fixture, &token, "IDENTITY_STALE"));
    assert_status_ok(whole(fixture, &token));
    fake_auth_tell(&fixture->auth, FAKE_END_SESSION, session_id, 0);
    assert_refused(whole(fixture, &token), "TOKEN_REVOKED");
}

// ---- The access policy ---------------------------------------------------------------------

static enum rpc_scope clerks_scope(struct fixture *fixture)
{
    const struct rpc_identity *rpc = identity_rpc(fixture->identity);
    struct token_claims claims = user_claims();
    snprintf(claims.roles[0], sizeof claims.roles[0], FAKE_ROLE);
    return rpc->authorize(rpc->context, &claims, FAKE_PERMISSION);
}

static int by_size(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return one < other ? -1 : one > other;
}

static void test_a_change_of_a_role_holds_at_once(void **state)
{
    struct fixture *fixture = *state;
    start_all(fixture);
    assert_int_equal(clerks_scope(fixture), RPC_SCOPE_NONE);

    enum { CHANGES = 20 };

    uint64_t took_ns[CHANGES];
    for (uint64_t i = 1; i <= CHANGES; i++) {
        bool grants = i % 2 == 1;
        fake_auth_tell(&fixture->auth, grants ? FAKE_GRANT : FAKE_GRANT_NOT, ID128_NIL, i);
        uint64_t told_ns = clock_mono_ns();
        WAIT_FOR(clerks_scope(fixture) == (grants ? RPC_SCOPE_ALL : RPC_SCOPE_NONE));
        took_ns[i - 1] = clock_mono_ns() - told_ns;
    }
    qsort(took_ns, CHANGES, sizeof took_ns[0], by_size);
    print_message("held everywhere after %u us, at most %u us\n",
                  (unsigned)(took_ns[CHANGES / 2] / 1000), (unsigned)(took_ns[CHANGES - 1] / 1000));
    assert_true(took_ns[CHANGES / 2] < 100 * NS_PER_MS); // A busy machine delays some of them.
    struct token token = user_token(fixture);
    assert_true(is_let_in(fixture, &token)); // Nobody had to wait for any of them.
}

static void test_a_gap_in_the_policy_is_fetched(void **state)
{
    struct fixture *fixture = *state;
    start_all(fixture);
    struct token token = user_token(fixture);
    fake_auth_tell(&fixture->auth, FAKE_GRANT, ID128_NIL, 7); // From 0.
    WAIT_FOR(clerks_scope(fixture) == RPC_SCOPE_ALL);
    WAIT_FOR(is_let_in(fixture, &token));
    assert_true(identity_is_ready(fixture->identity));
}

static void test_a_daemon_that_starts_later_knows_the_policy(void **state)
{
    struct fixture *fixture = *state;
    fake_auth_start(&fixture->auth, true);
    for (uint64_t i = 1; i <= 5; i++) // The feed begins with what is known by then.
        fake_auth_tell(&fixture->auth, FAKE_GRANT, ID128_NIL, i);
    open_identity(fixture);
    WAIT_FOR(identity_is_ready(fixture->identity));
    assert_int_equal(clerks_scope(fixture), RPC_SCOPE_ALL);
}

static void test_with_a_silent_feed_the_policy_is_asked_for_too(void **state)
{
    struct fixture *fixture = *state;
    fake_auth_start(&fixture->auth, false);
    open_identity(fixture);
    WAIT_FOR(identity_is_ready(fixture->identity));
    struct token token = user_token(fixture);
    assert_status_ok(whole(fixture, &token));
    assert_int_equal(clerks_scope(fixture), RPC_SCOPE_NONE);
    fake_auth_tell(&fixture->auth, FAKE_GRANT_QUIETLY, ID128_NIL, 1);
    assert_status_ok(whole(fixture, &token)); // Before it is let in, that is known.
    assert_int_equal(clerks_scope(fixture), RPC_SCOPE_ALL);
}

// ---- Auth hangs ----------------------------------------------------------------------------

enum { CALLERS = 60, POOL_THREADS = 2 };

struct queue {
    struct fixture *fixture;
    struct token token;
    atomic_size_t taken, refused;
};

static void *work_off(void *context)
{
    struct queue *queue = context;
    while (atomic_fetch_add(&queue->taken, 1) < CALLERS) {
        struct status status = whole(queue->fixture, &queue->token);
        CHECK(!status_ok(status) && strcmp(status.reason, "IDENTITY_UNAVAILABLE") == 0);
        atomic_fetch_add(&queue->refused, 1);
    }
    return NULL;
}

// Sixty calls wait for a pool of two threads, and auth has been stopped in its tracks.
static void test_a_hung_auth_is_waited_for_once_not_by_each(void **state)
{
    struct fixture *fixture = *state;
    start_all(fixture);
    struct queue queue = {.fixture = fixture, .token = user_token(fixture)};
    fake_auth_hang(&fixture->auth);
    WAIT_FOR(is_refused(fixture, &queue.token, "IDENTITY_STALE")); // The feed is silent.
    uint64_t begin_ns = clock_mono_ns();
    pthread_t threads[POOL_THREADS];
    for (size_t i = 0; i < POOL_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work_off, &queue), 0);
    for (size_t i = 0; i < POOL_THREADS; i++)
        pthread_join(threads[i], NULL);
    uint64_t took_ns = clock_mono_ns() - begin_ns;
    print_message("sixty calls refused in %u ms\n", (unsigned)(took_ns / NS_PER_MS));
    assert_int_equal(atomic_load(&queue.refused), CALLERS);
    assert_true(took_ns < 15 * NS_PER_SECOND); // 30 s, would each wait a second.

    fake_auth_go_on(&fixture->auth);
    WAIT_FOR(status_ok(whole(fixture, &queue.token)));
    WAIT_FOR(is_let_in(fixture, &queue.token));
}

static void test_a_cached_check_costs_little(void **state)
{
    struct fixture *fixture = *state;
    start_all(fixture);
    struct token token = user_token(fixture);
    fake_auth_tell(&fixture->auth, FAKE_RAISE_USER, (struct id128){{7}}, 2);

    enum { ROUNDS = 100000 };

    uint64_t begin_ns = clock_mono_ns();
    for (int i = 0; i < ROUNDS; i++)
        if (!is_let_in(fixture, &token)) fail();
    print_message("a cached check: %u ns\n", (unsigned)((clock_mono_ns() - begin_ns) / ROUNDS));
}

#define IDENTITY_TEST(test_)                                                                       \
    cmocka_unit_test_setup_teardown(test_, setup_identity, teardown_identity)

int main(int argc, char **argv)
{
    int code;
    if (fake_auth_run(argc, argv, &code)) return code;
    const struct CMUnitTest tests[] = {
        IDENTITY_TEST(test_a_user_is_let_in_by_auths_key),
        IDENTITY_TEST(test_each_key_signs_its_own_kind_only),
        IDENTITY_TEST(test_an_ended_session_is_refused_at_once),
        IDENTITY_TEST(test_a_raised_user_version_refuses_older_tokens),
        IDENTITY_TEST(test_a_daemon_that_starts_later_knows_past_revocations),
        IDENTITY_TEST(test_rotated_keys_are_fetched_when_they_are_met),
        IDENTITY_TEST(test_rotated_keys_are_known_before_they_are_met),
        IDENTITY_TEST(test_while_auth_cannot_be_asked_an_unknown_key_is_not_judged),
        IDENTITY_TEST(test_only_auths_signing_keys_approve),
        IDENTITY_TEST(test_an_approval_by_a_new_key_is_good_a_moment_later),
        IDENTITY_TEST(test_without_auths_keys_nothing_is_approved),
        IDENTITY_TEST(test_a_services_key_counts_while_its_file_is_there),
        IDENTITY_TEST(test_unknown_keys_ask_auth_at_most_once_a_second),
        IDENTITY_TEST(test_before_auth_is_there_nobody_is_let_in),
        IDENTITY_TEST(test_when_auth_dies_tokens_hold_five_seconds_and_no_longer),
        IDENTITY_TEST(test_with_a_silent_feed_auth_is_asked_for_each_token),
        IDENTITY_TEST(test_a_change_of_a_role_holds_at_once),
        IDENTITY_TEST(test_a_gap_in_the_policy_is_fetched),
        IDENTITY_TEST(test_a_daemon_that_starts_later_knows_the_policy),
        IDENTITY_TEST(test_with_a_silent_feed_the_policy_is_asked_for_too),
        IDENTITY_TEST(test_a_hung_auth_is_waited_for_once_not_by_each),
        IDENTITY_TEST(test_a_cached_check_costs_little),
    };
    if (argc == 2) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
