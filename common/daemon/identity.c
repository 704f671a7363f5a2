#include "common/daemon/identity.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/thread.h"
#include "common/daemon/auth_client.h"
#include "common/daemon/silence.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    CACHED_TOKENS_MAX = 8192,
    FETCH_TIMEOUT_MS = 1000,
    CHECK_TIMEOUT_MS = 1000,
    FETCH_MS_FIRST = 20, // While auth's keys are not known: from here up to a second.
    FETCH_MS_MAX = 1000,
    FETCH_MS_KNOWN = 60 * 1000, // Then this often, and when auth tells that they were rotated.
    POLICY_FETCHES_MAX = 4,
};

#define REFRESH_NS_MIN NS_PER_SECOND
// What could still concern a living token, with a margin for wall clocks that stepped.
#define FEED_REACH_NS (2 * REVOCATION_KEPT_NS)

struct identity {
    struct identity_config config;
    char daemon_name[TOKEN_ROLE_BYTES_MAX];
    struct rpc_identity rpc;
    struct key_signer *signer;
    struct keyring *keyring;
    struct token_cache *cache;
    struct revocation_set *revocations;
    struct access_policy *policy, *own_policy; // own_policy: NULL where auth gave its own.
    struct event_subscriber *feed;

    // Refreshing the keys: one at a time, at most one a second.
    pthread_mutex_t refresh_lock;
    atomic_uint_fast64_t refreshed_mono_ns;
    atomic_bool users_known, keys_stale; // stale: there may be others than those that are known.

    pthread_mutex_t policy_lock; // Fetching the policy: one at a time.
    struct silence silence;      // Of auth.

    pthread_t fetcher;
    bool fetcher_runs, closing, fetcher_woken;
    pthread_mutex_t lock; // closing, fetcher_woken, and the service token.
    pthread_cond_t closed;
    char service_token[TOKEN_BYTES_MAX];
    uint64_t service_token_until_s;

    struct metric *introspected_total, *revocation_entries;
};

static bool is_local(const struct identity *identity)
{
    return identity->config.local_lookup != NULL;
}

// ---- Keys ----------------------------------------------------------------------------------

// Asks auth and looks through the key files again. Whoever comes while one is under way waits for
// it and is content with that.
static void refresh_keys(struct identity *identity)
{
    uint64_t asked_ns = clock_mono_ns();
    pthread_mutex_lock(&identity->refresh_lock);
    if (atomic_load(&identity->refreshed_mono_ns) <= asked_ns) {
        // A token of a key that is gone must not live on in the cache.
        if (keyring_read_files(identity->keyring, identity->config.keys_directory)) {
            token_cache_clear(identity->cache);
        }
        struct keyring_key *keys = calloc(KEYRING_KEYS_MAX, sizeof *keys);
        CHECK(keys != NULL);
        size_t count = 0;
        struct status status = STATUS_SUCCESS;
        atomic_store(&identity->keys_stale, false); // Before asking: what is told now stays told.
        uint64_t begin_ns;
        bool may_ask = !is_local(identity) && silence_begin_asking(&identity->silence, &begin_ns);
        if (may_ask) {
            status =
                auth_client_get_keys(identity->config.auth_channel, FETCH_TIMEOUT_MS, keys, &count);
            silence_end_asking(&identity->silence, begin_ns, status_ok(status));
        }
        if (status_ok(status) && count > 0) {
            if (keyring_set_users(identity->keyring, keys, count)) {
                token_cache_clear(identity->cache);
            }
            atomic_store(&identity->users_known, true);
        } else if (!is_local(identity)) {
            atomic_store(&identity->keys_stale, true); // Still to be asked.
        }
        free(keys);
        atomic_store(&identity->refreshed_mono_ns, clock_mono_ns());
    }
    pthread_mutex_unlock(&identity->refresh_lock);
}

static bool may_refresh(const struct identity *identity)
{
    return clock_mono_ns() >= atomic_load(&identity->refreshed_mono_ns) + REFRESH_NS_MIN;
}

/// knows_all_keys: a kid that is not known is nobody's, and not of a key that is newer than what
/// auth said last.
static bool knows_all_keys(struct identity *identity)
{
    return identity_is_ready(identity) && !atomic_load(&identity->keys_stale);
}

// ---- The access policy ---------------------------------------------------------------------

