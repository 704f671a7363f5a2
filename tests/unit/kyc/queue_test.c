// ListCases: order, filter, pages.
#include "tests/unit/kyc/desk.h"

static Kyc__ListCasesResponse *list(struct desk *desk, const char *state, int32_t size,
                                    const char *token)
{
    Kyc__ListCasesRequest request = KYC__LIST_CASES_REQUEST__INIT;
    Kyc__ListCasesResponse *reply = NULL;
    request.state = (char *)(uintptr_t)state;
    request.page_size = size;
    request.page_token = (char *)(uintptr_t)token;
    assert_status_ok(desk_call(desk, MAKER, KYC_LIST_CASES, &request, &reply));
    return reply;
}

static struct status try_list(struct desk *desk, struct id128 officer, const char *state,
                              const char *token)
{
    Kyc__ListCasesRequest request = KYC__LIST_CASES_REQUEST__INIT;
    request.state = (char *)(uintptr_t)state;
    request.page_token = (char *)(uintptr_t)token;
    return desk_call(desk, officer, KYC_LIST_CASES, &request, NULL);
}

static void hand_in(struct desk *desk, uint8_t user)
{
    assert_status_ok(desk_put_profile(desk, id_of(user), "Asha Verma"));
    assert_status_ok(desk_submit_pan(desk, id_of(user), PAN_1));
    assert_status_ok(desk_submit(desk, id_of(user)));
}

/// The customers of a page, one hex digit each: their ids are made of one digit.
static const char *customers(struct desk *desk, const Kyc__ListCasesResponse *page)
{
    char text[64] = "";
    for (size_t i = 0; i < page->n_cases; i++)
        snprintf(text + i, sizeof text - i, "%x", page->cases[i]->customer_id.data[0]);
    return arena_text(desk->arena, text, page->n_cases);
}

static void test_oldest_hand_in_first_drafts_last(void **state)
{
    struct desk *desk = *state;
    assert_string_equal(customers(desk, list(desk, "", 0, "")), "");
    assert_status_ok(desk_put_profile(desk, id_of(1), "Asha Verma")); // A draft, the first of all.
    hand_in(desk, 3);
    hand_in(desk, 2);
    hand_in(desk, 4);
    assert_string_equal(customers(desk, list(desk, "", 0, "")), "3241");
    assert_string_equal(customers(desk, list(desk, "draft", 0, "")), "1");
    assert_string_equal(customers(desk, list(desk, "in_review", 0, "")), "324");
    assert_status_ok(desk_recommend(desk, MAKER, desk_case_id(desk, id_of(2)), "approve", 0));
    assert_string_equal(customers(desk, list(desk, "in_review", 0, "")), "34");
    assert_string_equal(customers(desk, list(desk, "pending_approval", 0, "")), "2");
    assert_string_equal(customers(desk, list(desk, "", 0, "")), "3241"); // His place stays.
    assert_string_equal(customers(desk, list(desk, "approved", 0, "")), "");
    assert_refused(try_list(desk, MAKER, "open", ""), "VALIDATION_FAILED");
}

static void test_pages_give_each_case_once(void **state)
{
    struct desk *desk = *state;
    for (uint8_t user = 1; user <= 7; user++)
        hand_in(desk, user);
    static const char *const filters[] = {"", "in_review"};
    for (size_t i = 0; i < ROWS(filters); i++) {
        Kyc__ListCasesResponse *first = list(desk, filters[i], 3, "");
        assert_string_equal(customers(desk, first), "123");
        Kyc__ListCasesResponse *second = list(desk, filters[i], 3, first->next_page_token);
        assert_string_equal(customers(desk, second), "456");
        Kyc__ListCasesResponse *third = list(desk, filters[i], 3, second->next_page_token);
        assert_string_equal(customers(desk, third), "7");
        assert_string_equal(third->next_page_token, "");
        assert_string_equal(customers(desk, list(desk, filters[i], 7, "")), "1234567");
        assert_string_equal(list(desk, filters[i], 7, "")->next_page_token, "");
    }
}

static void test_page_goes_on_behind_a_case_that_has_moved(void **state)
{
    struct desk *desk = *state;
    for (uint8_t user = 1; user <= 5; user++)
        hand_in(desk, user);
    Kyc__ListCasesResponse *first = list(desk, "in_review", 2, "");
    assert_status_ok(desk_recommend(desk, MAKER, desk_case_id(desk, id_of(2)), "approve", 0));
    assert_string_equal(customers(desk, list(desk, "in_review", 9, first->next_page_token)), "345");
}

static void test_token_is_good_for_its_own_list_only(void **state)
{
    struct desk *desk = *state;
    for (uint8_t user = 1; user <= 3; user++)
        hand_in(desk, user);
    const char *token = list(desk, "in_review", 2, "")->next_page_token;
    assert_refused(try_list(desk, MAKER, "", token), "PAGE_TOKEN_INVALID");
    assert_refused(try_list(desk, MAKER, "draft", token), "PAGE_TOKEN_INVALID");
    assert_refused(try_list(desk, CHECKER, "in_review", token), "PAGE_TOKEN_INVALID");
    assert_refused(try_list(desk, MAKER, "in_review", "AAAA"), "PAGE_TOKEN_INVALID");
    assert_status_ok(try_list(desk, MAKER, "in_review", token));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_oldest_hand_in_first_drafts_last, desk_open,
                                        desk_close),
        cmocka_unit_test_setup_teardown(test_pages_give_each_case_once, desk_open, desk_close),
        cmocka_unit_test_setup_teardown(test_page_goes_on_behind_a_case_that_has_moved, desk_open,
                                        desk_close),
        cmocka_unit_test_setup_teardown(test_token_is_good_for_its_own_list_only, desk_open,
                                        desk_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
