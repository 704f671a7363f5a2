// A source as the log sees it: what is told of it while the log cannot take its events.
#include "common/base/check.h"
#include "services/audit/sources.h"
#include "tests/unit/audit/fixture.h"
#include "tests/unit/event/source.h"

#include <unistd.h>

enum { WAIT_MS = 20000, LEDGER = 2 };

static const char label[] = "source=\"ledger\"";

static uint64_t lag(void)
{
    return metric_value(metric_gauge("florin_audit_source_lag", "", label));
}

static void wait_for_lag(uint64_t wanted)
{
    for (int i = 0; i < WAIT_MS && lag() != wanted; i++)
        usleep(1000);
    assert_int_equal(lag(), wanted);
}

static void give_token(void *context, char *ret_text, size_t size)
{
    (void)context;
    snprintf(ret_text, size, "anybody");
}

/// follow stands for audit_sources_start, which needs a daemon.
static void follow(struct audit_sources *sources, const struct source *source, uint64_t after_seq)
{
    static struct rpc_channel *channel;
    const struct rpc_channel_config channel_config = {.name = "test", .url = source->rpc_url};
    struct event_subscriber *subscriber;
    assert_status_ok(rpc_channel_open(&channel_config, &channel));
    const struct event_subscriber_config config = {.source = "test",
                                                   .pub_url = source->pub_url,
                                                   .channel = channel,
                                                   .token = give_token,
                                                   .after_seq = after_seq,
                                                   .handle = audit_sources_handle,
                                                   .context = &sources->items[LEDGER]};
    assert_status_ok(event_subscriber_open(&config, &subscriber));
    pthread_mutex_lock(&sources->lock);
    sources->items[LEDGER].subscriber = subscriber;
    pthread_mutex_unlock(&sources->lock);
}

// The log lacks events 1 to 5, so it takes none of those behind: whoever watches the lag sees that.
static void test_the_lag_is_told_while_events_are_refused(void **state)
{
    struct fixture *fixture = *state;
    static struct source source;
    struct audit_sources sources;
    source_make(&source);
    source_start(&source);
    assert_int_equal(source_ask(&source, SOURCE_APPEND, 8), 8);
    audit_sources_open(&fixture->service, &sources);
    follow(&sources, &source, 5);
    wait_for_lag(3);
    assert_int_equal(source_ask(&source, SOURCE_APPEND, 4), 12);
    assert_int_equal(accept(fixture, audit_source_names[LEDGER], 1, 5).code, STATUS_OK);
    wait_for_lag(0);
    audit_sources_stop(&sources);
    audit_sources_close(&sources);
    source_remove(&source);
}

int main(int argc, char **argv)
{
    int code;
    if (source_run(argc, argv, &code)) return code;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_lag_is_told_while_events_are_refused, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("sources", tests, NULL, NULL);
}
