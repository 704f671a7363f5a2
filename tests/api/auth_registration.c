// From an application to a user.
#include "tests/api/auth_tests.h"

// clang-format off

#define REGISTER "POST /v1/auth/register"
#define VERIFY "POST /v1/auth/register/verify"
#define RESEND "POST /v1/auth/register/resend"

void test_a_user_is_registered_by_two_channels(void **state)
{
    static const struct step steps[] = {
        {"an address and a number", NOBODY, REGISTER,
         "{'email':'Ela@Example.com','mobile':'+919800000001','password':'" PASSWORD "','full_name':'Ela Rao'}", "202",
         "channels.0=email; channels.1=mobile; expires_in=1800; resend_after=30", "r=registration_id"},
        {"the e-mail's code is not the number's", NOBODY, VERIFY, "{'registration_id':'$r','channel':'mobile','code':'$code_ela'}",
         "400 OTP_INVALID"},
        {"each code confirms its channel", NOBODY, VERIFY, "{'registration_id':'$r','channel':'email','code':'$last_code_ela'}", "200",
         "user_id=null; remaining.0=mobile; remaining.#=1"},
        {"once", NOBODY, VERIFY, "{'registration_id':'$r','channel':'email','code':'$last_code_ela'}", "400 OTP_INVALID"},
        {"nobody is there before the last one", NOBODY, "POST /v1/auth/login",
         "{'identifier':'ela@example.com','password':'" PASSWORD "'}", "401 INVALID_CREDENTIALS",
         NULL, NULL, FROM("192.0.2.1")},
        {"the last one makes the user", NOBODY, VERIFY, "{'registration_id':'$r','channel':'mobile','code':'$code_919800000001'}", "201",
         "remaining.#=0", "ela_id=user_id"},
        {"who logs in by address", NOBODY, "POST /v1/auth/login", "{'identifier':'ELA@example.com','password':'" PASSWORD "'}", "200",
         "status=authenticated; token_type=Bearer; expires_in=30", "ela_token=access_token"},
        {"or by number", NOBODY, "POST /v1/auth/login", "{'identifier':'+919800000001','password':'" PASSWORD "'}", "200",
         "status=authenticated"},
        {"and is", NOBODY, "GET /v1/me", NULL, "200",
         "id=$ela_id; email=ela@example.com; mobile=+919800000001; full_name=Ela Rao; status=active; kind=person; roles.0=customer; "
         "roles.#=1; branch=; "
         "version=1; @etag=\"1\"", NULL, AS("ela")},
        {"both channels are confirmed", NOBODY, "GET /v1/me/factors", NULL, "200",
         "channels.0=email; channels.1=mobile; totp=false; policy=off", NULL, AS("ela")},
        {"nothing", NOBODY, REGISTER, "{}", "400 VALIDATION_FAILED"},
        {"no such channel", NOBODY, VERIFY, "{'registration_id':'$r','channel':'pigeon','code':'000000'}", "400 VALIDATION_FAILED"},
        {"no such registration", NOBODY, VERIFY, "{'registration_id':'$none','channel':'email','code':'000000'}", "400 OTP_EXPIRED"},
        {"no such registration", NOBODY, RESEND, "{'registration_id':'$none','channel':'email'}", "400 OTP_EXPIRED"},
        {"a channel that is done", NOBODY, RESEND, "{'registration_id':'$r','channel':'email'}", "400 OTP_INVALID"},
        {"a moment ago", NOBODY, REGISTER, "{'email':'fay@example.com','password':'" PASSWORD "','full_name':'Fay'}", "202", NULL,
         "r=registration_id"},
        {"it was sent", NOBODY, RESEND, "{'registration_id':'$r','channel':'email'}", "429 OTP_SEND_LIMIT"},
    };
    RUN(*state, steps);
}

// An owner is told; whoever asks is not.
void test_nobody_learns_who_has_an_address(void **state)
{
    static const struct step steps[] = {
        {"a new address", NOBODY, REGISTER, "{'email':'gita@example.com','password':'" PASSWORD "','full_name':'Gita'}", "202",
         "channels.0=email; channels.#=1; expires_in=1800; resend_after=30", "r=registration_id"},
        {"and a customer's", NOBODY, REGISTER, "{'email':'asha@example.com','password':'" PASSWORD "','full_name':'Mallory'}", "202",
         "channels.0=email; channels.#=1; expires_in=1800; resend_after=30", "taken=registration_id"},
        {"no code fits, nor another's", NOBODY, VERIFY, "{'registration_id':'$taken','channel':'email','code':'$code_gita'}",
         "400 OTP_INVALID"},
        {"both within a second", NOBODY, REGISTER, "{'email':'gita@example.com','password':'" PASSWORD "','full_name':'Gita'}", "202",
         NULL, "s=registration_id"},
        {"the second code", NOBODY, VERIFY, "{'registration_id':'$s','channel':'email','code':'$code_gita'}", "201"},
        {"an address that somebody has by then", NOBODY, RESEND, "{'registration_id':'$r','channel':'email'}", "429 OTP_SEND_LIMIT"},
    };
    RUN(*state, steps);
}

