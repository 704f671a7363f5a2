#include "common/base/config_value.h"

#include "common/base/check.h"
#include "common/base/text.h"

#include <inttypes.h>
#include <string.h>

static const struct {
    const char *name;
    const char *form; // How it is written, where the range alone does not say it.
} types[] = {
    [CONFIG_TEXT] = {"text", "text, "},
    [CONFIG_U64] = {"number", "a whole number, "},
    [CONFIG_BOOL] = {"bool", ""},
    [CONFIG_BYTES] = {"size", "a number of bytes, KiB, MiB, GiB or TiB, "},
    [CONFIG_MS] = {"duration", "a number with ms, s, min, h or d, "},
    [CONFIG_CHOICE] = {"choice", ""},
};

struct unit {
    const char *name;
    uint64_t factor;
};

// Largest first, so that the first factor that divides a value is the one to show it in.
static const struct unit size_units[] = {
    {"TiB", UINT64_C(1) << 40},
    {"GiB", UINT64_C(1) << 30},
    {"MiB", UINT64_C(1) << 20},
    {"KiB", UINT64_C(1) << 10},
    {"", 1},
    {NULL, 0},
};

static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0},
};

static const char *skip_digits(const char *text, uint64_t *ret_value, bool *ret_ok)
{
    uint64_t value = 0;
    const char *at = text;
    *ret_ok = true;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value)) {
            *ret_ok = false;
        }
    }
    if (at == text) *ret_ok = false;
    *ret_value = value;
    return at;
}

static bool parse_number(const char *text, uint64_t *ret_value)
{
    bool ok;
    const char *rest = skip_digits(text, ret_value, &ok);
    return ok && *rest == '\0';
}

static bool parse_with_unit(const char *text, const struct unit *units, uint64_t *ret_value)
{
    uint64_t number;
    bool ok;
    const char *name = skip_digits(text, &number, &ok);
    if (!ok) return false;
    if (name[0] == ' ' && name[1] != '\0') name++;
    for (const struct unit *unit = units; unit->name != NULL; unit++) {
        if (strcmp(name, unit->name) == 0) {
            return !__builtin_mul_overflow(number, unit->factor, ret_value);
        }
    }
    return false;
}

// Walks the comma-separated choices: gives the next one's start and size, or NULL after the last.
static const char *next_choice(const char **cursor, size_t *ret_size)
{
    const char *start = *cursor + strspn(*cursor, ", ");
    if (*start == '\0') return NULL;
    *ret_size = strcspn(start, ", ");
    *cursor = start + *ret_size;
    return start;
}

static bool parse_choice(const char *choices, const char *text, uint64_t *ret_value)
{
    size_t size;
    uint64_t index = 0;
    for (const char *choice; (choice = next_choice(&choices, &size)) != NULL; index++) {
        if (strlen(text) == size && memcmp(text, choice, size) == 0) {
            *ret_value = index;
            return true;
        }
    }
    return false;
}

bool config_value_parse(const struct config_key *key, const char *text, uint64_t *ret_value)
{
    uint64_t value = 0;
    bool ok = false;
    switch (key->type) {
    case CONFIG_TEXT:
        value = strlen(text);
        ok = text_is_utf8(text, value);
        break;
    case CONFIG_U64:
        ok = parse_number(text, &value);
        break;
    case CONFIG_BOOL:
        ok = parse_choice("false,true", text, ret_value);
        return ok;
    case CONFIG_BYTES:
        ok = parse_with_unit(text, size_units, &value);
        break;
    case CONFIG_MS:
        ok = parse_with_unit(text, duration_units, &value);
        break;
    case CONFIG_CHOICE:
        return parse_choice(key->choices, text, ret_value);
    }
    if (!ok || value < key->min || value > key->max) return false;
    *ret_value = value;
    return true;
}

const char *config_value_type_name(enum config_type type)
{
    return types[type].name;
}

static void print_with_unit(uint64_t value, const struct unit *units, FILE *out)
{
    while (units->factor > 1 && (value == 0 || value % units->factor != 0)) {
        units++;
    }
    fprintf(out, "%" PRIu64 "%s", value / units->factor, units->name);
}

static void print_number(const struct config_key *key, uint64_t value, FILE *out)
{
    if (key->type == CONFIG_BYTES) {
        print_with_unit(value, size_units, out);
    } else if (key->type == CONFIG_MS) {
        print_with_unit(value, duration_units, out);
    } else {
        fprintf(out, "%" PRIu64, value);
    }
}

static void print_choices(const char *choices, FILE *out)
{
    const char *separator = "one of ";
    size_t size;
    for (const char *choice; (choice = next_choice(&choices, &size)) != NULL; separator = ", ") {
        fprintf(out, "%s%.*s", separator, (int)size, choice);
    }
}

void config_value_print_range(const struct config_key *key, FILE *out)
{
    if (key->type == CONFIG_BOOL) {
        fputs("true or false", out);
        return;
    }
    if (key->type == CONFIG_CHOICE) {
        print_choices(key->choices, out);
        return;
    }
    if (key->max == UINT64_MAX) fputs("at least ", out);
    print_number(key, key->min, out);
    if (key->max != UINT64_MAX) {
        fputs(" to ", out);
        print_number(key, key->max, out);
    }
    // Sizes and durations show their units with each number.
    if (key->type == CONFIG_TEXT) {
        fputs(" bytes long", out);
    } else if (key->type == CONFIG_U64 && key->unit != NULL) {
        fprintf(out, " %s", key->unit);
    }
}

void config_value_print_allowed(const struct config_key *key, FILE *out)
{
    fputs(types[key->type].form, out);
    config_value_print_range(key, out);
}

size_t config_spec_row_count(const struct config_spec *spec)
{
    size_t count = 0;
    for (size_t i = 0; i < spec->tables_count; i++) {
        count += spec->table_counts[i];
    }
    return count;
}

const struct config_key *config_spec_row(const struct config_spec *spec, size_t index)
{
    size_t table = 0;
    while (index >= spec->table_counts[table]) {
        index -= spec->table_counts[table++];
        CHECK(table < spec->tables_count);
    }
    return &spec->tables[table][index];
}
