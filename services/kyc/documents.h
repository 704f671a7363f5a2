/// @file services/kyc/documents.h
/// Offline validators of identity documents: pure functions over text.
/// Normal     Separators (spaces and hyphens) go, letters are upper case: equal documents are equal
/// form       text, which is what blind indexes are made of.
/// Errors     INVALID_ARGUMENT / <DOCUMENT>_BAD_LENGTH, _BAD_FORMAT, _BAD_PREFIX, _BAD_CHECKSUM,
///            _BAD_COMPONENT: the first that applies, in this order.
/// Source     UIDAI (Aadhaar: Verhoeff's check digit), Income Tax Department (PAN); the examples of
///            python-stdnum's in.aadhaar and in.pan are in the tests.
#pragma once

#include "common/base/status.h"

enum {
    KYC_AADHAAR_DIGITS = 12,
    KYC_PAN_CHARACTERS = 10,
    KYC_IDENTIFIER_BYTES = 16, // Any normal form with its NUL.
    KYC_MASK_BYTES = 16,       // Any mask with its NUL.
};

/// kyc_aadhaar_normalise checks and gives the 12 digits; the number stays as given on refusal.
MUST_USE struct status kyc_aadhaar_normalise(const char *text,
                                             char ret[static KYC_IDENTIFIER_BYTES]);

/// kyc_pan_normalise checks a person's PAN. Its fifth letter must begin one of the words of the
/// name: it is the surname's initial, but which word that is, the order of names does not tell. A
/// name without any Latin initial cannot be compared and passes.
MUST_USE struct status kyc_pan_normalise(const char *text, const char *holder_name,
                                         char ret[static KYC_IDENTIFIER_BYTES]);

/// What may be shown and stored in clear: "XXXX XXXX 2346" and "ABXXXXXXXK".
void kyc_aadhaar_mask(const char *normal, char ret[static KYC_MASK_BYTES]);
void kyc_pan_mask(const char *normal, char ret[static KYC_MASK_BYTES]);
