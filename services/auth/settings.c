#include "services/auth/settings.h"

#include <string.h>

enum { TEXT_BYTES_MAX = 512 };

#define MIB (UINT64_C(1) << 20)
#define MINUTE_MS UINT64_C(60000)
#define DAY_MS (1440 * MINUTE_MS)

// clang-format off
#define NUMBER_ROW(name_, unit_, min_, max_, default_, doc_)                                       \
    {"auth", name_, CONFIG_U64, unit_, min_, max_, default_, NULL, doc_}
#define TIME_ROW(name_, min_, max_, default_, doc_)                                                \
    {"auth", name_, CONFIG_MS, "ms", min_, max_, default_, NULL, doc_}
#define CHOICE_ROW(name_, default_, choices_, doc_)                                                \
    {"auth", name_, CONFIG_CHOICE, NULL, 0, 0, default_, choices_, doc_}
#define TEXT_ROW(name_, default_, doc_)                                                            \
    {"auth", name_, CONFIG_TEXT, NULL, 0, TEXT_BYTES_MAX, default_, NULL, doc_}

const struct config_key auth_settings_keys[] = {
    TIME_ROW("access_token_life", 30000, 300000, "5min", "Life of a customer's access token."),
    TIME_ROW("staff_access_token_life", 30000, 300000, "2min",
             "Life of a staff member's access token."),
    TIME_ROW("session_idle", MINUTE_MS, DAY_MS, "30min",
             "A customer's session ends when it is not refreshed for so long."),
    TIME_ROW("session_absolute", MINUTE_MS, 30 * DAY_MS, "12h",
             "A customer's session ends after this in any case."),
    TIME_ROW("staff_session_idle", MINUTE_MS, DAY_MS, "15min",
             "A staff member's session ends when it is not refreshed for so long."),
    TIME_ROW("staff_session_absolute", MINUTE_MS, 30 * DAY_MS, "8h",
             "A staff member's session ends after this in any case."),
    NUMBER_ROW("sessions_max", "sessions", 1, 1000, "5",
               "Sessions of one customer; a newer one ends the oldest."),
    CHOICE_ROW("mfa_customer", "auto", "auto,off,optional,otp,totp",
               "What a customer shows beside the password. otp: a code by message; totp: an "
               "authenticator; optional: a code when a login looks suspicious; auto: off with "
               "delivery = dev, else otp. An enrolled authenticator is always asked for."),
    CHOICE_ROW("mfa_staff", "auto", "auto,off,optional,otp,totp",
               "What a staff member shows beside the password; auto: optional with "
               "delivery = dev, else totp."),
    {"auth", "argon2_memory", CONFIG_BYTES, "bytes", AUTH_ARGON2_MEMORY_BYTES_MIN, 1024 * MIB,
     "19MiB", NULL, "Memory of one password hash; raising it re-hashes at each login."},
    NUMBER_ROW("argon2_passes", "passes", AUTH_ARGON2_PASSES_MIN, 100, "2",
               "Passes of one password hash."),
    NUMBER_ROW("password_length_min", "characters", AUTH_PASSWORD_CODE_POINTS_MIN, 64, "8",
               "Shortest password beside a second factor."),
    NUMBER_ROW("password_length_alone_min", "characters", AUTH_PASSWORD_CODE_POINTS_MIN, 64, "15",
               "Shortest password where it is the only factor (mfa off or optional)."),
    TEXT_ROW("breached_passwords_file", "",
             "Sorted file of SHA-256 hashes (64 hex digits a line) of passwords to refuse."),
    NUMBER_ROW("password_failures_max", "failures", 0, 1000000, "100",
               "Wrong passwords in a row that disable a password until it is reset; 0: never."),
    NUMBER_ROW("code_failures_max", "codes", 5, 1000, "15",
               "Wrong codes of one account and factor in a day that lock the factor for 24 h."),
    NUMBER_ROW("address_failures_max", "logins", 0, 1000000, "20",
               "Failed logins, and forgotten passwords, of one network address in 5 minutes; 0: "
               "no limit."),
    NUMBER_ROW("messages_per_day_max", "messages", 0, 1000000, "10",
               "Codes to one e-mail address or number in a day, for what strangers can ask for and "
               "for what its owner can, each; 0: no limit."),
    NUMBER_ROW("risk_threshold", "points", 1, 101, "60",
               "Risk score from which a login counts as suspicious; 101: none does."),
    TIME_ROW("login_activity_kept", DAY_MS, 3660 * DAY_MS, "400d",
             "Login activity is forgotten after that."),
    TIME_ROW("signing_key_age", 60 * MINUTE_MS, 366 * DAY_MS, "30d",
             "The next signing key takes over after that."),
    TIME_ROW("signing_key_lead", 1000, 60 * MINUTE_MS, "2min",
             "A new signing key stands in the JWKS for so long before it may sign. Daemons hear of "
             "it at once; others may cache the JWKS for a minute."),
    TEXT_ROW("public_url", "http://localhost:8080",
             "How clients reach the gateway; part of the OAuth metadata."),
    CHOICE_ROW("delivery", "dev", "dev,none,live",
               "dev: messages become lines of outbox/messages.jsonl, in clear; none: they wait, "
               "sealed; live: by SMTP and the SMS webhook."),
    TEXT_ROW("smtp_url", "", "smtp://host:587 or smtps://host:465, for delivery = live."),
    TEXT_ROW("smtp_from", "", "Sender of e-mails: Florin Bank <no-reply@bank.example>."),
    TEXT_ROW("smtp_user", "", "User name at the SMTP server; empty: none is given."),
    TEXT_ROW("smtp_password_file", "", "File whose first line is the SMTP password."),
    {"auth", "smtp_needs_tls", CONFIG_BOOL, NULL, 0, 0, "true", NULL,
     "Without STARTTLS (or smtps) no e-mail is sent."},
    TEXT_ROW("sms_url", "",
             "Webhook that sends text messages: POST of JSON with to, text, kind and id; empty: "
             "text messages are dropped."),
    TEXT_ROW("sms_token_file", "", "File whose first line is the webhook's bearer token."),
    TEXT_ROW("delivery_ca_file", "", "Certificate authorities of both; empty: the system's."),
    TIME_ROW("delivery_timeout", 1000, 120000, "10s", "How long one attempt at sending may take."),
};
// clang-format on

