/// @file common/base/log.h
/// Structured lines on stderr: logfmt (default) or JSON; one line, one write(2).
/// Modules return statuses; only the edge (executor, daemon_main, supervisor) logs.
/// Limits     A line is at most LOG_LINE_BYTES_MAX with its newline; a longer one is cut between
///            two characters and carries truncated=true, still well-formed.
/// Escapes    Logfmt values that are empty or hold a space, a quote, '=', '\' or a control
///            character stand in quotes with JSON's escapes. C1 controls become \u0080, bytes that
///            are not UTF-8 become \ufffd: no value can forge a line or drive a terminal.
/// Secrets    Never pass a field with format SECRET or personal data; there is no redaction here.
/// Threads    Any thread.
///
///     LOG_WARN("peer is away", LOG_TEXT("peer", name), LOG_U64("retry_ms", delay_ms));
///     time=2026-11-21T00:06:00.123Z level=warn daemon=ledger msg="peer is away" peer=kyc ...
#pragma once

#include "common/base/status.h"

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

enum { LOG_LINE_BYTES_MAX = 8192 };

enum log_value_kind { LOG_VALUE_TEXT, LOG_VALUE_U64, LOG_VALUE_I64 };

struct log_field {
    const char *key;

    enum log_value_kind kind;

    union {
        const char *text; // NULL leaves the field out.
        uint64_t u64;
        int64_t i64;
    };
};

#define LOG_TEXT(key_, value_)                                                                     \
    ((struct log_field){.key = (key_), .kind = LOG_VALUE_TEXT, {.text = (value_)}})
#define LOG_U64(key_, value_)                                                                      \
    ((struct log_field){.key = (key_), .kind = LOG_VALUE_U64, {.u64 = (value_)}})
#define LOG_I64(key_, value_)                                                                      \
    ((struct log_field){.key = (key_), .kind = LOG_VALUE_I64, {.i64 = (value_)}})

/// log_open names the process (the name is copied, 31 bytes at most). Before it, lines carry
/// daemon=florin, logfmt, level info.
void log_open(const char *daemon_name, enum log_format format, enum log_level level);
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);
/// log_write leaves errno as it was.
void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t field_count);

/* The trailing empty field lets a line have no fields without a second set of macros. */
#define LOG_AT(level_, message_, ...)                                                              \
    do {                                                                                           \
        if (log_enabled(level_)) {                                                                 \
            const struct log_field fields_[] = {__VA_ARGS__ __VA_OPT__(, ) LOG_TEXT(NULL, NULL)};  \
            log_write((level_), (message_), fields_, sizeof fields_ / sizeof fields_[0] - 1);      \
        }                                                                                          \
    } while (0)
#define LOG_DEBUG(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define LOG_INFO(...) LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_WARN(...) LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__)
#define LOG_ERROR(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)

/// log_status writes one line for a status that reached the edge, with its code and reason.
void log_status(enum log_level level, const char *message, struct status status);
