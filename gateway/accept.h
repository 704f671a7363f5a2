/// @file gateway/accept.h
/// Which of the media types we can produce a client likes best (RFC 9110 section 12.5.1), and
/// whether a Content-Type is a given media type.
/// Threads    Pure.
#pragma once

#include "common/base/bytes.h"

/// accept_quality gives how much an Accept header likes a media type, 0 (not at all) to 1000. A
/// header without data accepts everything; parameters other than q are passed over.
int accept_quality(struct bytes header, const char *media_type);

/// media_type_is compares type and subtype without regard to case and parameters.
bool media_type_is(struct bytes header, const char *media_type);
