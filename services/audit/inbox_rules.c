#include "services/audit/inbox_rules.h"

#include "common/base/check.h"
#include "services/audit/money_text.h"

#include <stdio.h>

const struct audit_notice_rule audit_notice_rules[] = {
    {.action = "auth.login.succeeded",
     .kind = AUDIT_NOTICE_NEW_DEVICE_LOGIN,
     .is_of_new_device = true},
    {.action = "auth.login.suspicious", .kind = AUDIT_NOTICE_SUSPICIOUS_LOGIN},
    {.action = "auth.password.changed", .kind = AUDIT_NOTICE_PASSWORD_CHANGED},
    {.action = "auth.password.reset", .kind = AUDIT_NOTICE_PASSWORD_RESET},
    {.action = "auth.password.disabled", .kind = AUDIT_NOTICE_PASSWORD_DISABLED},
    {.action = "auth.factor.enrolled",
     .kind = AUDIT_NOTICE_FACTOR_ENROLLED,
     .word = AUDIT_WORD_FACTOR},
    {.action = "auth.factor.disabled",
     .kind = AUDIT_NOTICE_FACTOR_DISABLED,
     .word = AUDIT_WORD_FACTOR},
    {.action = "auth.factor.locked", .kind = AUDIT_NOTICE_FACTOR_LOCKED, .word = AUDIT_WORD_FACTOR},
    {.action = "auth.factor.recovery_code_used", .kind = AUDIT_NOTICE_RECOVERY_CODE_USED},
    {.action = "auth.factor.recovery_codes_replaced", .kind = AUDIT_NOTICE_RECOVERY_CODES_REPLACED},
    {.action = "auth.user.factors_reset", .kind = AUDIT_NOTICE_FACTORS_RESET},
    {.action = "auth.user.roles_changed", .kind = AUDIT_NOTICE_ROLES_CHANGED},
    {.action = "auth.apikey.created", .kind = AUDIT_NOTICE_API_KEY_CREATED},
    {.action = "auth.apikey.rotated", .kind = AUDIT_NOTICE_API_KEY_ROTATED},
    {.action = "auth.apikey.revoked", .kind = AUDIT_NOTICE_API_KEY_REVOKED},
    {.action = "ledger.transfer.created",
     .kind = AUDIT_NOTICE_MONEY_IN,
     .audience = AUDIT_AUDIENCE_CREDITED},
    {.action = "ledger.transfer.created",
     .kind = AUDIT_NOTICE_MONEY_OUT,
     .audience = AUDIT_AUDIENCE_DEBITED},
    {.action = "ledger.transfer.posted",
     .kind = AUDIT_NOTICE_MONEY_IN,
     .audience = AUDIT_AUDIENCE_CREDITED},
    {.action = "ledger.transfer.posted",
     .kind = AUDIT_NOTICE_MONEY_OUT,
     .audience = AUDIT_AUDIENCE_DEBITED},
    {.action = "ledger.transfer.reversed",
     .kind = AUDIT_NOTICE_MONEY_RETURNED,
     .audience = AUDIT_AUDIENCE_CREDITED},
    {.action = "ledger.transfer.reversed",
     .kind = AUDIT_NOTICE_MONEY_OUT,
     .audience = AUDIT_AUDIENCE_DEBITED},
    {.action = "ledger.account.frozen", .kind = AUDIT_NOTICE_ACCOUNT_FROZEN},
    {.action = "ledger.account.unfrozen", .kind = AUDIT_NOTICE_ACCOUNT_UNFROZEN},
    {.action = "ledger.account.closed", .kind = AUDIT_NOTICE_ACCOUNT_CLOSED},
    {.action = "kyc.case.decided", .kind = AUDIT_NOTICE_CASE_DECIDED, .word = AUDIT_WORD_DECISION},
    {.action = "kyc.tier.changed", .kind = AUDIT_NOTICE_TIER_CHANGED, .word = AUDIT_WORD_TIER},
};

