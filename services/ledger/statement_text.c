#include "services/ledger/statement_text.h"

#include "common/base/check.h"
#include "common/base/clock.h"

struct status ledger_statement_too_long(void)
{
    return REFUSE(FAILED_PRECONDITION, STATEMENT_TOO_LONG,
                  "the period has more entries than one statement may hold; ask for a shorter one");
}

struct status ledger_text_open(struct arena *arena, size_t bytes_max, struct ledger_text *ret)
{
    if (bytes_max > LEDGER_STATEMENT_BYTES_MAX) bytes_max = LEDGER_STATEMENT_BYTES_MAX;
    *ret = (struct ledger_text){.data = arena_alloc(arena, bytes_max), .room = bytes_max};
    return ret->data != NULL ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}

void ledger_text_put(struct ledger_text *text, struct bytes bytes)
{
    if (bytes.size > text->room - text->size) text->is_full = true;
    if (text->is_full || bytes.size == 0) return;
    memcpy(text->data + text->size, bytes.data, bytes.size);
    text->size += bytes.size;
}

void ledger_text_put_char(struct ledger_text *text, char character)
{
    ledger_text_put(text, bytes_of(&character, 1));
}

struct status ledger_text_close(const struct ledger_text *text, struct bytes *ret)
{
    if (text->is_full) {
        CHECK(text->room == LEDGER_STATEMENT_BYTES_MAX); // Else the writer's bound was wrong.
        return ledger_statement_too_long();
    }
    *ret = bytes_of(text->data, text->size);
    return STATUS_SUCCESS;
}

void ledger_major_format(u128 minor, unsigned exponent, char ret[static LEDGER_MAJOR_BYTES])
{
    CHECK(exponent <= LEDGER_EXPONENT_MAX);
    char digits[U128_TEXT_BYTES];
    size_t count = u128_format(minor, digits);
    size_t whole = count > exponent ? count - exponent : 0;
    size_t zeros = count < exponent ? exponent - count : 0; // Between the point and the digits.

    size_t size = 0;
    if (whole == 0) ret[size++] = '0';
    memcpy(ret + size, digits, whole);
    size += whole;
    if (exponent > 0) ret[size++] = '.';
    memset(ret + size, '0', zeros);
    size += zeros;
    memcpy(ret + size, digits + whole, count - whole + 1);
}

void ledger_major_format_signed(i128 minor, unsigned exponent, char ret[static LEDGER_MAJOR_BYTES])
{
    if (minor >= 0) {
        ledger_major_format((u128)minor, exponent, ret);
        return;
    }
    char unsigned_text[LEDGER_MAJOR_BYTES];
    ledger_major_format(-(u128)minor, exponent, unsigned_text);
    ret[0] = '-';
    memcpy(ret + 1, unsigned_text, strlen(unsigned_text) + 1);
}

void ledger_day_format(uint64_t ns, char ret[static LEDGER_DAY_BYTES])
{
    char text[CLOCK_RFC3339_BYTES];
    clock_format_rfc3339(ns, text);
    memcpy(ret, text, LEDGER_DAY_BYTES - 1);
    ret[LEDGER_DAY_BYTES - 1] = '\0';
}