/// fetch_policy asks until what came holds all changes that were heard of meanwhile; a change more
/// each time is more than there ever are.
static void fetch_policy(struct identity *identity)
{
    bool is_newest = false;
    uint64_t begin_ns;
    char own_token[TOKEN_BYTES_MAX];
    for (int i = 0; i < POLICY_FETCHES_MAX && !is_newest; i++) {
        struct access_content content = {0};
        if (!silence_begin_asking(&identity->silence, &begin_ns)) return;
        identity_service_token(identity, own_token, sizeof own_token);
        struct status status = auth_client_get_policy(identity->config.auth_channel, own_token,
                                                      FETCH_TIMEOUT_MS, &content);
        silence_end_asking(&identity->silence, begin_ns, status_ok(status));
        if (!status_ok(status)) return;
        is_newest = access_policy_set(identity->policy, &content);
    }
}

/// need_policy: whoever comes while one fetches waits for what that brings.
static bool need_policy(struct identity *identity)
{
    if (access_policy_is_current(identity->policy)) return true;
    if (is_local(identity)) return false;
    pthread_mutex_lock(&identity->policy_lock);
    if (!access_policy_is_current(identity->policy)) fetch_policy(identity);
    pthread_mutex_unlock(&identity->policy_lock);
    return access_policy_is_current(identity->policy);
}

// ---- The fetcher ---------------------------------------------------------------------------

/// wait_for_closing ends early when wake_fetcher is called.
static bool wait_for_closing(struct identity *identity, uint32_t wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t until_ns = (uint64_t)until.tv_nsec + wait_ms * NS_PER_MS;
    until.tv_sec += (time_t)(until_ns / NS_PER_SECOND);
    until.tv_nsec = (long)(until_ns % NS_PER_SECOND);
    pthread_mutex_lock(&identity->lock);
    int rc = 0;
    while (!identity->closing && !identity->fetcher_woken && rc == 0) {
        rc = pthread_cond_timedwait(&identity->closed, &identity->lock, &until);
    }
    bool closing = identity->closing;
    identity->fetcher_woken = false;
    pthread_mutex_unlock(&identity->lock);
    return closing;
}

static void wake_fetcher(struct identity *identity)
{
    pthread_mutex_lock(&identity->lock);
    identity->fetcher_woken = true;
    pthread_cond_broadcast(&identity->closed);
    pthread_mutex_unlock(&identity->lock);
}

static void *fetch(void *context)
{
    struct identity *identity = context;
    uint32_t wait_ms = FETCH_MS_FIRST;
    do {
        // Asking before auth is there would only wait for the channel's time-out.
        bool is_up = is_local(identity) || rpc_channel_is_up(identity->config.auth_channel);
        if (is_up) {
            refresh_keys(identity);
            (void)need_policy(identity);
        }
        if (is_local(identity) || knows_all_keys(identity)) {
            wait_ms = FETCH_MS_KNOWN;
        } else if (is_up) {
            wait_ms = 2 * wait_ms < FETCH_MS_MAX ? 2 * wait_ms : FETCH_MS_MAX;
        } else {
            wait_ms = FETCH_MS_FIRST;
        }
    } while (!wait_for_closing(identity, wait_ms));
    return NULL;
}

// ---- Tokens --------------------------------------------------------------------------------

struct lookup {
    struct identity *identity;
    struct keyring_key key; // What signed.
    bool is_unknown;
};

static bool look_up(void *context, const char *kid, uint8_t ret_public_key[static KEY_PUBLIC_BYTES],
                    char ret_issuer[static TOKEN_ISSUER_BYTES_MAX])
{
    struct lookup *lookup = context;
    struct identity *identity = lookup->identity;
    const struct identity_config *config = &identity->config;
    bool is_found = keyring_find(identity->keyring, kid, &lookup->key);
    if (is_found) {
        memcpy(ret_public_key, lookup->key.public_key, KEY_PUBLIC_BYTES);
        memcpy(ret_issuer, lookup->key.issuer, TOKEN_ISSUER_BYTES_MAX);
    }
    if (is_local(identity) &&
        config->local_lookup(config->local_context, kid, ret_public_key, ret_issuer)) {
        lookup->key.signs_users = true;
        is_found = true;
    }
    lookup->is_unknown = !is_found;
    return is_found;
}

