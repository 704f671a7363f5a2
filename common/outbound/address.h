/// @file common/outbound/address.h
/// Which addresses are of the public internet, and which URLs may be posted to: what keeps those
/// who name a URL from reaching what only we can reach (server-side request forgery).
/// Threads    Any; outbound_address_is_public is pure.
/// Errors     INVALID_ARGUMENT / URL_NOT_ALLOWED; the message says why.
/// Source     IANA's special-purpose address registries (RFC 6890), RFC 6052 (NAT64), RFC 3056
///            (6to4), RFC 4291.
#pragma once

#include "common/base/status.h"

#include <stdbool.h>

struct sockaddr;

enum { OUTBOUND_URL_BYTES_MAX = 2048 };

/// outbound_address_is_public: not loopback, private, shared (CGNAT), link-local (where clouds keep
/// their metadata), multicast, reserved or unspecified; for IPv6 global unicast, and what carries
/// an IPv4 address in it (mapped, NAT64, 6to4) as that one. Other families are not.
bool outbound_address_is_public(const struct sockaddr *address);

struct outbound_url_rules {
    bool plain_allowed;   // http:// too.
    bool private_allowed; // Literal addresses that are not public, and localhost, too.
};

/// outbound_url_check: an absolute URL with a host, without user, password and fragment, of visible
/// ASCII characters. What a host's name means is seen at the attempt only.
MUST_USE struct status outbound_url_check(const char *url, const struct outbound_url_rules *rules);
