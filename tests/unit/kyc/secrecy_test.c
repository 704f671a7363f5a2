// What lies on the disk: nothing that anybody has told us about himself, in clear, anywhere.
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/crypto/keys.h"
#include "tests/unit/kyc/desk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/// The whole story of a customer, with a second one whose identity collides, a replaced document,
/// refused attempts, and everything that is logged meanwhile, in a file beside the stores.
static void live_through_a_story(struct desk *desk)
{
    char path[DESK_PATH_BYTES + 16];
    snprintf(path, sizeof path, "%s/log", desk->directory);
    int log_file = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600), before = dup(STDERR_FILENO);
    assert_true(log_file >= 0 && before >= 0);
    dup2(log_file, STDERR_FILENO);
    log_set_level(LOG_LEVEL_DEBUG);
    LOG_INFO("the story begins");

    assert_status_ok(desk_put_profile(desk, ASHA, "Ashavari Vermillon"));
    assert_status_ok(desk_submit_pan(desk, ASHA, PAN_2));
    assert_status_ok(desk_submit_pan(desk, ASHA, PAN_1));
    assert_status_ok(desk_submit_aadhaar(desk, ASHA, AADHAAR_1));
    assert_refused(desk_submit_aadhaar(desk, ASHA, "499118665247"), "AADHAAR_BAD_CHECKSUM");
    assert_status_ok(desk_submit_aadhaar(desk, BINA, "2341-2341-2346"));
    desk_settle(desk, ASHA, "approve");
    assert_refused(desk_submit(desk, ASHA), "ILLEGAL_TRANSITION");

    dup2(before, STDERR_FILENO);
    log_set_level(LOG_LEVEL_INFO);
    close(before);
    close(log_file);
    desk_close_stores(desk); // Everything is in the files now.
}

static void test_nothing_personal_lies_on_the_disk(void **state)
{
    struct desk *desk = *state;
    live_through_a_story(desk);
    static const char *const never[] = {
        AADHAAR_1,
        "2341 2341 2346",
        "2341-2341-2346",
        "499118665247",
        PAN_1,
        PAN_2,
        "abcpv1234k",
        "Ashavari",
        "Vermillon",
        "Asha Verma",
        "1990-04-12",
        "Mirza Ghalib",
        "Zyqhamabad",
        "Maharashtra-West",
        "411001-77",
        "lighthouse keeper",
        "Frau Quisselbach",
    };
    for (size_t i = 0; i < ROWS(never); i++) {
        if (directory_count_text(desk->directory, never[i]) != 0)
            fail_msg("\"%s\" lies on the disk", never[i]);
    }
    // The search finds what is there in clear: masks, event types, the log.
    static const char *const there[] = {"ABXXXXXXXK", "XXXX XXXX 2346", "kyc.case.decided",
                                        "the story begins"};
    for (size_t i = 0; i < ROWS(there); i++)
        assert_true(directory_count_text(desk->directory, there[i]) > 0);
    desk_open_stores(desk);
}

static void test_aadhaar_numbers_are_in_the_vault_alone(void **state)
{
    struct desk *desk = *state;
    assert_status_ok(desk_submit_aadhaar(desk, ASHA, AADHAAR_1));
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(desk->store, &txn));
    CLEANUP(kyc_owner_wipe) struct kyc_owner owner, other;
    struct kyc_document document;
    assert_status_ok(kyc_store_get_owner(desk->service.kyc, txn, ASHA, &owner));
    assert_status_ok(kyc_store_get_document(txn, ASHA, KYC_AADHAAR, &document));
    assert_false(id128_is_nil(document.reference));

    const char *number = NULL;
    assert_status_ok(
        kyc_vault_get(desk->service.vault, owner.key, document.reference, desk->arena, &number));
    assert_string_equal(number, AADHAAR_1);
    // Erasure: without the customer's own key, the entry is noise.
    other = kyc_store_new_owner(desk->service.kyc, ASHA);
    assert_refused(
        kyc_vault_get(desk->service.vault, other.key, document.reference, desk->arena, &number),
        "SEAL_BROKEN");
    assert_refused(kyc_vault_get(desk->service.vault, owner.key, id_of(0x77), desk->arena, &number),
                   "VAULT_REFERENCE_NOT_FOUND");
}

