// API keys, and payments that are approved one by one.
#include "tests/crash/life.h"

#include <stdio.h>
#include <string.h>

// ---- API keys -----------------------------------------------------------------------------------

struct key {
    char id[WORLD_ID_BYTES], text[LIFE_SECRET_BYTES], token[WORLD_TOKEN_BYTES];
};

static void exchange(struct life *life, const char *key, struct reply *ret)
{
    char body[LIFE_BODY_BYTES];
    snprintf(body, sizeof body, "{\"grant_type\":\"client_credentials\",\"client_secret\":\"%s\"}",
             key);
    life_ask(life, NULL, "POST", "/oauth2/token", body, ret);
}

static void refuse_key(struct life *life, const char *key)
{
    char body[LIFE_BODY_BYTES];
    struct reply reply = {0};
    exchange(life, key, &reply);
    life_expect(life, &reply, 401, "INVALID_CREDENTIALS");
    reply_reset(&reply);
    snprintf(body, sizeof body, "{\"grant_type\":\"client_credentials\",\"client_secret\":\"%s\"}",
             key);
    const struct promise promise = {.verb = "POST",
                                    .path = "/oauth2/token",
                                    .body = body,
                                    .status = 401,
                                    .reason = "INVALID_CREDENTIALS"};
    promises_add(&life->promises, &promise);
}

static void use_key(struct life *life, struct key *key)
{
    struct reply reply = {0};
    exchange(life, key->text, &reply);
    life_expect(life, &reply, 200, "");
    LIFE_KEEP(life, &reply, "access_token", key->token);
    reply_reset(&reply);
}

/// make_key: keys that were made by a lost attempt stay behind; with too many, somebody new begins.
static void make_key(struct life *life, struct key *ret)
{
    struct reply reply = {0};
    for (;;) {
        life_ask(life, life->person.token, "POST", "/v1/api-keys",
                 "{\"name\":\"export\",\"scopes\":[\"ledger.account.read\"]}", &reply);
        if (!life_is(&reply, 422, "TOO_MANY_API_KEYS")) break;
        life_be_new(life);
    }
    life_expect(life, &reply, 201, "");
    promises_hear(&life->promises, reply.request_id, "", "auth.apikey.created");
    LIFE_KEEP(life, &reply, "api_key.id", ret->id);
    LIFE_KEEP(life, &reply, "key", ret->text);
    reply_reset(&reply);
}

/// rotate: the old secret is over when it was answered. A rotation that was lost may have happened
/// too; the new secret is that of the last one.
static void rotate_key(struct life *life, struct key *key)
{
    char path[128], old[LIFE_SECRET_BYTES];
    struct reply reply = {0};
    memcpy(old, key->text, sizeof old);
    snprintf(path, sizeof path, "/v1/api-keys/%s:rotate", key->id);
    life_ask(life, life->person.token, "POST", path, "{}", &reply);
    life_expect(life, &reply, 200, "");
    promises_hear(&life->promises, reply.request_id, "", "auth.apikey.rotated");
    LIFE_KEEP(life, &reply, "key", key->text);
    reply_reset(&reply);
    refuse_key(life, old);
}

static void revoke_key(struct life *life, const struct key *key)
{
    char path[128];
    struct reply reply = {0};
    snprintf(path, sizeof path, "/v1/api-keys/%s", key->id);
    life_ask(life, life->person.token, "DELETE", path, NULL, &reply);
    life_expect(life, &reply, 204, "");
    if (reply.lost == 0)
        promises_hear(&life->promises, reply.request_id, "", "auth.apikey.revoked");
    life_ask(life, key->token, "GET", "/v1/me", NULL, &reply); // What it was exchanged for.
    life_expect(life, &reply, 401, "TOKEN_REVOKED");
    reply_reset(&reply);
    refuse_key(life, key->text);
}

void life_holds_keys(struct life *life)
{
    struct key key;
    if (life->people == 0) life_be_new(life);
    make_key(life, &key);
    use_key(life, &key);
    rotate_key(life, &key);
    use_key(life, &key);
    revoke_key(life, &key);
}

// ---- Approvals ----------------------------------------------------------------------------------

enum { PAYMENT_BYTES = 512 };

static void write_payment(const struct life *life, const char *id, char ret[static PAYMENT_BYTES])
{
    snprintf(ret, PAYMENT_BYTES,
             "\"id\":\"%s\",\"debit_account_id\":\"%s\",\"credit_account_id\":\"%s\","
             "\"amount\":\"200\",\"currency\":\"INR\"",
             id, life->account, life->payee);
}

/// approve: false when an attempt was lost on the way, so that the token or the code is not known.
static bool approve(struct life *life, const char *payment, char ret[static WORLD_TOKEN_BYTES])
{
    char body[LIFE_BODY_BYTES], id[WORLD_ID_BYTES], code[LIFE_CODE_BYTES];
    struct reply reply = {0};
    snprintf(body, sizeof body, "{\"action\":\"ledger.transfer.create\",\"payload\":{%s}}",
             payment);
    struct mark mark = life_mark(life);
    life_ask(life, life->person.token, "POST", "/v1/auth/sca", body, &reply);
    life_expect(life, &reply, 201, "");
    LIFE_KEEP(life, &reply, "sca_id", id);
    if (reply.lost > 0) return false;
    life_code(life, &mark, code);
    snprintf(body, sizeof body, "{\"sca_id\":\"%s\",\"method\":\"email\",\"code\":\"%s\"}", id,
             code);
    life_ask(life, life->person.token, "POST", "/v1/auth/sca/verify", body, &reply);
    bool is_ours = life_expect_done(life, &reply, 200, 400, "OTP_INVALID");
    if (is_ours) {
        promises_hear(&life->promises, reply.request_id, "", "auth.sca.approved");
        life_keep(life, &reply, "sca_token", ret, WORLD_TOKEN_BYTES);
    }
    life_ask(life, life->person.token, "POST", "/v1/auth/sca/verify", body, &reply);
    life_expect(life, &reply, 400, "OTP_INVALID"); // Used up, whatever became of it.
    reply_reset(&reply);
    return is_ours;
}

/// promise_replay: the payment is there, and was made before.
static void promise_replay(struct life *life, const char *body)
{
    const struct promise promise = {.token = life->person.token,
                                    .verb = "POST",
                                    .path = "/v1/transfers",
                                    .body = body,
                                    .status = 200};
    promises_add(&life->promises, &promise);
}

/// One payment, and then another with the same token, which does not open it.
void life_pays(struct life *life)
{
    char payment[PAYMENT_BYTES], other[PAYMENT_BYTES], token[WORLD_TOKEN_BYTES];
    char body[PAYMENT_BYTES + WORLD_TOKEN_BYTES + 32], id[WORLD_ID_BYTES];
    struct reply reply = {0};
    people_new_id(id);
    write_payment(life, id, payment);
    people_new_id(id);
    write_payment(life, id, other);
    while (!approve(life, payment, token)) {
    }
    snprintf(body, sizeof body, "{%s,\"sca_token\":\"%s\"}", payment, token);
    life_ask(life, life->person.token, "POST", "/v1/transfers", body, &reply);
    (void)life_expect_done(life, &reply, 201, 200, "");
    life->paid += 200;
    promise_replay(life, body);
    snprintf(body, sizeof body, "{%s,\"sca_token\":\"%s\"}", other, token);
    life_ask(life, life->person.token, "POST", "/v1/transfers", body, &reply);
    life_expect(life, &reply, 403, "SCA_INVALID");
    reply_reset(&reply);
}
