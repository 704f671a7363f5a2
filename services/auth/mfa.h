/// @file services/auth/mfa.h
/// Which second factors a login is asked for: the policy, what the user has, and how the login
/// looks, in one table.
/// Pure: no I/O, clock, allocation or logging.
/// Source     NIST SP 800-63B-4 section 2, OWASP ASVS 5 section 6.3.
#pragma once

#include "services/auth/core.h"

/// What is demanded at login beside the password. An authenticator that a user has enrolled is
/// asked for under every policy.
enum auth_mfa {
    AUTH_MFA_OFF,      // Nothing more.
    AUTH_MFA_OPTIONAL, // A code by message when the login looks suspicious.
    AUTH_MFA_OTP,      // A code by message, always.
    AUTH_MFA_TOTP,     // An authenticator; who has none may only enrol one.
    AUTH_MFA_COUNT
};

enum auth_method { // Of answering a question. Stored as bits 1 << method; never renumber.
    AUTH_METHOD_EMAIL = AUTH_EMAIL,
    AUTH_METHOD_MOBILE = AUTH_MOBILE,
    AUTH_METHOD_TOTP = 3,
    AUTH_METHOD_RECOVERY_CODE = 4,
    AUTH_METHOD_LAST = AUTH_METHOD_RECOVERY_CODE
};

enum {
    AUTH_METHODS_CHANNELS = 1 << AUTH_METHOD_EMAIL | 1 << AUTH_METHOD_MOBILE,
    AUTH_METHODS_ALL =
        AUTH_METHODS_CHANNELS | 1 << AUTH_METHOD_TOTP | 1 << AUTH_METHOD_RECOVERY_CODE,
};

/// What a user has to show.
struct auth_mfa_means {
    bool has_totp, has_recovery_codes;
    unsigned channels; // Bits 1 << enum auth_channel: confirmed ones.
};

enum auth_demand {
    AUTH_DEMAND_NOTHING,   // The password was enough.
    AUTH_DEMAND_FACTOR,    // One of the methods.
    AUTH_DEMAND_ENROLMENT, // There is nothing to show: a session that is good for enrolling only.
};

struct auth_mfa_decision {
    enum auth_demand demand;
    unsigned methods;          // Bits 1 << enum auth_method, with AUTH_DEMAND_FACTOR.
    enum auth_channel send_to; // Where a code goes at once; 0: nowhere.
};

/// auth_mfa_decide: after the right password.
struct auth_mfa_decision auth_mfa_decide(enum auth_mfa policy, const struct auth_mfa_means *means,
                                         bool is_suspicious);

/// auth_mfa_leaves_to_enrol: who has passed with this method still owes the policy an
/// authenticator.
bool auth_mfa_leaves_to_enrol(enum auth_mfa policy, enum auth_method method);

/// auth_mfa_is_more: sessions of before, under the one policy, are not good for the other.
bool auth_mfa_is_more(enum auth_mfa policy, enum auth_mfa before);

/// auth_mfa_is_password_alone: nothing else stands between a stolen password and the account.
bool auth_mfa_is_password_alone(enum auth_mfa policy, bool has_totp);
