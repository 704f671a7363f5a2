#include "common/base/id128.h"
#include "tests/support/world.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_TRIES = 500, WAIT_PAUSE_MS = 10 };

static const char password[] = "copper kettle on the hill";

void people_new_id(char ret_id[static WORLD_ID_BYTES])
{
    id128_format(id128_generate(), ret_id);
}

void people_code(const struct world *world, const char *email, char ret_code[static 16])
{
    char arguments[160], output[8192];
    snprintf(arguments, sizeof arguments, "outbox --to %s", email);
    for (int i = 0; i < WAIT_TRIES; i++) {
        world_florin(world, arguments, output, sizeof output);
        char *last = NULL;
        for (char *line = strtok_r(output, "\n", &last), *next; line != NULL; line = next) {
            next = strtok_r(NULL, "\n", &last);
            // time, channel, to, kind, code, text
            if (next == NULL && sscanf(line, "%*s %*s %*s %*s %15[0-9]", ret_code) == 1) return;
        }
        poll(NULL, 0, WAIT_PAUSE_MS);
    }
    fprintf(stderr, "no code was sent to %s\n", email);
    abort();
}

static void login(struct http_client *client, const char *secret, struct person *person)
{
    char body[512];
    struct http_answer answer = {0};
    snprintf(body, sizeof body, "{\"identifier\":\"%s\",\"password\":\"%s\"}", person->email,
             secret);
    for (int i = 0; i < WAIT_TRIES; i++) { // Auth may just be coming back from a kill.
        http_call(client, NULL, "POST", "/v1/auth/login", body, NULL, &answer);
        if (answer.status != 503 && answer.status != 504) break;
        poll(NULL, 0, WAIT_PAUSE_MS);
    }
    if (answer.status != 200) {
        fprintf(stderr, "the login of %s was answered %ld: %s\n", person->email, answer.status,
                answer.text);
        abort();
    }
    snprintf(person->token, sizeof person->token, "%s", http_text(&answer, "access_token"));
    snprintf(person->refresh_token, sizeof person->refresh_token, "%s",
             http_text(&answer, "refresh_token"));
    http_answer_reset(&answer);
}

void people_login(struct http_client *client, struct person *person)
{
    login(client, password, person);
}

void people_register(const struct world *world, struct http_client *client, const char *name,
                     struct person *ret)
{
    char body[512], code[16], registration[WORLD_ID_BYTES];
    struct http_answer answer = {0};
    snprintf(ret->email, sizeof ret->email, "%.64s@example.com", name);
    snprintf(body, sizeof body,
             "{\"email\":\"%s\",\"password\":\"%s\",\"full_name\":\"Test %.64s\"}", ret->email,
             password, name);
    http_expect(client, NULL, "POST", "/v1/auth/register", body, 202, &answer);
    snprintf(registration, sizeof registration, "%s", http_text(&answer, "registration_id"));
    people_code(world, ret->email, code);
    snprintf(body, sizeof body,
             "{\"registration_id\":\"%s\",\"channel\":\"email\",\"code\":\"%s\"}", registration,
             code);
    http_expect(client, NULL, "POST", "/v1/auth/register/verify", body, 201, &answer);
    snprintf(ret->id, sizeof ret->id, "%s", http_text(&answer, "user_id"));
    http_answer_reset(&answer);
    people_login(client, ret);
}

void people_admin(const struct world *world, struct http_client *client, struct person *ret)
{
    char path[WORLD_PATH_BYTES + 32], secret[128] = "";
    snprintf(path, sizeof path, "%s/admin-password", world->data);
    FILE *file = fopen(path, "re");
    if (file == NULL || fgets(secret, sizeof secret, file) == NULL) abort();
    fclose(file);
    secret[strcspn(secret, "\n")] = '\0';
    snprintf(ret->email, sizeof ret->email, "admin@florin.local");
    login(client, secret, ret);
}

void people_staff(const struct world *world, struct http_client *client, const char *role,
                  struct person *ret)
{
    struct person admin;
    char path[128], body[128];
    struct http_answer answer = {0};
    people_register(world, client, role, ret);
    people_admin(world, client, &admin);
    snprintf(path, sizeof path, "/v1/users/%s/roles", ret->id);
    snprintf(body, sizeof body, "{\"roles\":[\"%s\"]}", role);
    http_expect(client, admin.token, "PUT", path, body, 200, &answer);
    http_answer_reset(&answer);
    people_login(client, ret);
}

// Verhoeff's scheme over the dihedral group D5, written from its definition and not from tables:
// the validator that is tested has tables.
static unsigned d5_multiply(unsigned a, unsigned b)
{
    if (a < 5) return b < 5 ? (a + b) % 5 : 5 + (a + b - 5) % 5;
    return b < 5 ? 5 + (a - 5 + 5 - b) % 5 : (a + 5 - b) % 5;
}

