#include "tests/crash/life.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    REPEAT_PAUSE_MS = 10,
    UNANSWERED_MS_MAX = 60000,
    CODE_MS_MAX = 30000,
    CODE_PAUSE_MS = 10,
    LINE_BYTES_MAX = 8192,
    ELSEWHERE_MS = 8000, // By then every daemon has heard of an end, or asks auth.
};

// ---- Beginning and ending -----------------------------------------------------------------------

void life_begin(struct life *life, struct lives *lives, const char *name,
                void (*round)(struct life *life))
{
    *life = (struct life){.lives = lives, .name = name, .round = round};
    life->client = http_client_open(lives->world);
    life->random = (unsigned)(uintptr_t)life ^ (unsigned)promises_now_ms();
}

/// check_one asks about something that was promised before.
static void check_one(struct life *life)
{
    struct reply reply = {0};
    if (life->promises.count == 0) return;
    const struct promise *promise =
        &life->promises.items[life_random(life, (unsigned)life->promises.count)];
    if (!promises_is_due(promise, promises_now_ms())) return;
    life_ask(life, promise->token, promise->verb, promise->path, promise->body, &reply);
    life_expect(life, &reply, promise->status, promise->reason);
    reply_reset(&reply);
}

static void *run(void *context)
{
    struct life *life = context;
    while (!atomic_load(&life->lives->is_stopping)) {
        life->round(life);
        check_one(life);
        life->rounds++;
    }
    return NULL;
}

void life_start(struct life *life)
{
    if (pthread_create(&life->thread, NULL, run, life) != 0) abort();
}

void life_join(struct life *life)
{
    pthread_join(life->thread, NULL);
}

void life_end(struct life *life)
{
    promises_reset(&life->promises);
    http_client_close(&life->client);
}

void life_fail(const struct life *life, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "%s, round %u: ", life->name, life->rounds);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    abort();
}

unsigned life_random(struct life *life, unsigned below)
{
    return (unsigned)rand_r(&life->random) % below;
}

// ---- Asking -------------------------------------------------------------------------------------

void reply_reset(struct reply *reply)
{
    http_answer_reset(&reply->answer);
    *reply = (struct reply){0};
}

static void ask_once(struct life *life, const char *token, const char *verb, const char *path,
                     const char *body, struct reply *ret)
{
    char header[PROMISES_ID_BYTES + 32];
    snprintf(ret->request_id, sizeof ret->request_id, "life-%s-%u", life->name, life->asked++);
    snprintf(header, sizeof header, "X-Request-Id: %s", ret->request_id);
    http_call(life->client, token, verb, path, body, header, &ret->answer);
    ret->status = ret->answer.status;
    snprintf(ret->reason, sizeof ret->reason, "%s", http_text(&ret->answer, "reason"));
}

/// wait_for_gateway, so that what is asked next has at least been heard.
static void wait_for_gateway(struct life *life)
{
    struct http_answer answer = {0};
    uint64_t begin_ms = promises_now_ms();
    do {
        if (promises_now_ms() - begin_ms > UNANSWERED_MS_MAX)
            life_fail(life, "the gateway is away");
        poll(NULL, 0, REPEAT_PAUSE_MS);
        http_call(life->client, NULL, "GET", "/livez", NULL, NULL, &answer);
    } while (answer.status != 200);
    http_answer_reset(&answer);
}

void life_ask(struct life *life, const char *token, const char *verb, const char *path,
              const char *body, struct reply *ret)
{
    reply_reset(ret);
    uint64_t begin_ms = promises_now_ms();
    for (;;) {
        ask_once(life, token, verb, path, body, ret);
        bool is_lost = ret->status == 0 || ret->status == 504;
        if (!is_lost && ret->status != 503) return;
        if (is_lost) {
            promises_hear(&life->promises, ret->request_id, "", NULL);
            ret->lost++;
            life->lost++;
        }
        if (ret->status == 0) wait_for_gateway(life);
        if (promises_now_ms() - begin_ms > UNANSWERED_MS_MAX)
            life_fail(life, "%s %s was never answered: last %ld %s", verb, path, ret->status,
                      ret->reason);
        poll(NULL, 0, REPEAT_PAUSE_MS);
    }
}

bool life_is(const struct reply *reply, long status, const char *reason)
{
    return reply->status == status && strcmp(reply->reason, reason) == 0;
}

static _Noreturn void fail_answer(struct life *life, const struct reply *reply, const char *wanted)
{
    life_fail(life, "answered %ld %s instead of %s, after %u lost attempts (request %s)\n%s",
              reply->status, reply->reason, wanted, reply->lost, reply->request_id,
              reply->answer.text);
}