// What token_verify cannot know: which kind of token this key may sign, and how long one may live.
static struct status check_kind(const struct lookup *lookup, const struct token_claims *claims)
{
    bool may_sign = claims->is_service ? lookup->key.signs_services : lookup->key.signs_users;
    if (!may_sign) {
        return REFUSE(UNAUTHENTICATED, TOKEN_MALFORMED, "this key may not sign such a token");
    }
    if (claims->expires_at_s > claims->issued_at_s + TOKEN_LIFE_S_MAX) {
        return REFUSE(UNAUTHENTICATED, TOKEN_MALFORMED, "the token lives longer than any may");
    }
    // A service's own key speaks for that service alone, auth's own included.
    char issuer[TOKEN_ISSUER_BYTES_MAX];
    snprintf(issuer, sizeof issuer, KEYRING_ISSUER_PREFIX "%s", claims->service);
    if (claims->is_service && strcmp(claims->issuer, issuer) != 0) {
        return REFUSE(UNAUTHENTICATED, TOKEN_MALFORMED, "the token speaks for another service");
    }
    return STATUS_SUCCESS;
}

static struct status verify(struct identity *identity, struct bytes token, struct token_claims *ret,
                            bool *ret_unknown)
{
    uint64_t now_s = clock_wall_ns() / NS_PER_SECOND;
    *ret_unknown = false;
    if (token.size >= TOKEN_BYTES_MAX) {
        return REFUSE(UNAUTHENTICATED, TOKEN_MALFORMED, "the token is too long");
    }
    if (token_cache_get(identity->cache, token, now_s, ret)) return STATUS_SUCCESS;
    struct lookup lookup = {.identity = identity};
    struct status status = token_verify(token, now_s, look_up, &lookup, ret);
    *ret_unknown = lookup.is_unknown;
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(check_kind(&lookup, ret));
    token_cache_put(identity->cache, token, ret);
    return STATUS_SUCCESS;
}

#define IDENTITY_STALE REFUSE(UNAVAILABLE, IDENTITY_STALE, "this token must be checked with auth")
#define IDENTITY_UNAVAILABLE                                                                       \
    REFUSE(UNAVAILABLE, IDENTITY_UNAVAILABLE, "who the caller is cannot be learnt now")
#define TOKEN_REVOKED                                                                              \
    REFUSE(UNAUTHENTICATED, TOKEN_REVOKED, "the token's session or rights have ended")

static struct status check_life(struct identity *identity, const struct token_claims *claims)
{
    const struct identity_config *config = &identity->config;
    if (claims->is_service) return STATUS_SUCCESS;
    if (config->local_check != NULL) return config->local_check(config->local_context, claims);
    if (revocation_covers(identity->revocations, claims)) return TOKEN_REVOKED;
    if (event_subscriber_is_stale(identity->feed)) return IDENTITY_STALE;
    if (revocation_is_overflowing(identity->revocations, clock_wall_ns())) return IDENTITY_STALE;
    return STATUS_SUCCESS;
}

static struct status authenticate(void *context, struct bytes token, struct token_claims *ret)
{
    struct identity *identity = context;
    bool is_unknown;
    struct status status = verify(identity, token, ret, &is_unknown);
    if (is_unknown && may_refresh(identity)) {
        status = IDENTITY_STALE;
    } else if (is_unknown && !knows_all_keys(identity)) {
        status = IDENTITY_UNAVAILABLE;
    } else if (status_ok(status)) {
        status = check_life(identity, ret);
        bool needs_policy = status_ok(status) && !ret->is_service;
        if (needs_policy && !access_policy_is_current(identity->policy)) status = IDENTITY_STALE;
    }
    bool must_ask = !status_ok(status) && strcmp(status.reason, "IDENTITY_STALE") == 0;
    return must_ask && silence_holds(&identity->silence) ? IDENTITY_UNAVAILABLE : status;
}

/// ask_about asks auth whether the caller's session lives, and learns whether the policy is still
/// what it was: with a feed that is silent nobody else tells.
static struct status ask_about(struct identity *identity, const struct token_claims *claims)
{
    char own_token[TOKEN_BYTES_MAX];
    bool is_alive = false;
    uint64_t policy_version = 0, begin_ns;
    if (!silence_begin_asking(&identity->silence, &begin_ns)) return IDENTITY_UNAVAILABLE;
    metric_add(identity->introspected_total, 1);
    identity_service_token(identity, own_token, sizeof own_token);
    struct status status =
        auth_client_check_session(identity->config.auth_channel, own_token, claims,
                                  CHECK_TIMEOUT_MS, &is_alive, &policy_version);
    silence_end_asking(&identity->silence, begin_ns, status_ok(status));
    RETURN_IF_ERROR(status);
    if (policy_version != access_policy_version(identity->policy))
        access_policy_forget(identity->policy);
    return is_alive ? STATUS_SUCCESS : TOKEN_REVOKED;
}