// Texts: {money} is the amount, {word} the event's one word.
static const struct {
    const char *name, *title, *text;
} kinds[AUDIT_NOTICE_LAST + 1] = {
    [AUDIT_NOTICE_NEW_DEVICE_LOGIN] =
        {"NEW_DEVICE_LOGIN", "Login from a new device",
         "Somebody logged in to your account from a device that was not used before. If that was "
         "not you, change your password and end that session."},
    [AUDIT_NOTICE_SUSPICIOUS_LOGIN] =
        {"SUSPICIOUS_LOGIN", "Unusual login",
         "Somebody who knows your password logged in, or tried to, in an unusual way. If that was "
         "not you, change your password."},
    [AUDIT_NOTICE_PASSWORD_CHANGED] =
        {"PASSWORD_CHANGED", "Password changed",
         "Your password was changed. If that was not you, reset it and get in touch with us."},
    [AUDIT_NOTICE_PASSWORD_RESET] = {"PASSWORD_RESET", "Password reset",
                                     "Your password was set anew with a code from a message to "
                                     "you. If that was not you, get in touch with us."},
    [AUDIT_NOTICE_PASSWORD_DISABLED] = {"PASSWORD_DISABLED", "Password switched off",
                                        "Your password was tried wrongly too often and is switched "
                                        "off. Reset it to log in again."},
    [AUDIT_NOTICE_FACTOR_ENROLLED] = {"FACTOR_ENROLLED", "Second factor added",
                                      "A second factor ({word}) is now asked for when you log in."},
    [AUDIT_NOTICE_FACTOR_DISABLED] = {"FACTOR_DISABLED", "Second factor switched off",
                                      "A second factor ({word}) is no longer asked for. If that "
                                      "was not you, get in touch with us."},
    [AUDIT_NOTICE_FACTOR_LOCKED] =
        {"FACTOR_LOCKED", "Second factor locked",
         "A second factor ({word}) was tried wrongly too often and is locked for a while."},
    [AUDIT_NOTICE_RECOVERY_CODE_USED] =
        {"RECOVERY_CODE_USED", "Recovery code used",
         "One of your recovery codes was used. If that was not you, get in touch with us."},
    [AUDIT_NOTICE_RECOVERY_CODES_REPLACED] =
        {"RECOVERY_CODES_REPLACED", "New recovery codes",
         "You have new recovery codes. The old ones are worth nothing any more."},
    [AUDIT_NOTICE_FACTORS_RESET] =
        {"FACTORS_RESET", "Second factors reset",
         "Your second factors were taken off by an officer. Enrol one again."},
    [AUDIT_NOTICE_API_KEY_CREATED] =
        {"API_KEY_CREATED", "API key made",
         "A new API key can act for you. If that was not you, revoke it."},
    [AUDIT_NOTICE_API_KEY_ROTATED] = {"API_KEY_ROTATED", "API key changed",
                                      "An API key of yours has a new secret."},
    [AUDIT_NOTICE_API_KEY_REVOKED] = {"API_KEY_REVOKED", "API key revoked",
                                      "An API key of yours is worth nothing any more."},
    [AUDIT_NOTICE_ROLES_CHANGED] = {"ROLES_CHANGED", "Your rights have changed",
                                    "What you may do here was changed by an administrator."},
    [AUDIT_NOTICE_MONEY_IN] = {"MONEY_IN", "Money received", "{money} came to your account."},
    [AUDIT_NOTICE_MONEY_OUT] = {"MONEY_OUT", "Money taken",
                                "{money} left your account by order of somebody else."},
    [AUDIT_NOTICE_MONEY_RETURNED] = {"MONEY_RETURNED", "Money returned",
                                     "{money} came back to your account: a payment was reversed."},
    [AUDIT_NOTICE_ACCOUNT_FROZEN] = {"ACCOUNT_FROZEN", "Account frozen",
                                     "One of your accounts is frozen. Get in touch with us."},
    [AUDIT_NOTICE_ACCOUNT_UNFROZEN] = {"ACCOUNT_UNFROZEN", "Account usable again",
                                       "One of your accounts is no longer frozen."},
    [AUDIT_NOTICE_ACCOUNT_CLOSED] = {"ACCOUNT_CLOSED", "Account closed",
                                     "One of your accounts was closed."},
    [AUDIT_NOTICE_CASE_DECIDED] = {"CASE_DECIDED", "Your verification was decided",
                                   "What you submitted was {word}."},
    [AUDIT_NOTICE_TIER_CHANGED] = {"TIER_CHANGED", "Your limits have changed",
                                   "You are now of tier {word}, with its limits."},
};

