#include "tests/api/steps.h"

#include "tests/support/codes.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    TEXT_BYTES = 16384,
    VARIABLES_MAX = 256,
    NAME_BYTES = 32,
    WAIT_TRIES = 3000,
    WAIT_PAUSE_MS = 10,
    UNSETTLED_TRIES = 100,
};

struct variable {
    char name[NAME_BYTES];
    char *value;
};

struct api {
    struct world world;
    struct http_client *client;
    struct book *book;
    struct person people[WHO_COUNT];
    struct variable variables[VARIABLES_MAX];
    size_t variable_count;
    struct codes codes;
};

struct world *api_world(struct api *api)
{
    return &api->world;
}

struct http_client *api_client(struct api *api)
{
    return api->client;
}

struct book *api_book(struct api *api)
{
    return api->book;
}

struct person *api_person(struct api *api, enum who who)
{
    return &api->people[who];
}

const char *api_token(const struct api *api, enum who who)
{
    return who != NOBODY ? api->people[who].token : NULL;
}

// ---- Variables ----------------------------------------------------------------------------------

static struct variable *find(const struct api *api, const char *name)
{
    for (size_t i = 0; i < api->variable_count; i++)
        if (strcmp(api->variables[i].name, name) == 0) return (struct variable *)&api->variables[i];
    return NULL;
}

void api_set(struct api *api, const char *name, const char *value)
{
    struct variable *variable = find(api, name);
    if (variable == NULL) {
        if (api->variable_count == VARIABLES_MAX || strlen(name) >= NAME_BYTES) abort();
        variable = &api->variables[api->variable_count++];
        snprintf(variable->name, sizeof variable->name, "%s", name);
    }
    char *copy = strdup(value);
    if (copy == NULL) abort();
    free(variable->value);
    variable->value = copy;
}

const char *api_get(const struct api *api, const char *name)
{
    const struct variable *variable = find(api, name);
    if (variable == NULL) fail_msg("no variable %s has been set", name);
    return variable->value;
}

void api_set_time(struct api *api, const char *name, long from_now_ms)
{
    struct timespec now;
    struct tm parts;
    char text[64], whole[32];
    clock_gettime(CLOCK_REALTIME, &now);
    long long ns = (long long)now.tv_sec * 1000000000 + now.tv_nsec + from_now_ms * 1000000LL;
    time_t seconds = (time_t)(ns / 1000000000);
    gmtime_r(&seconds, &parts);
    strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, sizeof text, "%s.%09lldZ", whole, ns % 1000000000);
    api_set(api, name, text);
}

static size_t name_length(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
}

static bool begins(const char *name, const char *with, const char **ret_rest)
{
    size_t length = strlen(with);
    *ret_rest = name + length;
    return strncmp(name, with, length) == 0;
}

/// The value of a name: some are made when they are asked for.
static const char *value_of(struct api *api, const char *name, char ret_made[static WORLD_ID_BYTES])
{
    char secret[NAME_BYTES + 16], last[NAME_BYTES + 16];
    const char *whose;
    if (strcmp(name, "new") == 0) {
        people_new_id(ret_made);
    } else if (begins(name, "code_", &whose)) {
        codes_take(&api->codes, &api->world, whose, ret_made);
        snprintf(last, sizeof last, "last_code_%s", whose);
        api_set(api, last, ret_made);
    } else if (begins(name, "totp_old_", &whose) ||
               (begins(name, "totp_", &whose) && strncmp(whose, "secret_", 7) != 0)) {
        snprintf(secret, sizeof secret, "totp_secret_%s", whose);
        codes_totp(api_get(api, secret), strncmp(name, "totp_old_", 9) == 0, ret_made);
    } else {
        return api_get(api, name);
    }
    return ret_made;
}

/// Fills variables in, and turns ' into " when the text is JSON.
static void expand(struct api *api, const char *text, bool is_json, char ret[static TEXT_BYTES])
{
    size_t used = 0;
    while (*text != '\0') {
        char name[NAME_BYTES], id[WORLD_ID_BYTES], one[2] = {*text, '\0'};
        const char *part = one;
        size_t length = *text == '$' ? name_length(text + 1) : 0;
        if (length > 0) {
            snprintf(name, sizeof name, "%.*s", (int)length, text + 1);
            part = value_of(api, name, id);
        }
        for (; *part != '\0'; part++) {
            if (used + 1 == TEXT_BYTES) abort();
            ret[used++] = is_json && *part == '\'' ? '"' : *part;
        }
        text += length + 1;
    }
    ret[used] = '\0';
}

