/// @file services/audit/structuring.h
/// The amounts just below which repeated transfers look as if somebody kept below them.
/// Shapes     "INR:100000000,EUR:1000000": currency codes and minor units; "": there are none.
/// Threads    Any; pure.
/// Errors     INVALID_ARGUMENT / STRUCTURING_LIMITS_MALFORMED.
#pragma once

#include "common/base/status.h"
#include "common/base/u128.h"

enum { AUDIT_CURRENCY_BYTES = 11, AUDIT_STRUCTURING_LIMITS_MAX = 16 };

struct audit_structuring {
    size_t count;

    struct {
        char currency[AUDIT_CURRENCY_BYTES];
        u128 amount; // Minor units.
    } limits[AUDIT_STRUCTURING_LIMITS_MAX];
};

MUST_USE struct status audit_structuring_parse(const char *text, struct audit_structuring *ret);

/// audit_structuring_is_near: from 80 % of the currency's limit on, and below it.
bool audit_structuring_is_near(const struct audit_structuring *structuring, const char *currency,
                               u128 amount);
