#include "services/kyc/documents.h"

#include "common/base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// compact copies text without separators and in upper case, as much as fits; returns how many
/// characters there were. ctype.h is not used: its answers depend on the locale.
static size_t compact(const char *text, char ret[static KYC_IDENTIFIER_BYTES])
{
    size_t size = 0;
    for (; *text != 0; text++) {
        if (*text == ' ' || *text == '-') continue;
        char c = *text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text;
        if (size < KYC_IDENTIFIER_BYTES - 1) ret[size] = c;
        size++;
    }
    ret[size < KYC_IDENTIFIER_BYTES ? size : KYC_IDENTIFIER_BYTES - 1] = 0;
    return size;
}

static bool all_of(const char *text, size_t size, char first, char last)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] < first || text[i] > last) return false;
    }
    return true;
}

// ---- Aadhaar -------------------------------------------------------------------------------

/* Verhoeff: digits multiplied in the dihedral group of order 10, each after a permutation that
 * depends on its place. It finds every single wrong digit and every swap of neighbours. */
static const uint8_t verhoeff_product[10][10] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 3, 4, 0, 6, 7, 8, 9, 5}, {2, 3, 4, 0, 1, 7, 8, 9, 5, 6},
    {3, 4, 0, 1, 2, 8, 9, 5, 6, 7}, {4, 0, 1, 2, 3, 9, 5, 6, 7, 8}, {5, 9, 8, 7, 6, 0, 4, 3, 2, 1},
    {6, 5, 9, 8, 7, 1, 0, 4, 3, 2}, {7, 6, 5, 9, 8, 2, 1, 0, 4, 3}, {8, 7, 6, 5, 9, 3, 2, 1, 0, 4},
    {9, 8, 7, 6, 5, 4, 3, 2, 1, 0},
};

static const uint8_t verhoeff_permutation[8][10] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 5, 7, 6, 2, 8, 3, 0, 9, 4}, {5, 8, 0, 3, 7, 9, 6, 1, 4, 2},
    {8, 9, 1, 6, 0, 4, 3, 5, 2, 7}, {9, 4, 5, 3, 1, 2, 6, 8, 7, 0}, {4, 2, 8, 6, 5, 7, 3, 9, 0, 1},
    {2, 7, 9, 3, 8, 0, 6, 4, 1, 5}, {7, 0, 4, 6, 9, 1, 3, 2, 5, 8},
};

static bool verhoeff_holds(const char *digits, size_t size)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        size_t digit = (size_t)(digits[size - 1 - i] - '0');
        sum = verhoeff_product[sum][verhoeff_permutation[i % 8][digit]];
    }
    return sum == 0;
}

static bool is_palindrome(const char *text, size_t size)
{
    for (size_t i = 0; i < size / 2; i++) {
        if (text[i] != text[size - 1 - i]) return false;
    }
    return true;
}

struct status kyc_aadhaar_normalise(const char *text, char ret[static KYC_IDENTIFIER_BYTES])
{
    char normal[KYC_IDENTIFIER_BYTES];
    if (compact(text, normal) != KYC_AADHAAR_DIGITS)
        return REFUSE(INVALID_ARGUMENT, AADHAAR_BAD_LENGTH, "an Aadhaar number has 12 digits");
    if (!all_of(normal, KYC_AADHAAR_DIGITS, '0', '9'))
        return REFUSE(INVALID_ARGUMENT, AADHAAR_BAD_FORMAT, "an Aadhaar number is digits only");
    if (normal[0] < '2')
        return REFUSE(INVALID_ARGUMENT, AADHAAR_BAD_PREFIX,
                      "an Aadhaar number does not begin with 0 or 1");
    if (is_palindrome(normal, KYC_AADHAAR_DIGITS))
        return REFUSE(INVALID_ARGUMENT, AADHAAR_BAD_FORMAT,
                      "no Aadhaar number reads the same in both directions");
    if (!verhoeff_holds(normal, KYC_AADHAAR_DIGITS))
        return REFUSE(INVALID_ARGUMENT, AADHAAR_BAD_CHECKSUM,
                      "the Aadhaar number's check digit does not fit");
    memcpy(ret, normal, sizeof normal);
    return STATUS_SUCCESS;
}

void kyc_aadhaar_mask(const char *normal, char ret[static KYC_MASK_BYTES])
{
    CHECK(strlen(normal) == KYC_AADHAAR_DIGITS);
    memcpy(ret, "XXXX XXXX ", 10);
    memcpy(ret + 10, normal + 8, 5); // The last four and the NUL.
}

// ---- PAN -----------------------------------------------------------------------------------

static bool any_word_begins_with(const char *name, char initial)
{
    bool at_begin = true, any_latin = false;
    for (; *name != 0; name++) {
        char c = *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
        if (at_begin && c == initial) return true;
        if (at_begin && c >= 'A' && c <= 'Z') any_latin = true;
        at_begin = c == ' ' || c == '-' || c == '.' || c == '\'' || c == ',';
    }
    return !any_latin;
}

struct status kyc_pan_normalise(const char *text, const char *holder_name,
                                char ret[static KYC_IDENTIFIER_BYTES])
{
    char normal[KYC_IDENTIFIER_BYTES];
    if (compact(text, normal) != KYC_PAN_CHARACTERS)
        return REFUSE(INVALID_ARGUMENT, PAN_BAD_LENGTH, "a PAN has 10 characters");
    if (!all_of(normal, 5, 'A', 'Z') || !all_of(normal + 5, 4, '0', '9') ||
        !all_of(normal + 9, 1, 'A', 'Z'))
        return REFUSE(INVALID_ARGUMENT, PAN_BAD_FORMAT,
                      "a PAN is five letters, four digits and a letter");
    // Of the kinds of holder (A B C F G H L J P T K) every customer here is a person.
    if (normal[3] != 'P')
        return REFUSE(INVALID_ARGUMENT, PAN_BAD_COMPONENT,
                      "the PAN's fourth letter does not stand for a person");
    if (strncmp(normal + 5, "0000", 4) == 0)
        return REFUSE(INVALID_ARGUMENT, PAN_BAD_COMPONENT, "the PAN's serial number is never 0000");
    if (!any_word_begins_with(holder_name, normal[4]))
        return REFUSE(INVALID_ARGUMENT, PAN_BAD_COMPONENT,
                      "the PAN's fifth letter is not an initial of the name");
    memcpy(ret, normal, sizeof normal);
    return STATUS_SUCCESS;
}

void kyc_pan_mask(const char *normal, char ret[static KYC_MASK_BYTES])
{
    CHECK(strlen(normal) == KYC_PAN_CHARACTERS);
    memcpy(ret, "ABXXXXXXXK", KYC_PAN_CHARACTERS + 1);
    ret[0] = normal[0];
    ret[1] = normal[1];
    ret[9] = normal[9];
}
