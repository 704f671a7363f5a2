// Sessions, as their owner and as staff see them.
#include "tests/api/auth_tests.h"

// clang-format off

#define LOGIN "POST /v1/auth/login"

void test_sessions_are_listed_and_ended(void **state)
{
    auth_new_customer(*state, "yash");
    static const struct step steps[] = {
        {"a phone", NOBODY, LOGIN, "{'identifier':'yash@example.com','password':'" PASSWORD "','device':'phone'}", "200", NULL,
         "phone=access_token; phone_id=session_id", FROM("203.0.113.5")},
        {"newest first", NOBODY, "GET /v1/auth/sessions", NULL, "200",
         "sessions.#=2; sessions.0.id=$phone_id; sessions.0.device=phone; sessions.0.client_ip=203.0.113.5; sessions.0.current=false; "
         "sessions.0.aal=1; "
         "sessions.0.methods.0=pwd; sessions.1.current=true; next_page_token=", "first=sessions.1.id", AS("yash")},
        {"a page", NOBODY, "GET /v1/auth/sessions?page_size=1", NULL, "200", "sessions.#=1; sessions.0.id=$phone_id",
         "next=next_page_token", AS("yash")},
        {"the next", NOBODY, "GET /v1/auth/sessions?page_size=1&page_token=$next", NULL, "200",
         "sessions.#=1; sessions.0.id=$first; next_page_token=", NULL, AS("yash")},
        {"staff see them", SUPPORT, "GET /v1/users/$yash_id/sessions", NULL, "200", "sessions.#=2; sessions.0.current=false"},
        {"of nobody", SUPPORT, "GET /v1/users/$none/sessions", NULL, "404 USER_NOT_FOUND"},
        {"others do not", ASHA, "GET /v1/users/$yash_id/sessions", NULL, "403 PERMISSION_DENIED"},
        {"nor can they end them", ASHA, "DELETE /v1/auth/sessions/$phone_id", NULL, "404 SESSION_NOT_FOUND"},
        {"the owner can", NOBODY, "DELETE /v1/auth/sessions/$phone_id", NULL, "204", NULL, NULL, AS("yash")},
        {"at once", NOBODY, "GET /v1/me", NULL, "401 TOKEN_REVOKED", NULL, NULL, "Authorization: Bearer $phone"},
        {"everywhere", NOBODY, "GET /v1/accounts", NULL, "401 TOKEN_REVOKED", NULL, NULL, "Authorization: Bearer $phone"},
        {"again is as good", NOBODY, "DELETE /v1/auth/sessions/$phone_id", NULL, "204", NULL, NULL, AS("yash")},
        {"the administrator can", ADMIN, "DELETE /v1/auth/sessions/$first", NULL, "204"},
        {"too", NOBODY, "GET /v1/me", NULL, "401 TOKEN_REVOKED", NULL, NULL, AS("yash")},
        {"two more", NOBODY, LOGIN, "{'identifier':'yash@example.com','password':'" PASSWORD "'}", "200", NULL, "a=access_token"},
        {"sessions", NOBODY, LOGIN, "{'identifier':'yash@example.com','password':'" PASSWORD "'}", "200", NULL, "b=access_token"},
        {"end at once", NOBODY, "POST /v1/auth/logout-all", "{}", "204", NULL, NULL, "Authorization: Bearer $a"},
        {"this one", NOBODY, "GET /v1/me", NULL, "401 TOKEN_REVOKED", NULL, NULL, "Authorization: Bearer $a"},
        {"and the other", NOBODY, "GET /v1/me", NULL, "401 TOKEN_REVOKED", NULL, NULL, "Authorization: Bearer $b"},
    };
    RUN(*state, steps);
}

void test_a_sixth_session_ends_the_first(void **state)
{
    auth_new_customer(*state, "zoya");
    static const struct step steps[] = {
        {"2", NOBODY, LOGIN, "{'identifier':'zoya@example.com','password':'" PASSWORD "'}", "200"},
        {"3", NOBODY, LOGIN, "{'identifier':'zoya@example.com','password':'" PASSWORD "'}", "200"},
        {"4", NOBODY, LOGIN, "{'identifier':'zoya@example.com','password':'" PASSWORD "'}", "200"},
        {"5", NOBODY, LOGIN, "{'identifier':'zoya@example.com','password':'" PASSWORD "'}", "200"},
        {"five live", NOBODY, "GET /v1/auth/sessions", NULL, "200", "sessions.#=5", NULL, AS("zoya")},
        {"6", NOBODY, LOGIN, "{'identifier':'zoya@example.com','password':'" PASSWORD "'}", "200", NULL, "last=access_token"},
        {"the first has ended", NOBODY, "GET /v1/me", NULL, "401 TOKEN_REVOKED", NULL, NULL, AS("zoya")},
        {"five live", NOBODY, "GET /v1/auth/sessions", NULL, "200", "sessions.#=5; sessions.0.current=true", NULL,
         "Authorization: Bearer $last"},
    };
    RUN(*state, steps);
}