// ---- What is expected ---------------------------------------------------------------------------

/// The text of a place in the answer: "a.0.b", "a.#" (how many), "@name" (a header).
static void text_at(const struct http_answer *answer, const char *place, char *ret, size_t size)
{
    snprintf(ret, size, "absent");
    if (place[0] == '@') {
        const char *value = http_header(answer, place + 1);
        if (value != NULL) snprintf(ret, size, "%s", value);
        return;
    }
    json_t *at = answer->json;
    while (at != NULL && *place != '\0') {
        char name[64];
        size_t length = strcspn(place, ".");
        snprintf(name, sizeof name, "%.*s", (int)length, place);
        if (strcmp(name, "#") == 0) {
            snprintf(ret, size, "%zu", json_array_size(at));
            return;
        }
        at = json_is_array(at) ? json_array_get(at, strtoul(name, NULL, 10))
                               : json_object_get(at, name);
        place += length + (place[length] == '.');
    }
    if (at == NULL) return;
    if (json_is_string(at)) {
        snprintf(ret, size, "%s", json_string_value(at));
        return;
    }
    char *text = json_dumps(at, JSON_ENCODE_ANY | JSON_COMPACT);
    snprintf(ret, size, "%s", text);
    free(text);
}

static bool is_as_expected(struct api *api, const struct step *step,
                           const struct http_answer *answer, bool is_quiet)
{
    char expectations[TEXT_BYTES], found[1024];
    bool all_right = true;
    if (step->expect == NULL) return true;
    expand(api, step->expect, false, expectations);
    char *rest = expectations, *end;
    for (char *one = expectations; one != NULL; one = rest) {
        end = strstr(one, "; ");
        rest = end != NULL ? end + 2 : NULL;
        if (end != NULL) *end = '\0';
        char *equals = strchr(one, '=');
        if (equals == NULL) abort();
        *equals = '\0';
        text_at(answer, one, found, sizeof found);
        if (strcmp(found, equals + 1) == 0) continue;
        all_right = false;
        if (is_quiet) continue;
        print_error("%s: %s is %s, expected %s\n", step->given, one, found, equals + 1);
    }
    return all_right;
}

static bool is_a_problem(const struct step *step, const struct http_answer *answer)
{
    static const char *const members[] = {"type", "title",  "detail",
                                          "code", "reason", "request_id"};
    static const char *const internals[] = {".sock", "ipc://", "/tmp/", "lmdb", "nng", ".c:"};
    const char *type = http_header(answer, "content-type");
    const char *wrong = NULL;
    if (type == NULL || strcmp(type, "application/problem+json") != 0) wrong = "content type";
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (http_text(answer, members[i])[0] == '\0') wrong = members[i];
    if (json_integer_value(json_object_get(answer->json, "status")) != answer->status)
        wrong = "status";
    for (size_t i = 0; i < sizeof internals / sizeof internals[0]; i++)
        if (strstr(answer->text, internals[i]) != NULL) wrong = internals[i];
    if (wrong != NULL) print_error("%s: no proper problem: %s\n", step->given, wrong);
    return wrong == NULL;
}

static bool answer_fits(const struct step *step, const struct http_answer *answer)
{
    const char *space = strchr(step->answer, ' ');
    long status = strtol(step->answer, NULL, 10);
    bool is_right = answer->status == status &&
                    (space == NULL || strcmp(space + 1, http_text(answer, "reason")) == 0);
    return is_right;
}

// ---- Asking -------------------------------------------------------------------------------------

static void send(struct api *api, const struct step *step, const char *verb, const char *path,
                 const char *body, struct http_answer *ret)
{
    char headers[TEXT_BYTES];
    if (step->headers != NULL) expand(api, step->headers, false, headers);
    const char *token = api_token(api, step->who);
    for (unsigned i = 0; i < UNSETTLED_TRIES; i++) {
        http_call(api->client, token, verb, path, body, step->headers != NULL ? headers : NULL,
                  ret);
        // What a write under way may still change is asked for again, as the answer says.
        bool is_settled =
            ret->status != 503 || strcmp(http_text(ret, "reason"), "NOT_SETTLED") != 0;
        // The end of a token reaches the other daemons within moments, not before the answer.
        bool is_ending = strcmp(step->answer, "401 TOKEN_REVOKED") == 0 && ret->status != 401;
        if (is_settled && !is_ending) return;
        poll(NULL, 0, WAIT_PAUSE_MS);
    }
}