static struct status authenticate_slow(void *context, struct bytes token, struct token_claims *ret)
{
    struct identity *identity = context;
    bool is_unknown;
    struct status status = verify(identity, token, ret, &is_unknown);
    if (is_unknown && may_refresh(identity)) {
        refresh_keys(identity);
        status = verify(identity, token, ret, &is_unknown);
    }
    if (is_unknown && !knows_all_keys(identity)) return IDENTITY_UNAVAILABLE;
    RETURN_IF_ERROR(status);
    status = check_life(identity, ret);
    bool must_ask = !status_ok(status) && status.code == STATUS_UNAVAILABLE && !is_local(identity);
    if (must_ask) status = ask_about(identity, ret);
    RETURN_IF_ERROR(status);
    return ret->is_service || need_policy(identity) ? STATUS_SUCCESS : IDENTITY_UNAVAILABLE;
}

struct status identity_verify_sca(void *context, struct bytes token, uint64_t now_s,
                                  struct sca_claims *ret)
{
    struct identity *identity = context;
    struct lookup lookup = {.identity = identity};
    struct sca_claims claims;
    struct status status = sca_token_verify(token, now_s, look_up, &lookup, &claims);
    if (lookup.is_unknown && (may_refresh(identity) || !knows_all_keys(identity))) {
        wake_fetcher(identity);
        return IDENTITY_UNAVAILABLE;
    }
    RETURN_IF_ERROR(status);
    if (!lookup.key.signs_users)
        return REFUSE(PERMISSION_DENIED, SCA_INVALID, "this key may not tell of approvals");
    *ret = claims;
    return STATUS_SUCCESS;
}

static enum rpc_scope authorize(void *context, const struct token_claims *claims,
                                const char *permission)
{
    struct identity *identity = context;
    return access_policy_scope(identity->policy, claims, permission, NULL);
}

static void explain(void *context, struct rpc_call *call, const char *permission)
{
    struct identity *identity = context;
    struct access_denial denial;
    (void)access_policy_scope(identity->policy, &call->claims, permission, &denial);
    if (denial.key != NULL) rpc_call_detail(call, denial.key, denial.value);
}

void identity_service_token(void *context, char *ret_text, size_t size)
{
    struct identity *identity = context;
    uint64_t now_s = clock_wall_ns() / NS_PER_SECOND;
    pthread_mutex_lock(&identity->lock);
    // Renewed at half its life; also when the clock went back behind its making.
    uint64_t until_s = identity->service_token_until_s;
    if (now_s >= until_s || now_s + TOKEN_SERVICE_LIFE_S < until_s) {
        token_issue_service(identity->daemon_name, identity->signer, now_s, TOKEN_SERVICE_LIFE_S,
                            identity->service_token);
        identity->service_token_until_s = now_s + TOKEN_SERVICE_LIFE_S / 2;
    }
    int written = snprintf(ret_text, size, "%s", identity->service_token);
    pthread_mutex_unlock(&identity->lock);
    CHECK(written > 0 && (size_t)written < size);
}

// ---- The feed ------------------------------------------------------------------------------

static struct status take_events(void *context, const struct event_view *events, size_t count,
                                 uint64_t log_id)
{
    (void)log_id;
    struct identity *identity = context;
    uint64_t now_ns = clock_wall_ns();
    // An event that cannot be read holds the feed up: it turns stale, and auth is asked instead.
    for (size_t i = 0; i < count; i++) {
        bool is_current;
        RETURN_IF_ERROR(auth_client_revoke(&events[i], identity->revocations, now_ns));
        RETURN_IF_ERROR(auth_client_follow_policy(&events[i], identity->policy, &is_current));
        if (!is_current) wake_fetcher(identity);
        if (strcmp(events[i].type, "auth.keys.rotated") != 0) continue;
        atomic_store(&identity->keys_stale, true);
        wake_fetcher(identity);
    }
    metric_set(identity->revocation_entries, (int64_t)revocation_count(identity->revocations));
    return STATUS_SUCCESS;
}

