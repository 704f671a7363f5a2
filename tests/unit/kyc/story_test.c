// What customers and officers do, through the handlers: states, tiers, four eyes, events.
#include "common/event/event.h"
#include "common/rpc/pack.h"
#include "florin/event/v1/event.pb-c.h"
#include "tests/unit/kyc/desk.h"

static void assert_standing(struct desk *desk, struct id128 user, const char *state,
                            const char *tier, uint32_t percent)
{
    Kyc__KycStatus *status = desk_status(desk, user);
    assert_string_equal(status->state, state);
    assert_string_equal(status->tier, tier);
    assert_int_equal(status->completion_percent, percent);
}

static Kyc__TierChanged *last_tier_event(struct desk *desk)
{
    Eventlog__Event *event = NULL;
    Kyc__TierChanged *changed = NULL;
    assert_status_ok(rpc_unpack(&eventlog__event__descriptor,
                                desk_event(desk, event_outbox_head(desk->outbox)), desk->arena,
                                &event));
    assert_string_equal(event->type, "kyc.tier.changed");
    struct bytes payload = bytes_of(event->payload.data, event->payload.len);
    assert_status_ok(rpc_unpack(&kyc__tier_changed__descriptor, payload, desk->arena, &changed));
    return changed;
}

static void test_from_nothing_to_t3_with_four_eyes(void **state)
{
    struct desk *desk = *state;
    assert_standing(desk, ASHA, "draft", "T0", 0);
    assert_int_equal(desk_status(desk, ASHA)->case_id.len, 0);
    assert_int_equal(desk_status(desk, ASHA)->n_missing, 3);

    assert_status_ok(desk_put_profile(desk, ASHA, "Asha Verma"));
    assert_standing(desk, ASHA, "draft", "T0", 33);
    assert_status_ok(desk_submit_aadhaar(desk, ASHA, AADHAAR_1));
    assert_standing(desk, ASHA, "draft", "T0", 66);
    assert_status_ok(desk_submit_pan(desk, ASHA, PAN_1));
    assert_standing(desk, ASHA, "draft", "T0", 100);
    assert_string_equal(desk_status(desk, ASHA)->documents[0]->state, "format_ok");

    assert_status_ok(desk_submit(desk, ASHA));
    assert_standing(desk, ASHA, "in_review", "T0", 100);
    Kyc__KycStatus *status = desk_status(desk, ASHA);
    assert_string_equal(status->documents[0]->masked, "XXXX XXXX 2346");
    assert_string_equal(status->documents[0]->state, "manual");
    assert_string_equal(status->documents[1]->masked, "ABXXXXXXXK");
    assert_string_equal(status->reasons[0], "REVIEW_NEEDED");

    struct id128 case_id = desk_case_id(desk, ASHA);
    uint64_t version = desk_case(desk, case_id)->version;
    assert_refused(desk_recommend(desk, MAKER, case_id, "approve", version - 1),
                   "VERSION_MISMATCH");
    assert_refused(desk_recommend(desk, ASHA, case_id, "approve", version), "SEPARATION_OF_DUTIES");
    assert_refused(desk_decide(desk, CHECKER, case_id, "approve", version), "ILLEGAL_TRANSITION");
    assert_status_ok(desk_recommend(desk, MAKER, case_id, "approve", version));
    assert_standing(desk, ASHA, "pending_approval", "T0", 100);
    assert_refused(desk_decide(desk, MAKER, case_id, "approve", version + 1),
                   "SEPARATION_OF_DUTIES");
    assert_refused(desk_decide(desk, ASHA, case_id, "approve", version + 1),
                   "SEPARATION_OF_DUTIES");
    assert_status_ok(desk_decide(desk, CHECKER, case_id, "approve", version + 1));
    assert_standing(desk, ASHA, "approved", "T3", 100);
    assert_string_equal(desk_status(desk, ASHA)->documents[0]->state, "verified");

    assert_string_equal(desk_events(desk, 0),
                        "kyc.profile.updated kyc.document.submitted kyc.document.submitted "
                        "kyc.case.submitted kyc.case.recommended kyc.case.decided "
                        "kyc.tier.changed ");
    Kyc__TierChanged *changed = last_tier_event(desk);
    assert_string_equal(changed->tier, "T3");
    assert_int_equal(changed->version, 1);
    assert_memory_equal(changed->customer_id.data, ASHA.bytes, ID128_BYTES);
    assert_refused(desk_decide(desk, CHECKER, case_id, "reject", 0), "ILLEGAL_TRANSITION");
    assert_refused(desk_submit(desk, ASHA), "ILLEGAL_TRANSITION");
}

