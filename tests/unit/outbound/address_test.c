// Which addresses are public, and which URLs may be posted to.
#include "common/outbound/address.h"
#include "tests/unit/support/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

static bool is_public(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return outbound_address_is_public((const struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return outbound_address_is_public((const struct sockaddr *)&v6);
}

static void test_addresses(void **state)
{
    // clang-format off
    static const struct {
        const char *address;
        bool is_public;
    } rows[] = {
        // The edges of each range that is not.
        {"0.0.0.0", false},         {"0.255.255.255", false},   {"1.0.0.0", true},
        {"9.255.255.255", true},    {"10.0.0.0", false},        {"10.255.255.255", false},
        {"11.0.0.0", true},         {"100.63.255.255", true},   {"100.64.0.0", false},
        {"100.127.255.255", false}, {"100.128.0.0", true},      {"126.255.255.255", true},
        {"127.0.0.1", false},       {"127.255.255.255", false}, {"128.0.0.0", true},
        {"169.253.255.255", true},  {"169.254.0.0", false},     {"169.254.169.254", false},
        {"169.255.0.0", true},      {"172.15.255.255", true},   {"172.16.0.0", false},
        {"172.31.255.255", false},  {"172.32.0.0", true},       {"192.0.0.0", false},
        {"192.0.0.255", false},     {"192.0.1.0", true},        {"192.167.255.255", true},
        {"192.168.0.0", false},     {"192.168.255.255", false}, {"192.169.0.0", true},
        {"198.17.255.255", true},   {"198.18.0.0", false},      {"198.19.255.255", false},
        {"198.20.0.0", true},       {"223.255.255.255", true},  {"224.0.0.0", false},
        {"239.255.255.255", false}, {"240.0.0.0", false},       {"255.255.255.255", false},
        {"8.8.8.8", true},          {"203.0.113.7", true},
        // IPv6: global unicast, and nothing else.
        {"::", false},              {"::1", false},             {"fe80::1", false},
        {"febf::1", false},         {"fec0::1", false},         {"fc00::1", false},
        {"fdff::1", false},         {"ff02::1", false},         {"100::1", false},
        {"1fff::1", false},         {"2000::1", true},          {"2606:4700::1111", true},
        {"3fff:ffff::1", true},     {"4000::1", false},         {"2001:0:7f00:1::1", false},
        {"2001:1ff::1", false},     {"2001:200::1", true},      {"64:ff9b:1::808:808", false},
        // An IPv4 address inside.
        {"::ffff:127.0.0.1", false},      {"::ffff:10.1.2.3", false},  {"::ffff:8.8.8.8", true},
        {"::127.0.0.1", false},           {"::8.8.8.8", false},        {"64:ff9b::8.8.8.8", true},
        {"64:ff9b::169.254.169.254", false}, {"64:ff9b::192.168.1.1", false},
        {"2002:7f00:1::1", false},        {"2002:a9fe:a9fe::1", false}, {"2002:808:808::1", true},
        {"::ffff:0:127.0.0.1", false},
    };

    // clang-format on
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        if (is_public(rows[i].address) != rows[i].is_public) fail_msg("%s", rows[i].address);
}

static void test_other_families_are_not_public(void **state)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/run/florin/auth.sock"};
    (void)state;
    assert_false(outbound_address_is_public((const struct sockaddr *)&local));
}

enum { STRICT = 0, PLAIN = 1, PRIVATE = 2 };

static void test_urls(void **state)
{
    // clang-format off
    static const struct {
        const char *url;
        unsigned rules;
        bool is_allowed;
    } rows[] = {
        {"https://erp.example.com/florin",            STRICT,  true},
        {"https://erp.example.com",                   STRICT,  true},
        {"HTTPS://erp.example.com:8443/a?b=c%20d",    STRICT,  true},
        {"https://8.8.8.8/x",                         STRICT,  true},
        {"https://[2606:4700::1111]/x",               STRICT,  true},
        {"http://erp.example.com/",                   STRICT,  false},
        {"http://erp.example.com/",                   PLAIN,   true},
        {"http://127.0.0.1/",                         PLAIN,   false},
        {"http://127.0.0.1:8080/",                    PLAIN | PRIVATE, true},
        {"ftp://erp.example.com/",                    PLAIN,   false},
        {"file:///etc/passwd",                        PLAIN | PRIVATE, false},
        {"gopher://erp.example.com/",                 PLAIN,   false},
        {"erp.example.com/florin",                    PLAIN,   false},
        {"//erp.example.com/",                        PLAIN,   false},
        {"https:///path",                             STRICT,  false},
        {"https://",                                  STRICT,  false},
        {"",                                          STRICT,  false},
        {"https://user@erp.example.com/",             STRICT,  false},
        {"https://user:word@erp.example.com/",        STRICT,  false},
        {"https://:word@erp.example.com/",            STRICT,  false},
        {"https://erp.example.com/#part",             STRICT,  false},
        {"https://erp.example.com/#",                 STRICT,  false},
        {"https://erp.example.com/a b",               STRICT,  false},
        {"https://erp.example.com/a\r\nHost: x",      STRICT,  false},
        {"https://erp.example.com/\xc3\xa9",          STRICT,  false},
        {"https://erp.example.com\\@10.0.0.1/",       STRICT,  false},
        {"https://erp.example.com:99999/",            STRICT,  false},
        // Every way to write an address that is not public.
        {"https://127.0.0.1/",                        STRICT,  false},
        {"https://127.1/",                            STRICT,  false},
        {"https://0x7f.0.0.1/",                       STRICT,  false},
        {"https://0x7f000001/",                       STRICT,  false},
        {"https://2130706433/",                       STRICT,  false},
        {"https://0177.0.0.1/",                       STRICT,  false},
        {"https://0/",                                STRICT,  false},
        {"https://10.0.0.1/",                         STRICT,  false},
        {"https://169.254.169.254/latest/meta-data/", STRICT,  false},
        {"https://192.168.1.1:8443/",                 STRICT,  false},
        {"https://[::1]/",                            STRICT,  false},
        {"https://[::ffff:10.0.0.1]/",                STRICT,  false},
        {"https://[::ffff:a00:1]/",                   STRICT,  false},
        {"https://[64:ff9b::7f00:1]/",                STRICT,  false},
        {"https://[fe80::1%25eth0]/",                 STRICT,  false},
        {"https://[fe80::1%25eth0]/",                 PRIVATE, false},
        {"https://[fd00::1]/",                        STRICT,  false},
        {"https://[fd00::1]/",                        PRIVATE, true},
        {"https://localhost/",                        STRICT,  false},
        {"https://LocalHost./",                       STRICT,  false},
        {"https://a.localhost/",                      STRICT,  false},
        {"https://notlocalhost/",                     STRICT,  true},
        {"https://localhost/",                        PRIVATE, true},
    };

    // clang-format on
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct outbound_url_rules rules = {.plain_allowed = (rows[i].rules & PLAIN) != 0,
                                           .private_allowed = (rows[i].rules & PRIVATE) != 0};
        struct status status = outbound_url_check(rows[i].url, &rules);
        if (status_ok(status) != rows[i].is_allowed) fail_msg("%s", rows[i].url);
        if (!rows[i].is_allowed) assert_string_equal(status.reason, "URL_NOT_ALLOWED");
    }
}

static void test_a_url_has_a_longest_size(void **state)
{
    char url[OUTBOUND_URL_BYTES_MAX + 2] = "https://erp.example.com/";
    struct outbound_url_rules rules = {0};
    (void)state;
    memset(url + strlen(url), 'a', OUTBOUND_URL_BYTES_MAX - strlen(url));
    assert_status_ok(outbound_url_check(url, &rules));
    url[OUTBOUND_URL_BYTES_MAX] = 'a';
    assert_refused(outbound_url_check(url, &rules), "URL_NOT_ALLOWED");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_other_families_are_not_public),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_a_url_has_a_longest_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