// What events say in one word, as people say it.
static const struct {
    const char *word, *said;
} sayings[] = {
    {"approve", "approved"},
    {"reject", "rejected"},
    {"totp", "authenticator app"},
    {"otp", "codes by message"},
    {"recovery_code", "recovery codes"},
    {"password", "password"},
};

const size_t audit_notice_rule_count = sizeof audit_notice_rules / sizeof audit_notice_rules[0];

// ---- Which events --------------------------------------------------------------------------

bool audit_notices_tell_owner(const struct audit_entry *entry)
{
    static const char accounts[] = "ledger.account.";
    return entry->action.size > sizeof accounts - 1 &&
           memcmp(entry->action.data, accounts, sizeof accounts - 1) == 0;
}

bool audit_notices_want(const struct audit_entry *entry)
{
    for (size_t i = 0; i < audit_notice_rule_count; i++) {
        if (bytes_equal(entry->action, bytes_of_text(audit_notice_rules[i].action))) return true;
    }
    return audit_notices_tell_owner(entry);
}

bool audit_notice_is_new_device(struct audit_login_risk risk, bool is_device_named)
{
    return risk.is_new_device && (is_device_named || risk.is_new_network);
}

// ---- Words ---------------------------------------------------------------------------------

const char *audit_notice_name(enum audit_notice_kind kind)
{
    CHECK(kind >= AUDIT_NOTICE_NEW_DEVICE_LOGIN && kind <= AUDIT_NOTICE_LAST);
    return kinds[kind].name;
}

const char *audit_notice_title(enum audit_notice_kind kind)
{
    CHECK(kind >= AUDIT_NOTICE_NEW_DEVICE_LOGIN && kind <= AUDIT_NOTICE_LAST);
    return kinds[kind].title;
}

static struct bytes say(struct bytes word)
{
    for (size_t i = 0; i < sizeof sayings / sizeof sayings[0]; i++)
        if (bytes_equal(word, bytes_of_text(sayings[i].word)))
            return bytes_of_text(sayings[i].said);
    return word;
}

size_t audit_notice_text(const struct audit_notice *notice,
                         char ret[static AUDIT_NOTICE_TEXT_BYTES])
{
    CHECK(notice->kind >= AUDIT_NOTICE_NEW_DEVICE_LOGIN && notice->kind <= AUDIT_NOTICE_LAST);
    char money[AUDIT_MONEY_TEXT_BYTES];
    const char *text = kinds[notice->kind].text, *brace = strchr(text, '{');
    struct bytes filling = {0};
    if (brace != NULL && brace[1] == 'm')
        filling = bytes_of(money, audit_money_text(notice->currency, notice->amount, money));
    else if (brace != NULL)
        filling = say(notice->word);
    size_t before = brace != NULL ? (size_t)(brace - text) : strlen(text);
    const char *after = brace != NULL ? strchr(brace, '}') + 1 : "";
    int size =
        snprintf(ret, AUDIT_NOTICE_TEXT_BYTES, "%.*s%.*s%s", (int)before, text, (int)filling.size,
                 filling.size > 0 ? (const char *)filling.data : "", after);
    CHECK(size > 0 && size < AUDIT_NOTICE_TEXT_BYTES);
    return (size_t)size;
}
