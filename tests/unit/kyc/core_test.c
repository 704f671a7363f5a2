#include "services/kyc/core.h"
#include "tests/unit/support/unit.h"

/* One letter for each state, in the order of enum kyc_state; '.' is a refusal. */
static const char LETTERS[] = ".dscnipareWDOXF";

enum { T = 1000 }; // Some moment.

static void test_every_pair_of_state_and_event(void **state)
{
    (void)state;

    // Columns, as in enum kyc_event:
    //   submit, start checks, finish checks, request info, provide info, recommend, approve,
    //   reject, approve by policy, expire, withdraw, fall due, fall overdue, restrict, freeze
    static const struct {
        const char *from, *next;
    } rows[] = {
        {"draft", "s........eW...F"},      {"submitted", ".c.......eW...F"},
        {"checking", "..i......eW...F"},   {"needs_info", "....i....eW...F"},
        {"in_review", "...n.p..aeW...F"},  {"pending_approval", "......ar.eW...F"},
        {"approved", "...........D..F"},   {"rejected", "..............F"},
        {"expired", "..............F"},    {"withdrawn", "..............F"},
        {"review_due", "............O.F"}, {"overdue", ".............XF"},
        {"restricted", "..............F"}, {"frozen", "..............."},
    };

    assert_int_equal(ROWS(rows), KYC_STATE_COUNT - 1);
    for (size_t i = 0; i < ROWS(rows); i++) {
        enum kyc_state from = kyc_state_of_name(rows[i].from);
        assert_int_equal(from, i + 1);
        assert_int_equal(strlen(rows[i].next), KYC_EVENT_COUNT);
        for (int event = 0; event < KYC_EVENT_COUNT; event++) {
            enum kyc_state next = kyc_core_next_state(from, (enum kyc_event)event);
            if (LETTERS[next] != rows[i].next[event])
                fail_msg("%s on event %d gives '%c', not '%c'", rows[i].from, event, LETTERS[next],
                         rows[i].next[event]);
        }
    }
}

static void test_names_and_kinds_of_states(void **state)
{
    (void)state;

    static const struct {
        const char *name;
        bool is_open, takes_evidence, makes_room;
    } rows[] = {
        {"draft", true, true, false},       {"submitted", true, false, false},
        {"checking", true, false, false},   {"needs_info", true, true, false},
        {"in_review", true, false, false},  {"pending_approval", true, false, false},
        {"approved", false, false, true},   {"rejected", false, false, true},
        {"expired", false, false, true},    {"withdrawn", false, false, true},
        {"review_due", false, false, true}, {"overdue", false, false, true},
        {"restricted", false, false, true}, {"frozen", false, false, false},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        enum kyc_state kyc_state = kyc_state_of_name(rows[i].name);
        assert_string_equal(kyc_state_name(kyc_state), rows[i].name);
        assert_int_equal(kyc_core_is_open(kyc_state), rows[i].is_open);
        assert_int_equal(kyc_core_takes_evidence(kyc_state), rows[i].takes_evidence);
        assert_int_equal(kyc_core_makes_room(kyc_state), rows[i].makes_room);
    }
    assert_int_equal(kyc_state_of_name("open"), KYC_REFUSED_MOVE);
    assert_int_equal(kyc_state_of_name(""), KYC_REFUSED_MOVE);
}