static bool ask(struct api *api, const struct step *step, bool is_quiet, struct http_answer *ret)
{
    char verb[8], path[TEXT_BYTES], body[TEXT_BYTES], error[BOOK_ERROR_BYTES];
    size_t verb_size = strcspn(step->ask, " ");
    snprintf(verb, sizeof verb, "%.*s", (int)verb_size, step->ask);
    expand(api, step->ask + verb_size + 1, false, path);
    if (step->body != NULL) expand(api, step->body, true, body);
    const char *sent = step->body != NULL ? body : NULL;
    send(api, step, verb, path, sent, ret);

    if (!book_check(api->book, verb, path, sent, ret, error)) {
        print_error("%s: %s\n  %s %s: %ld %.300s\n", step->given, error, verb, path, ret->status,
                    ret->text);
        return false;
    }
    if (!answer_fits(step, ret)) {
        if (!is_quiet)
            print_error("%s: %ld %s, expected %s\n  %s %s %.300s\n  %.500s\n", step->given,
                        ret->status, http_text(ret, "reason"), step->answer, verb, path,
                        sent != NULL ? sent : "", ret->text);
        return false;
    }
    return ret->status < 400 || is_a_problem(step, ret);
}

bool api_ask(struct api *api, const struct step *step, struct http_answer *ret)
{
    return ask(api, step, true, ret);
}

static void keep(struct api *api, const struct step *step, const struct http_answer *answer)
{
    char names[TEXT_BYTES], value[1024];
    if (step->keep == NULL) return;
    snprintf(names, sizeof names, "%s", step->keep);
    char *last = NULL;
    for (char *one = strtok_r(names, "; ", &last); one != NULL; one = strtok_r(NULL, "; ", &last)) {
        char *equals = strchr(one, '=');
        if (equals == NULL) abort();
        *equals = '\0';
        text_at(answer, equals + 1, value, sizeof value);
        api_set(api, one, value);
    }
}

bool api_step(struct api *api, const struct step *step, struct http_answer *ret)
{
    bool is_right = ask(api, step, false, ret) && is_as_expected(api, step, ret, false);
    keep(api, step, ret);
    return is_right;
}

size_t api_run(struct api *api, const struct step *steps, size_t count)
{
    size_t wrong = 0;
    struct http_answer answer = {0};
    for (size_t i = 0; i < count; i++)
        wrong += !api_step(api, &steps[i], &answer);
    http_answer_reset(&answer);
    return wrong;
}

void api_wait(struct api *api, const struct step *step)
{
    struct http_answer answer = {0};
    bool is_right = false;
    for (unsigned i = 0; i < WAIT_TRIES && !is_right; i++) {
        if (i > 0) poll(NULL, 0, WAIT_PAUSE_MS);
        is_right = ask(api, step, true, &answer) && is_as_expected(api, step, &answer, true);
    }
    if (!is_right) {
        (void)is_as_expected(api, step, &answer, false); // Says what is still missing.
        fail_msg("%s: still %ld %.300s", step->given, answer.status, answer.text);
    }
    keep(api, step, &answer);
    http_answer_reset(&answer);
}

// ---- The people ---------------------------------------------------------------------------------

static const struct {
    const char *name; // Of the variable with the id, and of the address.
    const char *roles;
} cast[WHO_COUNT] = {
    [ASHA] = {"asha", NULL},
    [BINOD] = {"binod", NULL},
    [CHITRA] = {"chitra", NULL},
    [DEEPA] = {"deepa", NULL},
    [TELLER] = {"teller", "\"teller\""},
    [COMPLIANCE] = {"compliance", "\"compliance_officer\""},
    [AUDITOR] = {"auditor", "\"auditor\""},
    [ADMIN] = {NULL, NULL}, // Made with the data directory.
    [SUPPORT] = {"support", "\"support\""},
    [MAKER] = {"maker", "\"kyc_maker\""},
    [CHECKER] = {"checker", "\"kyc_checker\""},
    [OPS] = {"ops", "\"ops\""},
    [CHIEF] = {"chief", "\"chief\""},
    [LEFT] = {"left", NULL},
    [EARLY] = {"early", NULL},
};