void life_expect(struct life *life, const struct reply *reply, long status, const char *reason)
{
    char wanted[96];
    snprintf(wanted, sizeof wanted, "%ld %s", status, reason);
    if (!life_is(reply, status, reason)) fail_answer(life, reply, wanted);
}

bool life_expect_done(struct life *life, const struct reply *reply, long status, long again_status,
                      const char *again_reason)
{
    char wanted[128];
    if (life_is(reply, status, "")) return true;
    if (reply->lost > 0 && life_is(reply, again_status, again_reason)) return false;
    snprintf(wanted, sizeof wanted, "%ld (or, had one been lost, %ld %s)", status, again_status,
             again_reason);
    fail_answer(life, reply, wanted);
}

void life_keep(struct life *life, const struct reply *reply, const char *member, char *ret,
               size_t size)
{
    const char *text = http_text(&reply->answer, member);
    if (text[0] == '\0' || strlen(text) >= size)
        life_fail(life, "no %s in the answer: %s", member, reply->answer.text);
    memcpy(ret, text, strlen(text) + 1);
}

// ---- Codes --------------------------------------------------------------------------------------

static FILE *open_outbox(const struct life *life)
{
    char path[WORLD_PATH_BYTES + 64];
    snprintf(path, sizeof path, "%s/outbox/messages.jsonl", life->lives->world->data);
    FILE *file = fopen(path, "re");
    if (file == NULL) life_fail(life, "%s is not there", path);
    return file;
}