static struct status follow_auth(struct identity *identity)
{
    uint64_t now_ns = clock_wall_ns();
    struct event_subscriber_config feed = {
        .source = "auth",
        .pub_url = identity->config.auth_pub_url,
        .tls = identity->config.tls,
        .channel = identity->config.auth_channel,
        .token = identity_service_token,
        .token_context = identity,
        .not_before_ns = now_ns > FEED_REACH_NS ? now_ns - FEED_REACH_NS : 1,
        .handle = take_events,
        .context = identity,
    };
    return event_subscriber_open(&feed, &identity->feed);
}

// ---- Life ----------------------------------------------------------------------------------

static void start_fetcher(struct identity *identity)
{
    thread_start(&identity->fetcher, "identity", THREAD_STACK_BYTES, fetch, identity);
    identity->fetcher_runs = true;
}

/// open_policy: where auth comes without one (its tests), the built-in roles are all there is.
static void open_policy(struct identity *identity)
{
    struct access_content nothing = {0};
    identity->policy = identity->config.local_policy;
    if (identity->policy != NULL) return;
    identity->policy = identity->own_policy = access_policy_open();
    if (is_local(identity)) (void)access_policy_set(identity->policy, &nothing);
}

struct status identity_open(const struct identity_config *config, struct identity **ret)
{
    CHECK((config->local_lookup != NULL) != (config->auth_channel != NULL));
    CLEANUP(identity_close) struct identity *identity = calloc(1, sizeof *identity);
    CHECK(identity != NULL);
    identity->config = *config;
    int size =
        snprintf(identity->daemon_name, sizeof identity->daemon_name, "%s", config->daemon_name);
    CHECK(size > 0 && (size_t)size < sizeof identity->daemon_name);
    identity->rpc = (struct rpc_identity){.authenticate = authenticate,
                                          .authenticate_slow = authenticate_slow,
                                          .authorize = authorize,
                                          .explain = explain,
                                          .context = identity};
    pthread_mutex_init(&identity->lock, NULL);
    pthread_mutex_init(&identity->refresh_lock, NULL);
    pthread_mutex_init(&identity->policy_lock, NULL);
    silence_init(&identity->silence);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&identity->closed, &attributes);
    pthread_condattr_destroy(&attributes);
    identity->introspected_total = metric_counter("florin_identity_introspected_total",
                                                  "Tokens that were checked with auth", NULL);
    identity->revocation_entries = metric_gauge(
        "florin_identity_revocations", "Sessions and users whose tokens are refused", NULL);
    identity->keyring = keyring_open();
    identity->cache = token_cache_open(CACHED_TOKENS_MAX);
    identity->revocations = revocation_set_open();
    open_policy(identity);
    RETURN_IF_ERROR(
        key_signer_load(config->keys_directory, config->daemon_name, &identity->signer));
    (void)keyring_read_files(identity->keyring, config->keys_directory);
    if (!is_local(identity)) RETURN_IF_ERROR(follow_auth(identity));
    start_fetcher(identity); // In auth too: a key file that was removed must not live on there.
    *ret = identity;
    identity = NULL;
    return STATUS_SUCCESS;
}

void identity_close(struct identity **identity)
{
    struct identity *old = *identity;
    if (old == NULL) return;
    pthread_mutex_lock(&old->lock);
    old->closing = true;
    pthread_cond_broadcast(&old->closed);
    pthread_mutex_unlock(&old->lock);
    if (old->fetcher_runs) pthread_join(old->fetcher, NULL);
    event_subscriber_close(&old->feed);
    access_policy_close(&old->own_policy);
    silence_reset(&old->silence);
    revocation_set_close(&old->revocations);
    token_cache_close(&old->cache);
    keyring_close(&old->keyring);
    key_signer_close(&old->signer);
    pthread_cond_destroy(&old->closed);
    pthread_mutex_destroy(&old->policy_lock);
    pthread_mutex_destroy(&old->refresh_lock);
    pthread_mutex_destroy(&old->lock);
    free(old);
    *identity = NULL;
}

const struct rpc_identity *identity_rpc(struct identity *identity)
{
    return &identity->rpc;
}

bool identity_is_ready(struct identity *identity)
{
    bool is_known = is_local(identity) || atomic_load(&identity->users_known);
    return is_known && access_policy_is_current(identity->policy);
}
