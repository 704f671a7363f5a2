#include "tests/integration/cast.h"

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

enum { PAGE_TOKEN_BYTES = 600 };

void cast_pick_tests(void)
{
    const char *pattern = getenv("FLORIN_TEST");
    if (pattern != NULL) cmocka_set_test_filter(pattern);
}

void cast_gather(struct cast *cast)
{
    cast->client = http_client_open(&cast->world);
    people_staff(&cast->world, cast->client, "teller", &cast->teller);
    people_staff(&cast->world, cast->client, "kyc_maker", &cast->maker);
    people_staff(&cast->world, cast->client, "kyc_checker", &cast->checker);
    people_staff(&cast->world, cast->client, "auditor", &cast->auditor);
}

void cast_dismiss(struct cast *cast)
{
    http_client_close(&cast->client);
}

void cast_login(struct cast *cast)
{
    struct person *const staff[] = {&cast->teller, &cast->maker, &cast->checker, &cast->auditor};
    for (size_t i = 0; i < sizeof staff / sizeof staff[0]; i++)
        people_login(cast->client, staff[i]);
}

void cast_customer(struct cast *cast, const char *name, const char *deposit, struct customer *ret)
{
    people_register(&cast->world, cast->client, name, &ret->person);
    people_approve(cast->client, &ret->person, &cast->maker, &cast->checker, ++cast->customers);
    people_account(cast->client, &ret->person, ret->account);
    people_deposit(cast->client, &cast->teller, ret->account, deposit);
}

void cast_expect_balance(struct cast *cast, const struct customer *customer, uint64_t expected)
{
    char path[128], wanted[32];
    struct http_answer answer = {0};
    snprintf(path, sizeof path, "/v1/accounts/%s/balance", customer->account);
    snprintf(wanted, sizeof wanted, "%" PRIu64, expected);
    http_expect(cast->client, customer->person.token, "GET", path, NULL, 200, &answer);
    assert_string_equal(http_text(&answer, "posted"), wanted);
    assert_string_equal(http_text(&answer, "available"), wanted);
    http_answer_reset(&answer);
}

size_t cast_history(struct cast *cast, const struct customer *customer, cast_id **ret_ids)
{
    char path[1024], token[PAGE_TOKEN_BYTES] = "";
    size_t count = 0;
    cast_id *ids = NULL;
    do {
        struct http_answer answer = {0};
        snprintf(path, sizeof path, "/v1/accounts/%s/transfers?page_size=100&page_token=%s",
                 customer->account, token);
        http_expect(cast->client, customer->person.token, "GET", path, NULL, 200, &answer);
        json_t *transfers = json_object_get(answer.json, "transfers");
        ids = realloc(ids, (count + json_array_size(transfers) + 1) * sizeof *ids);
        assert_non_null(ids);
        size_t index;
        json_t *transfer;
        json_array_foreach(transfers, index, transfer)
        {
            const char *id = json_string_value(json_object_get(transfer, "id"));
            assert_non_null(id);
            snprintf(ids[count++], WORLD_ID_BYTES, "%s", id);
        }
        snprintf(token, sizeof token, "%s", http_text(&answer, "next_page_token"));
        http_answer_reset(&answer);
    } while (token[0] != '\0');
    *ret_ids = ids;
    return count;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

bool cast_sort_ids(cast_id *ids, size_t count)
{
    qsort(ids, count, sizeof *ids, compare_ids);
    for (size_t i = 1; i < count; i++)
        if (strcmp(ids[i - 1], ids[i]) == 0) return false;
    return true;
}

bool cast_has_id(const cast_id *sorted, size_t count, const char *id)
{
    return bsearch(id, sorted, count, sizeof *sorted, compare_ids) != NULL;
}