static uint64_t count_vault_entries(struct desk *desk)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(kyc_vault_store(desk->service.vault), &txn));
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, STORE_TABLE_SERVICE_FIRST + 1, &cursor);
    uint64_t count = 0;
    for (bool more = store_cursor_first(&cursor); more; more = store_cursor_next(&cursor))
        count++;
    return count;
}

static void test_refused_aadhaar_leaves_nothing_in_the_vault(void **state)
{
    struct desk *desk = *state;
    assert_refused(desk_submit_aadhaar(desk, ASHA, "234123412347"), "AADHAAR_BAD_CHECKSUM");
    assert_int_equal(count_vault_entries(desk), 0);
    assert_status_ok(desk_put_profile(desk, ASHA, "Asha Verma"));
    assert_status_ok(desk_submit_aadhaar(desk, ASHA, AADHAAR_1));
    assert_status_ok(desk_submit(desk, ASHA));
    assert_refused(desk_submit_aadhaar(desk, ASHA, AADHAAR_2), "ILLEGAL_TRANSITION");
    assert_int_equal(count_vault_entries(desk), 1);

    // Refused after it was stashed: the case went to the officers in between.
    struct kyc_new_document late = {.type = KYC_AADHAAR, .number = AADHAAR_2};
    assert_status_ok(kyc_service_stash_aadhaar(&desk->service, BINA, &late, desk->arena));
    assert_int_equal(count_vault_entries(desk), 2);
    kyc_service_unstash_aadhaar(&desk->service, &late);
    assert_int_equal(count_vault_entries(desk), 1);
}

static void kek_path(const struct desk *desk, char ret[static DESK_PATH_BYTES + 16])
{
    snprintf(ret, DESK_PATH_BYTES + 16, "%s/keys/kek", desk->directory);
}

static struct status try_service_open(struct desk *desk)
{
    char vault[DESK_PATH_BYTES + 16], keys[DESK_PATH_BYTES + 16];
    struct kyc_service service = {0};
    snprintf(vault, sizeof vault, "%s/kyc/vault", desk->directory);
    snprintf(keys, sizeof keys, "%s/keys", desk->directory);
    struct status status = kyc_service_open(desk->store, vault, keys, &service);
    kyc_service_close(&service);
    return status;
}

static void test_store_opens_with_its_own_kek_only(void **state)
{
    struct desk *desk = *state;
    char path[DESK_PATH_BYTES + 16], aside[DESK_PATH_BYTES + 32];
    kek_path(desk, path);
    snprintf(aside, sizeof aside, "%s.aside", path);
    kyc_service_close(&desk->service);
    assert_status_ok(try_service_open(desk));

    // A lost KEK is not made anew under a store that needs the old one.
    assert_int_equal(rename(path, aside), 0);
    assert_refused(try_service_open(desk), "KEY_NOT_FOUND");
    assert_int_equal(access(path, F_OK), -1);
    assert_status_ok(key_secret_generate(path));
    assert_refused(try_service_open(desk), "SEAL_KEY_BROKEN");
    assert_int_equal(rename(aside, path), 0);
    assert_status_ok(try_service_open(desk));
}

static void test_store_opens_with_its_own_vault_only(void **state)
{
    struct desk *desk = *state;
    char vault[DESK_PATH_BYTES + 16], aside[DESK_PATH_BYTES + 32];
    snprintf(vault, sizeof vault, "%s/kyc/vault", desk->directory);
    snprintf(aside, sizeof aside, "%s.aside", vault);
    kyc_service_close(&desk->service);
    assert_int_equal(rename(vault, aside), 0);
    assert_refused(try_service_open(desk), "VAULT_MISSING");
    assert_int_equal(access(vault, F_OK), -1); // A restore finds the directory absent.
    assert_int_equal(mkdir(vault, 0700), 0);
    assert_refused(try_service_open(desk), "VAULT_MISSING"); // Nor does an empty one do.
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_personal_lies_on_the_disk, desk_open,
                                        desk_close),
        cmocka_unit_test_setup_teardown(test_aadhaar_numbers_are_in_the_vault_alone, desk_open,
                                        desk_close),
        cmocka_unit_test_setup_teardown(test_refused_aadhaar_leaves_nothing_in_the_vault, desk_open,
                                        desk_close),
        cmocka_unit_test_setup_teardown(test_store_opens_with_its_own_kek_only, desk_open,
                                        desk_close),
        cmocka_unit_test_setup_teardown(test_store_opens_with_its_own_vault_only, desk_open,
                                        desk_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
