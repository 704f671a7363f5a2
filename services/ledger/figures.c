#include "services/ledger/figures.h"

#include <string.h>

/// The unread part of a configured value.
struct reading {
    const char *at;
};

static bool read_figure(struct reading *reading, uint64_t *ret)
{
    uint64_t value = 0;
    const char *begin = reading->at;
    for (; *reading->at >= '0' && *reading->at <= '9'; reading->at++) {
        if (__builtin_mul_overflow(value, UINT64_C(10), &value)) return false;
        if (__builtin_add_overflow(value, (uint64_t)(*reading->at - '0'), &value)) return false;
    }
    *ret = value;
    return reading->at > begin;
}

/// A code as the protocol takes it: a capital, then two to nine capitals or digits.
static bool read_currency(struct reading *reading, char ret[static LEDGER_CURRENCY_BYTES])
{
    static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t size = strspn(reading->at, capitals);
    if (size < 3 || size >= LEDGER_CURRENCY_BYTES || *reading->at < 'A') return false;
    memset(ret, 0, LEDGER_CURRENCY_BYTES);
    memcpy(ret, reading->at, size);
    reading->at += size;
    return true;
}

/// Spaces, and whether there was one.
static bool skip_spaces(struct reading *reading)
{
    const char *begin = reading->at;
    reading->at += strspn(begin, " \t");
    return reading->at > begin;
}

static bool add_exception(struct ledger_figures *figures,
                          const struct ledger_figure_exception *exception)
{
    for (size_t i = 0; i < figures->exception_count; i++) {
        if (strcmp(figures->exception[i].currency, exception->currency) == 0) return false;
    }
    if (figures->exception_count == LEDGER_FIGURE_EXCEPTIONS_MAX) return false;
    figures->exception[figures->exception_count++] = *exception;
    return true;
}

bool ledger_figures_read(const char *text, struct ledger_figures *ret)
{
    struct ledger_figures figures = {.exception_count = 0};
    struct reading reading = {text};
    skip_spaces(&reading);
    if (!read_figure(&reading, &figures.figure)) return false;
    while (skip_spaces(&reading) && *reading.at != '\0') {
        struct ledger_figure_exception exception;
        if (!read_currency(&reading, exception.currency)) return false;
        if (*reading.at++ != '=' || !read_figure(&reading, &exception.figure)) return false;
        if (!add_exception(&figures, &exception)) return false;
    }
    if (*reading.at != '\0') return false;
    *ret = figures;
    return true;
}

uint64_t ledger_figures_in(const struct ledger_figures *figures, const char *currency)
{
    for (size_t i = 0; i < figures->exception_count; i++) {
        if (strcmp(figures->exception[i].currency, currency) == 0)
            return figures->exception[i].figure;
    }
    return figures->figure;
}