struct mark life_mark(const struct life *life)
{
    struct mark mark;
    struct timespec now;
    struct tm parts;
    FILE *file = open_outbox(life);
    if (fseek(file, 0, SEEK_END) != 0) abort();
    mark.offset = ftell(file);
    fclose(file);
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t used = strftime(mark.at, sizeof mark.at, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(mark.at + used, sizeof mark.at - used, ".%09ldZ", now.tv_nsec);
    return mark;
}

/// take_code: a line with a code to the person that was made since the mark.
static bool take_code(const struct life *life, const struct mark *mark, const char *line,
                      char ret[static LIFE_CODE_BYTES])
{
    json_t *message = json_loads(line, 0, NULL);
    const char *to = json_string_value(json_object_get(message, "to"));
    const char *code = json_string_value(json_object_get(message, "code"));
    const char *at = json_string_value(json_object_get(message, "at"));
    bool is_ours = to != NULL && code != NULL && at != NULL && code[0] != '\0' &&
                   strcmp(to, life->person.email) == 0 && strcmp(at, mark->at) >= 0;
    if (is_ours) snprintf(ret, LIFE_CODE_BYTES, "%s", code);
    json_decref(message);
    return is_ours;
}

void life_code(struct life *life, const struct mark *mark, char ret[static LIFE_CODE_BYTES])
{
    char line[LINE_BYTES_MAX];
    bool is_found = false;
    uint64_t begin_ms = promises_now_ms();
    while (!is_found) {
        FILE *file = open_outbox(life);
        if (fseek(file, mark->offset, SEEK_SET) != 0) abort();
        while (fgets(line, sizeof line, file) != NULL)
            is_found |= strchr(line, '\n') != NULL && take_code(life, mark, line, ret);
        fclose(file);
        if (is_found) return;
        if (promises_now_ms() - begin_ms > CODE_MS_MAX)
            life_fail(life, "no code was sent to %s", life->person.email);
        poll(NULL, 0, CODE_PAUSE_MS);
    }
}

void life_wrong_code(const char *code, char ret[static LIFE_CODE_BYTES])
{
    snprintf(ret, LIFE_CODE_BYTES, "%06lu", (strtoul(code, NULL, 10) + 500000) % 1000000);
}

void life_guess(struct life *life, const char *path, const char *begun, const char *wrong_code)
{
    char body[LIFE_ANSWER_BYTES];
    struct reply reply = {0};
    unsigned invalid = 0, lost = 0;
    snprintf(body, sizeof body, "%s%s\"}", begun, wrong_code);
    for (;;) {
        life_ask(life, NULL, "POST", path, body, &reply);
        lost += reply.lost;
        if (life_is(&reply, 400, "OTP_EXHAUSTED")) break;
        life_expect(life, &reply, 400, "OTP_INVALID");
        if (++invalid > LIFE_ATTEMPTS_MAX) life_fail(life, "a sixth code was compared: %s", body);
    }
    if (invalid + lost < LIFE_ATTEMPTS_MAX)
        life_fail(life, "only %u codes were compared, and %u lost: %s", invalid, lost, body);
    reply_reset(&reply);
}

// ---- What everybody does ------------------------------------------------------------------------

void life_apply(struct life *life, char ret_body[static LIFE_BODY_BYTES],
                char ret_code[static LIFE_CODE_BYTES])
{
    char body[LIFE_BODY_BYTES], registration[WORLD_ID_BYTES];
    struct mark mark;
    struct reply reply = {0};
    struct person *person = &life->person;
    snprintf(person->email, sizeof person->email, "%s%u@example.com", life->name, life->people++);
    person->id[0] = '\0';
    snprintf(body, sizeof body,
             "{\"email\":\"%s\",\"password\":\"" LIFE_PASSWORD "\",\"full_name\":\"Test Person\"}",
             person->email);
    do { // An attempt that was lost has sent a code of its own.
        mark = life_mark(life);
        life_ask(life, NULL, "POST", "/v1/auth/register", body, &reply);
        life_expect(life, &reply, 202, "");
    } while (reply.lost > 0);
    LIFE_KEEP(life, &reply, "registration_id", registration);
    reply_reset(&reply);
    life_code(life, &mark, ret_code);
    snprintf(ret_body, LIFE_BODY_BYTES,
             "{\"registration_id\":\"%s\",\"channel\":\"email\",\"code\":\"", registration);
}

void life_be_new(struct life *life)
{
    char begun[LIFE_BODY_BYTES], body[LIFE_ANSWER_BYTES], code[LIFE_CODE_BYTES];
    struct reply reply = {0};
    life_apply(life, begun, code);
    snprintf(body, sizeof body, "%s%s\"}", begun, code);
    life_ask(life, NULL, "POST", "/v1/auth/register/verify", body, &reply);
    if (life_expect_done(life, &reply, 201, 400, "OTP_INVALID")) {
        LIFE_KEEP(life, &reply, "user_id", life->person.id);
        promises_hear(&life->promises, reply.request_id, "", "auth.user.registered");
    }
    reply_reset(&reply);
    life_login(life, LIFE_PASSWORD); // Whoever is registered can log in.
}

void life_try_login(struct life *life, const char *password, struct reply *ret)
{
    char body[LIFE_BODY_BYTES];
    snprintf(body, sizeof body, "{\"identifier\":\"%s\",\"password\":\"%s\"}", life->person.email,
             password);
    life_ask(life, NULL, "POST", "/v1/auth/login", body, ret);
}

void life_tell_login(struct life *life, const struct reply *reply)
{
    char session[WORLD_ID_BYTES];
    LIFE_KEEP(life, reply, "session_id", session);
    LIFE_KEEP(life, reply, "access_token", life->person.token);
    LIFE_KEEP(life, reply, "refresh_token", life->person.refresh_token);
    promises_hear(&life->promises, reply->request_id, session, "auth.login.succeeded");
}

void life_login(struct life *life, const char *password)
{
    struct reply reply = {0};
    life_try_login(life, password, &reply);
    life_expect(life, &reply, 200, "");
    life_tell_login(life, &reply);
    reply_reset(&reply);
}

static void write_refresh(const char *refresh_token, char ret[static LIFE_BODY_BYTES])
{
    snprintf(ret, LIFE_BODY_BYTES, "{\"grant_type\":\"refresh_token\",\"refresh_token\":\"%s\"}",
             refresh_token);
}

void life_refresh(struct life *life, const char *refresh_token, struct reply *ret)
{
    char body[LIFE_BODY_BYTES];
    write_refresh(refresh_token, body);
    life_ask(life, NULL, "POST", "/oauth2/token", body, ret);
}

void life_promise_ended(struct life *life, const char *refresh_reason)
{
    char body[LIFE_BODY_BYTES];
    struct promise promise = {.verb = "POST", .path = "/oauth2/token", .body = body, .status = 401};
    write_refresh(life->person.refresh_token, body);
    snprintf(promise.reason, sizeof promise.reason, "%s", refresh_reason);
    promises_add(&life->promises, &promise);
    promise = (struct promise){.token = life->person.token,
                               .verb = "GET",
                               .path = "/v1/me",
                               .status = 401,
                               .reason = "TOKEN_REVOKED"};
    promises_add(&life->promises, &promise);
    promise.path = "/v1/accounts"; // Another daemon's to refuse.
    promise.from_ms = promises_now_ms() + ELSEWHERE_MS;
    promises_add(&life->promises, &promise);
}