const size_t auth_settings_key_count = sizeof auth_settings_keys / sizeof auth_settings_keys[0];

static uint64_t number(const struct config *config, const char *name)
{
    return config_u64(config, "auth", name);
}

static const char *text(const struct config *config, const char *name)
{
    return config_text(config, "auth", name);
}

static struct auth_rate rate(uint64_t burst, uint64_t window_s)
{
    uint64_t interval_ns = burst > 0 ? window_s * AUTH_SECOND_NS / burst : 0;
    return (struct auth_rate){.interval_ns = interval_ns, .burst = (uint32_t)burst};
}

static uint64_t time_ns(const struct config *config, const char *name)
{
    return number(config, name) * (AUTH_SECOND_NS / 1000);
}

static struct auth_session_limits limits(const struct config *config, const char *idle,
                                         const char *absolute, const char *token_life)
{
    return (struct auth_session_limits){
        .idle_ns = time_ns(config, idle),
        .absolute_ns = time_ns(config, absolute),
        .token_life_s = number(config, token_life) / 1000,
    };
}

/// mfa resolves `auto`: a laptop need not read its mail, a bank must.
static enum auth_mfa mfa(const struct config *config, const char *name, enum auth_mfa in_dev,
                         enum auth_mfa in_production)
{
    uint64_t chosen = number(config, name); // 0: auto, then enum auth_mfa in its order.
    if (chosen > 0) return (enum auth_mfa)(chosen - 1);
    return number(config, "delivery") == AUTH_DELIVERY_DEV ? in_dev : in_production;
}

struct auth_policy auth_settings_policy(const struct config *config)
{
    return (struct auth_policy){
        .argon2 = {.memory_bytes = number(config, "argon2_memory"),
                   .passes = (uint32_t)number(config, "argon2_passes")},
        .password_code_points_min = (size_t)number(config, "password_length_min"),
        .password_code_points_alone_min = (size_t)number(config, "password_length_alone_min"),
        .breached_file = text(config, "breached_passwords_file"),
        .mfa_customer = mfa(config, "mfa_customer", AUTH_MFA_OFF, AUTH_MFA_OTP),
        .mfa_staff = mfa(config, "mfa_staff", AUTH_MFA_OPTIONAL, AUTH_MFA_TOTP),
        .password_failures_max = (uint32_t)number(config, "password_failures_max"),
        .code_failures_max = (uint32_t)number(config, "code_failures_max"),
        .risk_threshold = (uint32_t)number(config, "risk_threshold"),
        .activity_kept_ns = time_ns(config, "login_activity_kept"),
        .signing_key_age_ns = time_ns(config, "signing_key_age"),
        .signing_key_lead_ns = time_ns(config, "signing_key_lead"),
        .public_url = text(config, "public_url"),
        .customer = limits(config, "session_idle", "session_absolute", "access_token_life"),
        .staff = limits(config, "staff_session_idle", "staff_session_absolute",
                        "staff_access_token_life"),
        .customer_sessions_max = (size_t)number(config, "sessions_max"),
        .address_failures = rate(number(config, "address_failures_max"), 300),
        .address_forgotten = rate(number(config, "address_failures_max"), 300),
        .destination_messages = rate(number(config, "messages_per_day_max"), 24 * 3600),
    };
}

struct auth_delivery_config auth_settings_delivery(const struct config *config,
                                                   const char *outbox_directory)
{
    return (struct auth_delivery_config){
        .mode = (enum auth_delivery_mode)number(config, "delivery"),
        .outbox_directory = outbox_directory,
        .smtp_url = text(config, "smtp_url"),
        .smtp_from = text(config, "smtp_from"),
        .smtp_user = text(config, "smtp_user"),
        .smtp_password_file = text(config, "smtp_password_file"),
        .smtp_needs_tls = config_bool(config, "auth", "smtp_needs_tls"),
        .sms_url = text(config, "sms_url"),
        .sms_token_file = text(config, "sms_token_file"),
        .tls_ca_file = text(config, "delivery_ca_file"),
        .timeout_ms = number(config, "delivery_timeout"),
    };
}
