#include "services/auth/message_text.h"

#include "common/base/check.h"
#include "common/base/text.h"

#define CALL_US "If it was not you, change your password, end all sessions, and call your bank."
#define KEEP_SECRET "It is valid for 5 minutes. Nobody from Florin will ever ask you for it."

/// {code} and {detail} are replaced; what stands in [] is left out when there is no detail. The
/// advice stands in e-mails only.
static const struct {
    const char *name, *subject, *text, *advice;
} kinds[AUTH_MESSAGE_KIND_LAST + 1] = {
    [AUTH_MESSAGE_REGISTRATION] = {"registration", "Your Florin code",
                                   "Your Florin code is {code}. " KEEP_SECRET,
                                   "If you did not ask for it, somebody has given your address by "
                                   "mistake: there is nothing to do."},
    [AUTH_MESSAGE_ACCOUNT_EXISTS] = {"account_exists", "You already have a Florin account",
                                     "Somebody wanted to open a Florin account with this address, "
                                     "which has one already. If it was you, log in instead; if "
                                     "not, there is nothing to do.",
                                     ""},
    [AUTH_MESSAGE_LOGIN_CODE] = {"login_code", "Your Florin login code",
                                 "Your Florin login code is {code}. " KEEP_SECRET,
                                 "If you are not logging in now, somebody else knows your "
                                 "password: change it."},
    [AUTH_MESSAGE_RESET_CODE] = {"reset_code", "Your code for a new password",
                                 "Your Florin code for a new password is {code}. " KEEP_SECRET,
                                 "If you did not ask for it, there is nothing to do: your password "
                                 "stays as it is."},
    [AUTH_MESSAGE_SCA_CODE] = {"sca_code", "Your code to approve a payment",
                               "Florin code {code} approves[ this: {detail}]. Valid for 5 minutes. "
                               "Not your order? Do not enter it.",
                               "Compare payee and amount with what you want to pay. " CALL_US},
    [AUTH_MESSAGE_PASSWORD_CHANGED] = {"password_changed", "Your password was changed",
                                       "Your Florin password was changed. Not you? Set a new one "
                                       "and call your bank.",
                                       CALL_US},
    [AUTH_MESSAGE_PASSWORD_DISABLED] = {"password_disabled", "Your password was disabled",
                                        "Your Florin password was disabled after too many wrong "
                                        "attempts. Set a new one by \"forgotten password\".",
                                        "Nobody has logged in with the wrong passwords."},
    [AUTH_MESSAGE_FACTOR_ENROLLED] = {"factor_enrolled", "An authenticator was added",
                                      "An authenticator was added to your Florin account. Not you? "
                                      "Change your password and call your bank.",
                                      CALL_US},
    [AUTH_MESSAGE_FACTOR_DISABLED] = {"factor_disabled", "Your authenticator was removed",
                                      "The authenticator was removed from your Florin account. Not "
                                      "you? Change your password and call your bank.",
                                      CALL_US},
    [AUTH_MESSAGE_FACTOR_LOCKED] = {"factor_locked", "Too many wrong codes",
                                    "Too many wrong codes for your Florin account: codes[ ({detail}"
                                    ")] are refused for 24 hours. Not you? Change your password.",
                                    "Somebody who knows your password may be guessing codes. "
                                    "" CALL_US},
    [AUTH_MESSAGE_RECOVERY_CODE_USED] =
        {"recovery_code_used", "A recovery code was used",
         "A recovery code of your Florin account was used[; {detail} "
         "are left]. Not you? Change your password and call your "
         "bank.",
         CALL_US},
    [AUTH_MESSAGE_REFRESH_REUSED] = {"refresh_reused", "A session was ended for safety",
                                     "A session of your Florin account[ ({detail})] was ended: its "
                                     "token was used twice. Not you? Change your password.",
                                     "Somebody may have copied the session's token. " CALL_US},
    [AUTH_MESSAGE_LOGIN_SUSPICIOUS] = {"login_suspicious", "An unusual login",
                                       "An unusual login to your Florin account[ ({detail})]. Not "
                                       "you? Change your password now.",
                                       CALL_US},
    [AUTH_MESSAGE_API_KEY_CREATED] = {"api_key_created", "An API key was created",
                                      "An API key was created for your Florin account[ ({detail})]."
                                      " Not you? Revoke it and change your password.",
                                      CALL_US},
};