static void give_roles(struct api *api, enum who who)
{
    char path[128], body[256];
    struct http_answer answer = {0};
    snprintf(path, sizeof path, "/v1/users/%s/roles", api->people[who].id);
    snprintf(body, sizeof body, "{\"roles\":[%s]}", cast[who].roles);
    http_expect(api->client, api->people[ADMIN].token, "PUT", path, body, 200, &answer);
    http_answer_reset(&answer);
    people_login(api->client, &api->people[who]);
}

/// A role with every permission that this service knows, as far as it can reach: who gives roles
/// and who moves money are not the same person, so there is one for each service.
static void make_chief(struct api *api, const char *tag)
{
    struct http_answer answer = {0};
    const char *token = api->people[ADMIN].token;
    http_expect(api->client, token, "GET", "/v1/permissions", NULL, 200, &answer);
    json_t *grants = json_array(), *permission;
    size_t index;
    json_array_foreach(json_object_get(answer.json, "permissions"), index, permission)
    {
        const char *name = json_string_value(json_object_get(permission, "name"));
        if (strncmp(name, tag, strlen(tag)) != 0 || name[strlen(tag)] != '.') continue;
        json_array_append_new(grants, json_pack("{s:s, s:s}", "permission", name, "scope", "ALL"));
    }
    json_t *role = json_pack("{s:s, s:o}", "name", "chief", "grants", grants);
    char *body = json_dumps(role, JSON_COMPACT);
    http_expect(api->client, token, "POST", "/v1/roles", body, 201, &answer);
    free(body);
    json_decref(role);
    http_answer_reset(&answer);
}

static void gather(struct api *api, const char *tag)
{
    people_admin(&api->world, api->client, &api->people[ADMIN]);
    make_chief(api, tag);
    for (enum who who = 0; who < WHO_COUNT; who++) {
        char name[NAME_BYTES], code[WORLD_ID_BYTES];
        if (cast[who].name == NULL) continue;
        people_register(&api->world, api->client, cast[who].name, &api->people[who]);
        // That of the registration is used: else a step might take it for one that is on its way.
        codes_take(&api->codes, &api->world, cast[who].name, code);
        if (cast[who].roles != NULL) give_roles(api, who);
        snprintf(name, sizeof name, "%s_id", cast[who].name);
        api_set(api, name, api->people[who].id);
    }
}

static void open_accounts(struct api *api)
{
    static const enum who customers[] = {ASHA, BINOD, CHITRA, DEEPA};

    for (size_t i = 0; i < sizeof customers / sizeof customers[0]; i++) {
        char account[WORLD_ID_BYTES];
        const struct person *person = &api->people[customers[i]];
        if (customers[i] != CHITRA)
            people_approve(api->client, person, &api->people[MAKER], &api->people[CHECKER],
                           (unsigned)i + 1);
        people_account(api->client, person, account);
        api_set(api, cast[customers[i]].name, account);
        if (customers[i] != CHITRA)
            people_deposit(api->client, &api->people[TELLER], account, "1000000");
    }
}

int api_open(const struct api_setting *setting, void **state)
{
    static struct api api;
    snprintf(api.world.ini, sizeof api.world.ini, "%s", setting->ini);
    world_open(&api.world);
    api.client = http_client_open(&api.world);
    api.book = book_open(api.client, setting->tag);
    api_set(&api, "none", "00000000-0000-4000-8000-000000000000");
    api_set(&api, "cash", "494e5200-0000-8100-8000-0000464c524e");
    gather(&api, setting->tag);
    if (setting->has_accounts) open_accounts(&api);
    *state = &api;
    return 0;
}

int api_refresh(void **state)
{
    struct api *api = *state;
    people_admin(&api->world, api->client, &api->people[ADMIN]);
    for (enum who who = 0; who < WHO_COUNT; who++) {
        if (cast[who].name != NULL && who != EARLY) people_login(api->client, &api->people[who]);
    }
    struct http_answer answer = {0};
    http_expect(api->client, api->people[LEFT].token, "POST", "/v1/auth/logout", "{}", 204,
                &answer);
    http_answer_reset(&answer);
    return 0;
}

int api_close(void **state)
{
    struct api *api = *state;
    for (size_t i = 0; i < api->variable_count; i++)
        free(api->variables[i].value);
    codes_reset(&api->codes);
    book_close(&api->book);
    http_client_close(&api->client);
    world_close(&api->world);
    return 0;
}