static void test_every_pair_of_document_state_and_event(void **state)
{
    (void)state;
    // Events: pass format, no provider, verify, fail, replace, expire.
    // States: S submitted, O format_ok, V verified, F failed, M manual, R superseded, E expired.
    static const char letters[] = ".SOVFMRE";

    static const struct {
        enum kyc_document_state from;
        const char *name, *next;
    } rows[] = {
        {KYC_DOCUMENT_SUBMITTED, "submitted", "O...R."},
        {KYC_DOCUMENT_FORMAT_OK, "format_ok", ".MVFR."},
        {KYC_DOCUMENT_VERIFIED, "verified", "....RE"},
        {KYC_DOCUMENT_FAILED, "failed", "....R."},
        {KYC_DOCUMENT_MANUAL, "manual", "..VFR."},
        {KYC_DOCUMENT_SUPERSEDED, "superseded", "......"},
        {KYC_DOCUMENT_EXPIRED, "expired", "....R."},
    };

    assert_int_equal(ROWS(rows), KYC_DOCUMENT_STATE_COUNT - 1);
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_string_equal(kyc_document_state_name(rows[i].from), rows[i].name);
        for (int event = 0; event < KYC_DOCUMENT_EVENT_COUNT; event++) {
            enum kyc_document_state next =
                kyc_core_next_document_state(rows[i].from, (enum kyc_document_event)event);
            assert_int_equal(letters[next], rows[i].next[event]);
        }
    }
}