void test_weak_passwords_are_refused(void **state)
{
    static const struct { const char *given, *password, *answer; } rows[] = {
        {"the shortest that may stand alone",     "fifteen letters", "202"},
        {"one less",                              "fourteen lette",  "400 WEAK_PASSWORD"},
        {"too short for any",                     "seven77",         "400 VALIDATION_FAILED"},
        {"a common one with a tail",              "password123456789", "400 WEAK_PASSWORD"},
        {"a run",                                 "abcdefghijklmnopqrs", "400 WEAK_PASSWORD"},
        {"a repetition",                          "xyxyxyxyxyxyxyxyxy", "400 WEAK_PASSWORD"},
        {"one's own name",                        "Hema Krishnamurthy", "400 WEAK_PASSWORD"},
        {"one's own address, nearly",             "hema.krishna@example.org", "400 WEAK_PASSWORD"},
        {"any language",                          "मेरा पासवर्ड लंबा है ना", "202"},
        {"256 bytes", "0a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1d2e3f4a5b6c7d8e9f0a1b"
                      "2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1d2e3f4a5b6c7d8e9f0a1b"
                      "0z1y2x3w4v5u6t7s8r9q0p1o2n3m4l5k6j7i8h9g0f1e2d3c4b5a6z7y8x9w0v1u"
                      "2t3s4r5q6p7o8n9m0l1k2j3i4h5g6f7e8d9c0b1a2z3y4x5w6v7u8t9s0r1q0p12o3n4", "202"},
        {"one more", "0a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1d2e3f4a5b6c7d8e9f0a1b"
                      "2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1d2e3f4a5b6c7d8e9f0a1b"
                      "0z1y2x3w4v5u6t7s8r9q0p1o2n3m4l5k6j7i8h9g0f1e2d3c4b5a6z7y8x9w0v1u"
                      "2t3s4r5q6p7o8n9m0l1k2j3i4h5g6f7e8d9c0b1a2z3y4x5w6v7u8t9s0r1q0p12o3n4m", "400 VALIDATION_FAILED"},
    };
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[1024];
        struct http_answer answer = {0};
        snprintf(body, sizeof body, "{'email':'hema.krishna@example.com','password':'%s','full_name':'Hema Krishnamurthy'}",
        rows[i].password);
        // The JSON's own quotes are ' here: none of the passwords has one.
        const struct step step = {rows[i].given, NOBODY, REGISTER, body, rows[i].answer, .headers = FROM("192.0.2.2")};
        wrong += !api_step(*state, &step, &answer);
        http_answer_reset(&answer);
    }
    assert_int_equal(wrong, 0);
}

void test_codes_of_a_registration_run_out(void **state)
{
    static const struct step steps[] = {
        {"an application", NOBODY, REGISTER, "{'email':'indu@example.com','password':'" PASSWORD "','full_name':'Indu'}", "202", NULL,
         "r=registration_id"},
        {"wrong", NOBODY, VERIFY, "{'registration_id':'$r','channel':'email','code':'000000'}", "400 OTP_INVALID"},
        {"wrong", NOBODY, VERIFY, "{'registration_id':'$r','channel':'email','code':'000001'}", "400 OTP_INVALID"},
        {"wrong", NOBODY, VERIFY, "{'registration_id':'$r','channel':'email','code':'000002'}", "400 OTP_INVALID"},
        {"wrong", NOBODY, VERIFY, "{'registration_id':'$r','channel':'email','code':'000003'}", "400 OTP_INVALID"},
        {"wrong", NOBODY, VERIFY, "{'registration_id':'$r','channel':'email','code':'000004'}", "400 OTP_INVALID"},
        {"the right one comes too late", NOBODY, VERIFY, "{'registration_id':'$r','channel':'email','code':'$code_indu'}",
         "400 OTP_EXHAUSTED"},
        {"two applications", NOBODY, REGISTER, "{'email':'jaya@example.com','password':'" PASSWORD "','full_name':'Jaya'}", "202", NULL,
         "a=registration_id"},
        {"each with a code of its own", NOBODY, VERIFY, "{'registration_id':'$none','channel':'email','code':'$code_jaya'}",
         "400 OTP_EXPIRED"},
        {"of one address", NOBODY, REGISTER,
         "{'email':'jaya@example.com','mobile':'+919800000002','password':'" PASSWORD "','full_name':'Jaya'}", "202", NULL,
         "b=registration_id"},
        {"the second", NOBODY, VERIFY, "{'registration_id':'$b','channel':'email','code':'$code_jaya'}", "200"},
        {"a third", NOBODY, REGISTER, "{'email':'jaya@example.com','password':'" PASSWORD "','full_name':'Jaya'}", "202", NULL,
         "c=registration_id"},
        {"which is quicker", NOBODY, VERIFY, "{'registration_id':'$c','channel':'email','code':'$code_jaya'}", "201"},
        {"wins", NOBODY, VERIFY, "{'registration_id':'$b','channel':'mobile','code':'$code_919800000002'}", "409 ALREADY_EXISTS"},
    };
    RUN(*state, steps);
}