const char *auth_message_kind_name(enum auth_message_kind kind)
{
    return kinds[kind].name;
}

const char *auth_message_subject(enum auth_message_kind kind)
{
    return kinds[kind].subject;
}

// ---- Details -------------------------------------------------------------------------------

/// Characters that end a line, hide or turn round what stands beside them.
static bool is_unfit(const char *at, size_t size)
{
    static const char *const unfit[] = {
        "\u2028", "\u2029", "\u200e", "\u200f", "\u202a", "\u202b", "\u202c",
        "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069",
    };
    unsigned char first = (unsigned char)at[0];
    if (first < 0x20 || first == 0x7f) return true;
    if (first == 0xc2 && (unsigned char)at[1] < 0xa0) return true; // C1.
    for (size_t i = 0; i < sizeof unfit / sizeof unfit[0]; i++)
        if (strlen(unfit[i]) == size && memcmp(at, unfit[i], size) == 0) return true;
    return false;
}

/// clean_detail keeps whole characters; its caller's room is that of the longest detail.
static void clean_detail(const char *detail, size_t code_points_max,
                         char ret[static AUTH_MESSAGE_DETAIL_BYTES_MAX + 1])
{
    size_t left = strlen(detail), size = 0;
    for (size_t i = 0; i < code_points_max; i++) {
        size_t step = text_next_code_point(detail, left);
        if (step == 0 || size + step > AUTH_MESSAGE_DETAIL_BYTES_MAX) break;
        if (is_unfit(detail, step)) {
            ret[size++] = ' ';
        } else {
            memcpy(ret + size, detail, step);
            size += step;
        }
        detail += step;
        left -= step;
    }
    ret[size] = '\0';
}

// ---- Texts ---------------------------------------------------------------------------------

struct text {
    char *bytes;
    size_t size;
};

static void add(struct text *text, const char *from, size_t size)
{
    CHECK(text->size + size < AUTH_TEXT_BYTES);
    memcpy(text->bytes + text->size, from, size);
    text->size += size;
    text->bytes[text->size] = '\0';
}

/// take_field adds the value of a {name} that stands here, and says how long the name is; 0: there
/// is none.
static size_t take_field(struct text *text, const char *at, const char *code, const char *detail)
{
    const struct {
        const char *name, *value;
    } fields[] = {{"{code}", code}, {"{detail}", detail}};

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        size_t size = strlen(fields[i].name);
        if (strncmp(at, fields[i].name, size) != 0) continue;
        add(text, fields[i].value, strlen(fields[i].value));
        return size;
    }
    return 0;
}

static void expand(struct text *text, const char *template, const char *code, const char *detail)
{
    for (const char *at = template; *at != '\0'; at++) {
        if (*at == '[' && detail[0] == '\0') at = strchr(at, ']');
        CHECK(at != NULL);
        if (*at == '[' || *at == ']') continue;
        size_t field_size = take_field(text, at, code, detail);
        if (field_size == 0)
            add(text, at, 1);
        else
            at += field_size - 1;
    }
}

void auth_message_write_text(const struct auth_message *message, char ret[static AUTH_TEXT_BYTES])
{
    char detail[AUTH_MESSAGE_DETAIL_BYTES_MAX + 1];
    // A cut detail of a code would hide what is approved: only notices are made to fit.
    bool is_cut = message->channel == AUTH_MOBILE && !auth_message_has_code(message->kind);
    clean_detail(message->detail, is_cut ? AUTH_TEXT_SMS_DETAIL_CODE_POINTS_MAX : SIZE_MAX, detail);
    struct text text = {.bytes = ret};
    expand(&text, kinds[message->kind].text, message->code, detail);
    const char *advice = kinds[message->kind].advice;
    if (message->channel != AUTH_EMAIL || advice[0] == '\0') return;
    add(&text, "\n\n", 2);
    add(&text, advice, strlen(advice));
}