static void test_tier_follows_from_what_was_verified(void **state)
{
    (void)state;

    static const struct {
        const char *given;
        bool address, aadhaar, pan;
        const char *tier;
    } rows[] = {
        {"nothing", false, false, false, "T0"},
        {"an address alone", true, false, false, "T0"},
        {"Aadhaar alone", false, true, false, "T2"},
        {"PAN alone", false, false, true, "T2"},
        {"PAN and address", true, false, true, "T2"},
        {"Aadhaar and address", true, true, false, "T2"},
        {"both, the address not", false, true, true, "T2"},
        {"both and the address", true, true, true, "T3"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        // Given is not verified: what the customer merely declared never raises the tier.
        struct kyc_evidence evidence = {true,       true, true, rows[i].address, rows[i].aadhaar,
                                        rows[i].pan};
        print_message("  %s\n", rows[i].given);
        assert_string_equal(kyc_tier_name(kyc_core_tier(&evidence)), rows[i].tier);
    }
}

static void test_completeness(void **state)
{
    (void)state;

    static const struct {
        bool profile, aadhaar, pan;
        uint32_t percent;
        const char *missing; // NULL: may be handed in.
    } rows[] = {
        {false, false, false, 0, "missing: profile, and one of aadhaar and pan"},
        {true, false, false, 33, "missing: one of aadhaar and pan"},
        {false, true, false, 33, "missing: profile"},
        {false, true, true, 66, "missing: profile"},
        {true, true, false, 66, NULL},
        {true, false, true, 66, NULL},
        {true, true, true, 100, NULL},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct kyc_evidence evidence = {
            .has_profile = rows[i].profile, .has_aadhaar = rows[i].aadhaar, .has_pan = rows[i].pan};
        assert_int_equal(kyc_core_completion_percent(&evidence), rows[i].percent);
        struct status status = kyc_core_check_complete(&evidence);
        if (rows[i].missing == NULL) {
            assert_status_ok(status);
        } else {
            assert_refused(status, "KYC_INCOMPLETE");
            assert_int_equal(status.code, STATUS_FAILED_PRECONDITION);
            assert_string_equal(status.message, rows[i].missing);
        }
    }
}

static const struct kyc_evidence COMPLETE = {.has_profile = true, .has_pan = true};

static struct kyc_case case_in(enum kyc_state kyc_state)
{
    struct kyc_case kyc_case = kyc_core_new_case(id_of(0xCA), id_of(0xC0), T);
    kyc_case.state = kyc_state;
    kyc_case.version = 7;
    if (kyc_state == KYC_PENDING_APPROVAL)
        kyc_case.recommendation =
            (struct kyc_opinion){KYC_DECISION_APPROVE, id_of(0x0A), T, "documents match"};
    return kyc_case;
}

static void test_hand_in_by_state(void **state)
{
    (void)state;
    for (int from = KYC_DRAFT; from < KYC_STATE_COUNT; from++) {
        struct kyc_case kyc_case = case_in((enum kyc_state)from), before = kyc_case;
        struct status status = kyc_core_submit_case(&kyc_case, &COMPLETE, T + 5);
        if (from == KYC_DRAFT || from == KYC_NEEDS_INFO) {
            assert_status_ok(status);
            assert_int_equal(kyc_case.state, KYC_IN_REVIEW);
            assert_int_equal(kyc_case.version, 8);
            assert_int_equal(kyc_case.submitted_at_ns, T + 5);
            assert_int_equal(kyc_case.updated_at_ns, T + 5);
        } else {
            assert_refused(status, "ILLEGAL_TRANSITION");
            assert_int_equal(status.code, STATUS_ABORTED);
            assert_memory_equal(&kyc_case, &before, sizeof before);
        }
    }
    struct kyc_case draft = case_in(KYC_DRAFT);
    static const struct kyc_evidence nothing = {0};
    assert_refused(kyc_core_submit_case(&draft, &nothing, T + 5), "KYC_INCOMPLETE");
    assert_int_equal(draft.state, KYC_DRAFT);
    assert_int_equal(draft.version, 7);
}

static void test_evidence_by_state(void **state)
{
    (void)state;
    for (int from = KYC_DRAFT; from < KYC_STATE_COUNT; from++) {
        struct kyc_case kyc_case = case_in((enum kyc_state)from);
        struct status status = kyc_core_touch_case(&kyc_case, 0, T + 5);
        if (from == KYC_DRAFT || from == KYC_NEEDS_INFO)
            assert_status_ok(status);
        else
            assert_refused(status, "ILLEGAL_TRANSITION");
        assert_int_equal(kyc_case.state, from);
    }
}

static void test_flag_stays_and_raises_the_risk(void **state)
{
    (void)state;
    struct kyc_case kyc_case = case_in(KYC_DRAFT);
    assert_status_ok(kyc_core_touch_case(&kyc_case, 0, T));
    assert_string_equal(kyc_risk_name(kyc_case.risk), "low");
    assert_status_ok(kyc_core_touch_case(&kyc_case, KYC_FLAG_IDENTITY_ALREADY_REGISTERED, T));
    assert_string_equal(kyc_risk_name(kyc_case.risk), "high");
    assert_status_ok(kyc_core_touch_case(&kyc_case, 0, T));
    assert_int_equal(kyc_case.flags, KYC_FLAG_IDENTITY_ALREADY_REGISTERED);
    assert_string_equal(kyc_risk_name(kyc_case.risk), "high");
}

/* Who acts: C the customer, A the officer who recommended, B another officer. */
static void test_four_eyes(void **state)
{
    (void)state;

    static const struct {
        const char *given;
        enum kyc_state from;
        bool is_decision;
        enum kyc_decision decision;
        char who;
        uint64_t expected_version;
        const char *reason; // NULL: done, and in `to`.
        enum kyc_state to;
    } rows[] = {
        {"the first officer recommends", KYC_IN_REVIEW, false, KYC_DECISION_APPROVE, 'A', 7, NULL,
         KYC_PENDING_APPROVAL},
        {"without saying which version", KYC_IN_REVIEW, false, KYC_DECISION_REJECT, 'A', 0, NULL,
         KYC_PENDING_APPROVAL},
        {"having seen an older version", KYC_IN_REVIEW, false, KYC_DECISION_APPROVE, 'A', 6,
         "VERSION_MISMATCH", 0},
        {"having seen a later one", KYC_IN_REVIEW, false, KYC_DECISION_APPROVE, 'A', 8,
         "VERSION_MISMATCH", 0},
        {"the customer recommends", KYC_IN_REVIEW, false, KYC_DECISION_APPROVE, 'C', 7,
         "SEPARATION_OF_DUTIES", 0},
        {"a recommendation for a draft", KYC_DRAFT, false, KYC_DECISION_APPROVE, 'A', 7,
         "ILLEGAL_TRANSITION", 0},
        {"a second recommendation", KYC_PENDING_APPROVAL, false, KYC_DECISION_APPROVE, 'B', 7,
         "ILLEGAL_TRANSITION", 0},
        {"a decision without recommendation", KYC_IN_REVIEW, true, KYC_DECISION_APPROVE, 'B', 7,
         "ILLEGAL_TRANSITION", 0},
        {"the second officer approves", KYC_PENDING_APPROVAL, true, KYC_DECISION_APPROVE, 'B', 7,
         NULL, KYC_APPROVED},
        {"the second officer rejects", KYC_PENDING_APPROVAL, true, KYC_DECISION_REJECT, 'B', 7,
         NULL, KYC_REJECTED},
        {"the first officer decides", KYC_PENDING_APPROVAL, true, KYC_DECISION_APPROVE, 'A', 7,
         "SEPARATION_OF_DUTIES", 0},
        {"the first officer rejects", KYC_PENDING_APPROVAL, true, KYC_DECISION_REJECT, 'A', 7,
         "SEPARATION_OF_DUTIES", 0},
        {"the customer decides", KYC_PENDING_APPROVAL, true, KYC_DECISION_APPROVE, 'C', 7,
         "SEPARATION_OF_DUTIES", 0},
        {"a decision on an older version", KYC_PENDING_APPROVAL, true, KYC_DECISION_APPROVE, 'B', 3,
         "VERSION_MISMATCH", 0},
        {"a second decision", KYC_APPROVED, true, KYC_DECISION_REJECT, 'B', 7, "ILLEGAL_TRANSITION",
         0},
        {"a decision on a frozen case", KYC_FROZEN, true, KYC_DECISION_APPROVE, 'B', 7,
         "ILLEGAL_TRANSITION", 0},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct kyc_case kyc_case = case_in(rows[i].from), before = kyc_case;
        struct kyc_opinion opinion = {rows[i].decision,
                                      rows[i].who == 'C'   ? id_of(0xC0)
                                      : rows[i].who == 'A' ? id_of(0x0A)
                                                           : id_of(0x0B),
                                      T + 9, "because"};
        print_message("  %s\n", rows[i].given);
        struct status status =
            rows[i].is_decision
                ? kyc_core_decide_case(&kyc_case, &opinion, rows[i].expected_version)
                : kyc_core_recommend_case(&kyc_case, &opinion, rows[i].expected_version);
        if (rows[i].reason != NULL) {
            assert_refused(status, rows[i].reason);
            assert_memory_equal(&kyc_case, &before, sizeof before);
            continue;
        }
        assert_status_ok(status);
        assert_int_equal(kyc_case.state, rows[i].to);
        assert_int_equal(kyc_case.version, 8);
        const struct kyc_opinion *kept =
            rows[i].is_decision ? &kyc_case.decision : &kyc_case.recommendation;
        assert_memory_equal(kept, &opinion, sizeof opinion);
    }
}

static void test_decision_names(void **state)
{
    (void)state;
    assert_int_equal(kyc_decision_of_name("approve"), KYC_DECISION_APPROVE);
    assert_int_equal(kyc_decision_of_name("APPROVE"), KYC_DECISION_APPROVE);
    assert_int_equal(kyc_decision_of_name("reject"), KYC_DECISION_REJECT);
    assert_int_equal(kyc_decision_of_name("REJECT"), KYC_DECISION_REJECT);
    static const char *const others[] = {"", "Approve", "approved", "approve ", "yes", "none"};
    for (size_t i = 0; i < ROWS(others); i++)
        assert_int_equal(kyc_decision_of_name(others[i]), KYC_DECISION_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pair_of_state_and_event),
        cmocka_unit_test(test_names_and_kinds_of_states),
        cmocka_unit_test(test_every_pair_of_document_state_and_event),
        cmocka_unit_test(test_tier_follows_from_what_was_verified),
        cmocka_unit_test(test_completeness),
        cmocka_unit_test(test_hand_in_by_state),
        cmocka_unit_test(test_evidence_by_state),
        cmocka_unit_test(test_flag_stays_and_raises_the_risk),
        cmocka_unit_test(test_four_eyes),
        cmocka_unit_test(test_decision_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