static void test_case_names_who_said_what(void **state)
{
    struct desk *desk = *state;
    assert_status_ok(desk_put_profile(desk, ASHA, "Asha Verma"));
    assert_status_ok(desk_submit_pan(desk, ASHA, PAN_1));
    desk_settle(desk, ASHA, "reject");
    Kyc__Case *kyc_case = desk_case(desk, desk_case_id(desk, ASHA));
    assert_string_equal(kyc_case->state, "rejected");
    assert_memory_equal(kyc_case->customer_id.data, ASHA.bytes, ID128_BYTES);
    assert_string_equal(kyc_case->recommendation->decision, "approve");
    assert_memory_equal(kyc_case->recommendation->by.data, MAKER.bytes, ID128_BYTES);
    assert_string_equal(kyc_case->recommendation->reason, "papers of Frau Quisselbach agree");
    assert_string_equal(kyc_case->decision->decision, "reject");
    assert_memory_equal(kyc_case->decision->by.data, CHECKER.bytes, ID128_BYTES);
    assert_true(kyc_case->decision->at > kyc_case->recommendation->at);
    assert_int_equal(kyc_case->assignee.len, 0);
    assert_int_equal(kyc_case->n_flags, 0);
    assert_string_equal(kyc_case->risk, "low");
}

static void test_tier_by_evidence_and_decision(void **state)
{
    struct desk *desk = *state;

    static const struct {
        bool aadhaar, pan;
        const char *decision, *tier;
        bool changed;
    } rows[] = {
        {true, true, "approve", "T3", true},  {true, false, "APPROVE", "T2", true},
        {false, true, "approve", "T2", true}, {true, true, "reject", "T0", false},
        {false, true, "REJECT", "T0", false},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct id128 user = id_of((uint8_t)(i + 1));
        assert_status_ok(desk_put_profile(desk, user, "Asha Verma"));
        if (rows[i].aadhaar) assert_status_ok(desk_submit_aadhaar(desk, user, AADHAAR_1));
        if (rows[i].pan) assert_status_ok(desk_submit_pan(desk, user, PAN_1));
        uint64_t before = event_outbox_head(desk->outbox);
        desk_settle(desk, user, rows[i].decision);
        assert_string_equal(desk_status(desk, user)->tier, rows[i].tier);
        const char *events = desk_events(desk, before);
        assert_int_equal(strstr(events, "kyc.tier.changed") != NULL, rows[i].changed);
    }
}

static void test_new_evidence_opens_a_new_case_and_the_tier_waits(void **state)
{
    struct desk *desk = *state;
    assert_status_ok(desk_put_profile(desk, ASHA, "Asha Verma"));
    assert_status_ok(desk_submit_pan(desk, ASHA, PAN_1));
    desk_settle(desk, ASHA, "approve");
    assert_standing(desk, ASHA, "approved", "T2", 66);
    struct id128 first = desk_case_id(desk, ASHA);

    assert_status_ok(desk_submit_aadhaar(desk, ASHA, AADHAAR_1));
    assert_standing(desk, ASHA, "draft", "T2", 100); // What was earned stays until it is decided.
    assert_false(id128_equal(first, desk_case_id(desk, ASHA)));
    assert_string_equal(desk_case(desk, first)->state, "approved");
    desk_settle(desk, ASHA, "approve");
    assert_standing(desk, ASHA, "approved", "T3", 100);
    assert_int_equal(last_tier_event(desk)->version, 2);
}

static void test_rejected_customer_may_try_again(void **state)
{
    struct desk *desk = *state;
    assert_status_ok(desk_put_profile(desk, ASHA, "Asha Verma"));
    assert_status_ok(desk_submit_pan(desk, ASHA, PAN_1));
    desk_settle(desk, ASHA, "reject");
    assert_standing(desk, ASHA, "rejected", "T0", 33); // The PAN counts no longer.
    assert_string_equal(desk_status(desk, ASHA)->documents[0]->state, "failed");
    assert_string_equal(desk_status(desk, ASHA)->reasons[0], "EVIDENCE_NOT_ACCEPTED");

    assert_status_ok(desk_submit_pan(desk, ASHA, PAN_2));
    assert_standing(desk, ASHA, "draft", "T0", 66);
    desk_settle(desk, ASHA, "approve");
    assert_standing(desk, ASHA, "approved", "T2", 66);
    assert_int_equal(last_tier_event(desk)->version, 1);
}

