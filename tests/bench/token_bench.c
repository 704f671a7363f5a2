// What a caller's token costs: a full check (Ed25519) and a cached one; and what the approval of a
// payment costs the ledger's writer, which checks each one once. On one core.
//   build/release/bench/token_bench [seconds per figure]
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/crypto/sca_token.h"
#include "common/crypto/token.h"
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>

enum { TOKEN_COUNT = 1000, RUNS = 5 };

static struct key_signer *signer;
static char texts[TOKEN_COUNT][TOKEN_BYTES_MAX];
static size_t sizes[TOKEN_COUNT];
static struct token_cache *cache;

static const uint64_t now_s = 1800000000;

static bool lookup(void *context, const char *kid, uint8_t ret_public_key[static KEY_PUBLIC_BYTES],
                   char ret_issuer[static TOKEN_ISSUER_BYTES_MAX])
{
    (void)context;
    (void)kid;
    memcpy(ret_public_key, key_signer_public(signer), KEY_PUBLIC_BYTES);
    snprintf(ret_issuer, TOKEN_ISSUER_BYTES_MAX, "%s", TOKEN_ISSUER_AUTH);
    return true;
}

static void make_tokens(void)
{
    for (size_t i = 0; i < TOKEN_COUNT; i++) {
        struct token_claims claims = {
            .issuer = TOKEN_ISSUER_AUTH,
            .subject = id128_generate(),
            .token_id = id128_generate(),
            .session_id = id128_generate(),
            .issued_at_s = now_s,
            .not_before_s = now_s,
            .expires_at_s = now_s + 300,
            .auth_time_s = now_s,
            .aal = 2,
            .amr = TOKEN_AMR_PWD | TOKEN_AMR_OTP,
            .role_count = 1,
            .roles = {"customer"},
        };
        sizes[i] = token_issue(&claims, signer, texts[i]);
    }
}

static void check_uncached(size_t i)
{
    struct token_claims claims;
    CHECK(status_ok(token_verify(bytes_of(texts[i], sizes[i]), now_s, lookup, NULL, &claims)));
    token_cache_put(cache, bytes_of(texts[i], sizes[i]), &claims);
}

static void check_cached(size_t i)
{
    struct token_claims claims;
    CHECK(token_cache_get(cache, bytes_of(texts[i], sizes[i]), now_s, &claims));
    CHECK(claims.aal == 2);
}

static void issue(size_t i)
{
    static char text[TOKEN_BYTES_MAX];
    struct token_claims claims;
    CHECK(token_cache_get(cache, bytes_of(texts[i], sizes[i]), now_s, &claims));
    CHECK(token_issue(&claims, signer, text) == sizes[i]);
}

static void check_approval(size_t i)
{
    static char text[SCA_TOKEN_BYTES_MAX];
    static size_t size;
    struct sca_claims claims = {.subject = id128_generate(),
                                .token_id = id128_generate(),
                                .issued_at_s = now_s,
                                .expires_at_s = now_s + SCA_TOKEN_LIFE_S,
                                .action = SCA_ACTION_TRANSFER};
    struct sca_payment payment = {.currency = "INR", .amount = i};
    if (size == 0) size = sca_token_issue(&claims, signer, text);
    sca_link_hash(&payment, claims.link);
    CHECK(status_ok(sca_token_verify(bytes_of(text, size), now_s, lookup, NULL, &claims)));
}

struct figure {
    void (*run)(size_t i);
    double seconds;
};

static double rate_once(void *context)
{
    const struct figure *figure = context;
    uint64_t begin_ns = clock_mono_ns(), now_ns = begin_ns, count = 0;
    while ((double)(now_ns - begin_ns) < figure->seconds * (double)NS_PER_SECOND / RUNS) {
        for (size_t i = 0; i < 100; i++)
            figure->run((size_t)(count++ % TOKEN_COUNT));
        now_ns = clock_mono_ns();
    }
    return (double)count * (double)NS_PER_SECOND / (double)(now_ns - begin_ns);
}

static void measure(const char *what, void (*run)(size_t i), double seconds)
{
    struct figure figure = {run, seconds};
    bench_print_line(what, bench_measure(rate_once, &figure, RUNS), "/s");
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 2.0;
    static const uint8_t seed[KEY_SEED_BYTES] = {1};
    CHECK(status_ok(crypto_open()));
    CHECK(status_ok(key_signer_from_seed(seed, &signer)));
    cache = token_cache_open(65536);
    make_tokens();
    bench_print_machine();
    printf("token of %zu bytes, claims of %zu bytes, %d tokens, one thread\n", sizes[0],
           sizeof(struct token_claims), TOKEN_COUNT);
    measure("token check, uncached", check_uncached, seconds);
    for (size_t i = 0; i < TOKEN_COUNT; i++)
        check_uncached(i);
    measure("token check, cached", check_cached, seconds);
    measure("token issue", issue, seconds);
    measure("approval check, with its link", check_approval, seconds);
    token_cache_close(&cache);
    key_signer_close(&signer);
    return 0;
}