static unsigned verhoeff_permute(unsigned position, unsigned digit)
{
    static const unsigned first[10] = {1, 5, 7, 6, 2, 8, 3, 0, 9, 4};
    for (unsigned i = 0; i < position % 8; i++)
        digit = first[digit];
    return digit;
}

void people_aadhaar(unsigned number, char ret[static 13])
{
    char digits[16];
    snprintf(digits, sizeof digits, "2%010u", 3141592653U % 1000000007U + number);
    unsigned check = 0;
    for (unsigned i = 1; i <= 11; i++)
        check = d5_multiply(check, verhoeff_permute(i, (unsigned)(digits[11 - i] - '0')));
    unsigned last = 0;
    while (d5_multiply(check, last) != 0)
        last++;
    snprintf(ret, 13, "%.11s%u", digits, last);
}

void people_pan(unsigned number, char surname_initial, char ret[static 11])
{
    snprintf(ret, 11, "%c%c%cP%c%04u%c", 'A' + (int)(number / 9998 % 26),
             'A' + (int)(number / 9998 / 26 % 26), 'B', surname_initial, number % 9998 + 1, 'K');
}

void people_approve(struct http_client *client, const struct person *customer,
                    const struct person *maker, const struct person *checker, unsigned number)
{
    char aadhaar[13], pan[11], body[512], path[128], id[WORLD_ID_BYTES];
    struct http_answer answer = {0};
    static const char profile[] =
        "{\"full_name\":\"Asha Verma\",\"date_of_birth\":\"1990-04-12\",\"gender\":\"F\","
        "\"nationality\":\"IN\",\"address\":{\"line1\":\"12 MG Road\",\"city\":\"Pune\","
        "\"state\":\"Maharashtra\",\"postal_code\":\"411001\",\"country\":\"IN\"}}";
    people_aadhaar(number, aadhaar);
    people_pan(number, 'V', pan);
    http_expect(client, customer->token, "PUT", "/v1/kyc/profile", profile, 200, &answer);
    snprintf(body, sizeof body,
             "{\"aadhaar_number\":\"%s\",\"name\":\"Asha Verma\",\"dob\":\"1990-04-12\"}", aadhaar);
    http_expect(client, customer->token, "POST", "/v1/kyc/aadhaar", body, 201, &answer);
    snprintf(body, sizeof body,
             "{\"pan_number\":\"%s\",\"name\":\"Asha Verma\",\"dob\":\"1990-04-12\"}", pan);
    http_expect(client, customer->token, "POST", "/v1/kyc/pan", body, 201, &answer);
    http_expect(client, customer->token, "POST", "/v1/kyc/submit", "{}", 200, &answer);
    snprintf(id, sizeof id, "%s", http_text(&answer, "case_id"));
    snprintf(path, sizeof path, "/v1/kyc/cases/%s:recommend", id);
    http_expect(client, maker->token, "POST", path,
                "{\"decision\":\"approve\",\"reason\":\"documents match\"}", 200, &answer);
    snprintf(path, sizeof path, "/v1/kyc/cases/%s:decide", id);
    http_expect(client, checker->token, "POST", path,
                "{\"decision\":\"approve\",\"reason\":\"agreed\"}", 200, &answer);
    http_answer_reset(&answer);
}

void people_account(struct http_client *client, const struct person *owner,
                    char ret_id[static WORLD_ID_BYTES])
{
    struct http_answer answer = {0};
    http_expect(client, owner->token, "POST", "/v1/accounts",
                "{\"currency\":\"INR\",\"name\":\"Everyday\"}", 201, &answer);
    snprintf(ret_id, WORLD_ID_BYTES, "%s", http_text(&answer, "id"));
    http_answer_reset(&answer);
}

void people_deposit(struct http_client *client, const struct person *teller, const char *account,
                    const char *amount)
{
    char path[128], body[160], id[WORLD_ID_BYTES];
    struct http_answer answer = {0};
    snprintf(path, sizeof path, "/v1/accounts/%s/deposit", account);
    for (int i = 0; i < WAIT_TRIES; i++) {
        people_new_id(id);
        snprintf(body, sizeof body, "{\"id\":\"%s\",\"amount\":\"%s\"}", id, amount);
        http_call(client, teller->token, "POST", path, body, NULL, &answer);
        bool no_tier_yet =
            answer.status == 422 && strcmp(http_text(&answer, "reason"), "KYC_LIMIT_EXCEEDED") == 0;
        if (!no_tier_yet) break;
        poll(NULL, 0, WAIT_PAUSE_MS);
    }
    if (answer.status != 201) {
        fprintf(stderr, "POST %s answered %ld: %s\n", path, answer.status, answer.text);
        abort();
    }
    http_answer_reset(&answer);
}