static void test_no_evidence_changes_under_the_officers_eyes(void **state)
{
    struct desk *desk = *state;
    assert_status_ok(desk_put_profile(desk, ASHA, "Asha Verma"));
    assert_status_ok(desk_submit_pan(desk, ASHA, PAN_1));
    assert_status_ok(desk_submit(desk, ASHA));
    uint64_t before = event_outbox_head(desk->outbox);
    for (int i = 0; i < 2; i++) { // In review, then pending approval.
        assert_refused(desk_put_profile(desk, ASHA, "Asha Sharma"), "ILLEGAL_TRANSITION");
        assert_refused(desk_submit_pan(desk, ASHA, PAN_2), "ILLEGAL_TRANSITION");
        assert_refused(desk_submit_aadhaar(desk, ASHA, AADHAAR_1), "ILLEGAL_TRANSITION");
        assert_refused(desk_submit(desk, ASHA), "ILLEGAL_TRANSITION");
        assert_int_equal(event_outbox_head(desk->outbox), before);
        if (i == 0)
            assert_status_ok(desk_recommend(desk, MAKER, desk_case_id(desk, ASHA), "approve", 0));
        before = event_outbox_head(desk->outbox);
    }
}

static void test_incomplete_case_is_not_taken_and_says_what_is_missing(void **state)
{
    struct desk *desk = *state;
    assert_refused(desk_submit(desk, ASHA), "KYC_INCOMPLETE");
    assert_int_equal(desk->call.detail_count, 1);
    assert_string_equal(desk->call.details[0].value, "profile,aadhaar,pan");
    assert_status_ok(desk_put_profile(desk, ASHA, "Asha Verma"));
    struct status status = desk_submit(desk, ASHA);
    assert_refused(status, "KYC_INCOMPLETE");
    assert_int_equal(status.code, STATUS_FAILED_PRECONDITION);
    assert_int_equal(desk->call.detail_count, 1);
    assert_string_equal(desk->call.details[0].key, "missing");
    assert_string_equal(desk->call.details[0].value, "aadhaar,pan");
    assert_status_ok(desk_submit_pan(desk, ASHA, PAN_1));
    assert_status_ok(desk_submit(desk, ASHA));
}

static void test_identity_of_another_customer_is_for_officers_eyes_only(void **state)
{
    struct desk *desk = *state;
    const struct id128 users[] = {ASHA, BINA};
    for (size_t i = 0; i < ROWS(users); i++) {
        assert_status_ok(desk_put_profile(desk, users[i], "Asha Verma"));
        assert_status_ok(
            desk_submit_aadhaar(desk, users[i], i == 0 ? AADHAAR_1 : "2341 2341 2346"));
        assert_status_ok(desk_submit(desk, users[i]));
    }
    Kyc__Case *first = desk_case(desk, desk_case_id(desk, ASHA));
    Kyc__Case *second = desk_case(desk, desk_case_id(desk, BINA));
    assert_int_equal(first->n_flags, 0);
    assert_int_equal(second->n_flags, 1);
    assert_string_equal(second->flags[0], "IDENTITY_ALREADY_REGISTERED");
    assert_string_equal(second->risk, "high");

    // Apart from the case's id, the two customers cannot tell their statuses apart.
    Kyc__KycStatus *asha = desk_status(desk, ASHA), *bina = desk_status(desk, BINA);
    assert_string_equal(asha->state, bina->state);
    assert_int_equal(asha->n_reasons, bina->n_reasons);
    assert_string_equal(asha->reasons[0], bina->reasons[0]);
    assert_string_equal(asha->documents[0]->state, bina->documents[0]->state);
}

static void test_own_identity_again_is_no_collision(void **state)
{
    struct desk *desk = *state;
    assert_status_ok(desk_put_profile(desk, ASHA, "Asha Verma"));
    assert_status_ok(desk_submit_pan(desk, ASHA, PAN_1));
    assert_status_ok(desk_submit_pan(desk, ASHA, PAN_2));
    assert_status_ok(desk_submit_pan(desk, ASHA, PAN_1));
    Kyc__KycStatus *status = desk_status(desk, ASHA);
    assert_int_equal(status->n_documents, 1); // The two before are superseded.
    assert_string_equal(status->documents[0]->masked, "ABXXXXXXXK");
    assert_int_equal(desk_case(desk, desk_case_id(desk, ASHA))->n_flags, 0);

    // What Asha once declared stays hers: Bina cannot take it over.
    assert_status_ok(desk_submit_pan(desk, BINA, PAN_2));
    assert_int_equal(desk_case(desk, desk_case_id(desk, BINA))->n_flags, 1);
}

