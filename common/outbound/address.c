#include "common/outbound/address.h"

#include "common/base/bytes.h"
#include "common/base/check.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

// ---- Addresses -----------------------------------------------------------------------------

static bool is_public_v4(uint32_t address)
{
    // clang-format off
    static const struct {
        uint32_t first;
        unsigned bits;
    } others[] = {
        {0x00000000, 8},  // 0.0.0.0/8       this network
        {0x0a000000, 8},  // 10.0.0.0/8      private
        {0x64400000, 10}, // 100.64.0.0/10   shared by a carrier's customers
        {0x7f000000, 8},  // 127.0.0.0/8     loopback
        {0xa9fe0000, 16}, // 169.254.0.0/16  link-local
        {0xac100000, 12}, // 172.16.0.0/12   private
        {0xc0000000, 24}, // 192.0.0.0/24    protocol assignments
        {0xc0a80000, 16}, // 192.168.0.0/16  private
        {0xc6120000, 15}, // 198.18.0.0/15   benchmarks
        {0xe0000000, 4},  // 224.0.0.0/4     multicast
        {0xf0000000, 4},  // 240.0.0.0/4     reserved, broadcast
    };

    // clang-format on
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if ((address ^ others[i].first) >> (32 - others[i].bits) == 0) return false;
    return true;
}

static bool is_public_v6(const uint8_t address[static 16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; // ::ffff:0:0/96
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};    // 64:ff9b::/96
    static const uint8_t six_to_four[2] = {0x20, 0x02};           // 2002::/16
    static const uint8_t protocols[2] = {0x20, 0x01};             // 2001::/23
    if (memcmp(address, mapped, sizeof mapped) == 0) return is_public_v4(get_u32_be(address + 12));
    if (memcmp(address, nat64, sizeof nat64) == 0) return is_public_v4(get_u32_be(address + 12));
    if (memcmp(address, six_to_four, 2) == 0) return is_public_v4(get_u32_be(address + 2));
    if (memcmp(address, protocols, 2) == 0 && address[2] < 2) return false; // Teredo and others.
    return address[0] >> 5 == 1; // 2000::/3 is all that is given out as global unicast.
}

bool outbound_address_is_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        return is_public_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        return is_public_v6(v6.sin6_addr.s6_addr);
    }
    return false;
}

// ---- URLs ----------------------------------------------------------------------------------

#define NOT_ALLOWED(message_) REFUSE(INVALID_ARGUMENT, URL_NOT_ALLOWED, message_)

static void free_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void free_text(char **text)
{
    curl_free(*text);
}

static bool has_part(CURLU *url, CURLUPart part)
{
    CLEANUP(free_text) char *text = NULL;
    return curl_url_get(url, part, &text, 0) == CURLUE_OK;
}

static bool is_visible_ascii(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text >= 0x7f || *text == '\\') return false;
    return true;
}

/// is_of_this_host: names that resolvers answer by themselves (RFC 6761).
static bool is_of_this_host(const char *host)
{
    static const char name[] = "localhost";
    size_t size = strlen(host), name_size = sizeof name - 1;
    if (size > 0 && host[size - 1] == '.') size--;
    if (size < name_size || strncasecmp(host + size - name_size, name, name_size) != 0)
        return false;
    return size == name_size || host[size - name_size - 1] == '.';
}

/// libcurl has written every spelling of an IPv4 address (127.1, 0x7f000001) the usual way.
static bool is_private_host(const char *host)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    char bare[INET6_ADDRSTRLEN];
    size_t size = strlen(host);
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
        return !outbound_address_is_public((const struct sockaddr *)&v4);
    if (host[0] != '[') return is_of_this_host(host);
    if (size < 3 || size - 2 >= sizeof bare) return true;
    memcpy(bare, host + 1, size - 2);
    bare[size - 2] = '\0';
    if (inet_pton(AF_INET6, bare, &v6.sin6_addr) != 1) return true;
    return !outbound_address_is_public((const struct sockaddr *)&v6);
}

static struct status check_host(CURLU *url, const struct outbound_url_rules *rules)
{
    CLEANUP(free_text) char *host = NULL;
    if (curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK || host[0] == '\0')
        return NOT_ALLOWED("the URL has no host");
    if (has_part(url, CURLUPART_ZONEID)) return NOT_ALLOWED("the URL's host has a zone");
    if (!rules->private_allowed && is_private_host(host))
        return NOT_ALLOWED("the URL's host is not an address of the public internet");
    return STATUS_SUCCESS;
}

struct status outbound_url_check(const char *text, const struct outbound_url_rules *rules)
{
    if (strlen(text) > OUTBOUND_URL_BYTES_MAX) return NOT_ALLOWED("the URL is too long");
    if (!is_visible_ascii(text)) return NOT_ALLOWED("the URL is not made of visible ASCII");
    bool is_https = strncasecmp(text, "https://", 8) == 0;
    bool is_http = strncasecmp(text, "http://", 7) == 0;
    if (!is_https && !(is_http && rules->plain_allowed))
        return rules->plain_allowed ? NOT_ALLOWED("the URL must begin with https:// or http://")
                                    : NOT_ALLOWED("the URL must begin with https://");
    if (text[is_https ? 8 : 7] == '/') return NOT_ALLOWED("the URL has no host"); // Or a later one.
    CLEANUP(free_url) CURLU *url = curl_url();
    CHECK(url != NULL);
    if (curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK)
        return NOT_ALLOWED("the URL cannot be read");
    if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD))
        return NOT_ALLOWED("the URL has a user in it");
    if (has_part(url, CURLUPART_FRAGMENT) || strchr(text, '#') != NULL)
        return NOT_ALLOWED("the URL has a fragment");
    return check_host(url, rules);
}