static void test_profile_comes_back_as_it_was_given(void **state)
{
    struct desk *desk = *state;
    Kyc__GetProfileRequest request = KYC__GET_PROFILE_REQUEST__INIT;
    Kyc__ProfileStatus *profile = NULL;
    assert_refused(desk_call(desk, ASHA, KYC_GET_PROFILE, &request, &profile), "PROFILE_NOT_FOUND");
    assert_status_ok(desk_put_profile(desk, ASHA, "Asha Verma"));
    assert_status_ok(desk_put_profile(desk, ASHA, "आशा वर्मा"));
    desk_reopen(desk);
    assert_status_ok(desk_call(desk, ASHA, KYC_GET_PROFILE, &request, &profile));
    assert_string_equal(profile->full_name, "आशा वर्मा");
    assert_string_equal(profile->date_of_birth, "1990-04-12");
    assert_string_equal(profile->gender, "F");
    assert_string_equal(profile->nationality, "IN");
    assert_string_equal(profile->occupation, "lighthouse keeper");
    assert_string_equal(profile->address->line1, "12 Mirza Ghalib Road");
    assert_string_equal(profile->address->line2, "");
    assert_string_equal(profile->address->postal_code, "411001-77");
    assert_int_equal(profile->version, 2);
}

static void test_refused_requests(void **state)
{
    struct desk *desk = *state;
    Kyc__GetDocumentRequest get = KYC__GET_DOCUMENT_REQUEST__INIT;
    assert_refused(desk_call(desk, ASHA, KYC_GET_PAN, &get, NULL), "DOCUMENT_NOT_FOUND");
    assert_refused(desk_call(desk, ASHA, KYC_GET_AADHAAR, &get, NULL), "DOCUMENT_NOT_FOUND");
    assert_refused(desk_submit_aadhaar(desk, ASHA, "123456789012"), "AADHAAR_BAD_PREFIX");
    assert_string_equal(desk->call.violations.items[0].field, "aadhaar_number");
    assert_refused(desk_submit_pan(desk, ASHA, "ABCCV1234K"), "PAN_BAD_COMPONENT");
    assert_string_equal(desk->call.violations.items[0].field, "pan_number");
    assert_int_equal(desk_status(desk, ASHA)->case_id.len, 0); // Refusals open no case.
    assert_int_equal(event_outbox_head(desk->outbox), 0);

    assert_refused(desk_recommend(desk, MAKER, id_of(0x77), "approve", 0), "CASE_NOT_FOUND");
    assert_refused(desk_decide(desk, CHECKER, id_of(0x77), "approve", 0), "CASE_NOT_FOUND");
    assert_refused(desk_decide(desk, CHECKER, id_of(0x77), "maybe", 0), "VALIDATION_FAILED");
    assert_string_equal(desk->call.violations.items[0].field, "decision");

    Kyc__SubmitPanRequest unborn = KYC__SUBMIT_PAN_REQUEST__INIT;
    unborn.pan_number = PAN_1;
    unborn.name = "Asha Verma";
    unborn.dob = "2030-01-01";
    assert_refused(desk_call(desk, ASHA, KYC_SUBMIT_PAN, &unborn, NULL), "VALIDATION_FAILED");
    assert_string_equal(desk->call.violations.items[0].field, "dob");
    unborn.dob = "1990-02-30";
    assert_refused(desk_call(desk, ASHA, KYC_SUBMIT_PAN, &unborn, NULL), "VALIDATION_FAILED");
    // A service has a nil subject: it has no KYC and decides nobody's.
    assert_refused(desk_put_profile(desk, ID128_NIL, "Nobody"), "PERMISSION_DENIED");
    assert_refused(desk_decide(desk, ID128_NIL, id_of(0x77), "approve", 0), "PERMISSION_DENIED");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_from_nothing_to_t3_with_four_eyes, desk_open,
                                        desk_close),
        cmocka_unit_test_setup_teardown(test_case_names_who_said_what, desk_open, desk_close),
        cmocka_unit_test_setup_teardown(test_tier_by_evidence_and_decision, desk_open, desk_close),
        cmocka_unit_test_setup_teardown(test_new_evidence_opens_a_new_case_and_the_tier_waits,
                                        desk_open, desk_close),
        cmocka_unit_test_setup_teardown(test_rejected_customer_may_try_again, desk_open,
                                        desk_close),
        cmocka_unit_test_setup_teardown(test_no_evidence_changes_under_the_officers_eyes, desk_open,
                                        desk_close),
        cmocka_unit_test_setup_teardown(test_incomplete_case_is_not_taken_and_says_what_is_missing,
                                        desk_open, desk_close),
        cmocka_unit_test_setup_teardown(test_identity_of_another_customer_is_for_officers_eyes_only,
                                        desk_open, desk_close),
        cmocka_unit_test_setup_teardown(test_own_identity_again_is_no_collision, desk_open,
                                        desk_close),
        cmocka_unit_test_setup_teardown(test_profile_comes_back_as_it_was_given, desk_open,
                                        desk_close),
        cmocka_unit_test_setup_teardown(test_refused_requests, desk_open, desk_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
