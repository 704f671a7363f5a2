// The library's face: plain C types in front of the subscriber, its channel and its tokens.
#include "common/event/client/subscriber.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/version.h"
#include "common/crypto/token.h"
#include "common/event/subscriber.h"
#include "common/event/wire.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static_assert((int)FLORIN_SUBSCRIBER_EVENTS_MAX == (int)EVENT_SUBSCRIBER_EVENTS_MAX,
              "what we are given fits");

enum { KEY_PATH_BYTES = 4096, TYPES_MAX = 64, DIGEST_BYTES = 32 };

struct florin_subscriber {
    struct florin_subscriber *next; // In the list of all, which the sockets outlive.
    struct event_subscriber *subscriber;
    struct rpc_channel *channel;
    struct key_signer *signer;
    int (*handle)(void *context, const struct florin_event *events, size_t count,
                  const struct florin_cursor *cursor);
    void (*stale_changed)(void *context, int is_stale);
    void *context;
    // Copies of the configuration's texts.
    char source[EVENT_SOURCE_BYTES_MAX], consumer[EVENT_SOURCE_BYTES_MAX];
    char service[TOKEN_ROLE_BYTES_MAX];
    char *texts[6 + TYPES_MAX];
    size_t text_count;
    const char *types[TYPES_MAX];
    // The thread's own.
    char token[TOKEN_BYTES_MAX];
    uint64_t token_until_s;
    struct florin_event events[FLORIN_SUBSCRIBER_EVENTS_MAX];
};

// What was opened, and is not freed: its sockets live until the process ends.
static struct florin_subscriber *all;
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;

#define CONFIG_INCOMPLETE                                                                          \
    REFUSE(INVALID_ARGUMENT, CONFIG_INCOMPLETE, "source, both URLs, key_file and handle are needed")
#define CONFIG_TOO_LONG REFUSE(INVALID_ARGUMENT, CONFIG_TOO_LONG, "a name or a list is too long")

// ---- What the subscriber calls -------------------------------------------------------------

static void give_token(void *context, char *ret_text, size_t size)
{
    struct florin_subscriber *own = context;
    uint64_t now_s = clock_wall_ns() / NS_PER_SECOND, until_s = own->token_until_s;
    // Renewed at half its life; also when the clock went back behind its making.
    if (now_s >= until_s || now_s + TOKEN_SERVICE_LIFE_S < until_s) {
        token_issue_service(own->service, own->signer, now_s, TOKEN_SERVICE_LIFE_S, own->token);
        own->token_until_s = now_s + TOKEN_SERVICE_LIFE_S / 2;
    }
    snprintf(ret_text, size, "%s", own->token);
}

static const uint8_t *digest_of(struct bytes digest)
{
    return digest.size == DIGEST_BYTES ? digest.data : NULL;
}

static struct florin_event event_of(const struct event_view *view)
{
    return (struct florin_event){
        .source = view->source,
        .type = view->type,
        .subject = view->subject,
        .actor = view->actor,
        .request_id = view->request_id,
        .traceparent = view->traceparent,
        .client_ip = view->client_ip,
        .device_id = view->device_id,
        .outcome = view->outcome,
        .reason = view->reason,
        .seq = view->seq,
        .time_ns = view->time_ns,
        .visible_to = view->visible_to,
        .visible_to_count = view->visible_to_count,
        .payload = view->payload.data,
        .payload_bytes = view->payload.size,
        .before_digest = digest_of(view->before_digest),
        .after_digest = digest_of(view->after_digest),
        .packed = view->packed.data,
        .packed_bytes = view->packed.size,
    };
}

static struct status ask(struct florin_subscriber *own, size_t count, struct florin_cursor cursor)
{
    if (own->handle(own->context, own->events, count, &cursor) == 0) return STATUS_SUCCESS;
    return REFUSE(UNAVAILABLE, NOT_HANDLED, "the program did not take them");
}

static struct status handle(void *context, const struct event_view *events, size_t count,
                            uint64_t log_id)
{
    struct florin_subscriber *own = context;
    for (size_t i = 0; i < count; i++)
        own->events[i] = event_of(&events[i]);
    return ask(own, count, (struct florin_cursor){events[count - 1].seq, log_id});
}

static struct status passed(void *context, uint64_t seq, uint64_t log_id)
{
    return ask(context, 0, (struct florin_cursor){seq, log_id});
}

static void stale_changed(void *context, bool is_stale)
{
    const struct florin_subscriber *own = context;
    if (own->stale_changed != NULL) own->stale_changed(own->context, is_stale);
}

// ---- Configuration -------------------------------------------------------------------------

static struct status copy_name(char *ret, size_t size, const char *text)
{
    int written = snprintf(ret, size, "%s", text != NULL ? text : "");
    return written >= 0 && (size_t)written < size ? STATUS_SUCCESS : CONFIG_TOO_LONG;
}

static const char *keep(struct florin_subscriber *own, const char *text)
{
    if (text == NULL) return NULL;
    char *copy = strdup(text);
    CHECK(copy != NULL && own->text_count < sizeof own->texts / sizeof own->texts[0]);
    return own->texts[own->text_count++] = copy;
}

static bool is_missing(const char *text)
{
    return text == NULL || text[0] == 0;
}

// "<directory>/<service>.key"
static struct status load_key(struct florin_subscriber *own, const char *path)
{
    char directory[KEY_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t name_size = strlen(name), directory_size = (size_t)(name - path);
    if (name_size < 5 || strcmp(name + name_size - 4, ".key") != 0)
        return REFUSE(INVALID_ARGUMENT, KEY_NAME, "a key file's name is <service>.key");
    name_size -= 4;
    if (name_size >= sizeof own->service || directory_size >= sizeof directory)
        return CONFIG_TOO_LONG;
    memcpy(own->service, name, name_size);
    snprintf(directory, sizeof directory, "%.*s", (int)directory_size, path);
    return key_signer_load(slash != NULL ? directory : ".", own->service, &own->signer);
}

static void open_log(const char *service)
{
    static bool is_open;
    pthread_mutex_lock(&all_lock);
    if (!is_open) log_open(service, LOG_FORMAT_LOGFMT, LOG_LEVEL_WARN);
    is_open = true;
    pthread_mutex_unlock(&all_lock);
}

static struct status take_config(struct florin_subscriber *own,
                                 const struct florin_subscriber_config *config)
{
    if (is_missing(config->source) || is_missing(config->events_url) ||
        is_missing(config->rpc_url) || is_missing(config->key_file) || config->handle == NULL)
        return CONFIG_INCOMPLETE;
    if (config->type_count > TYPES_MAX) return CONFIG_TOO_LONG;
    for (size_t i = 0; i < config->type_count; i++) {
        if (config->types[i] == NULL) return CONFIG_INCOMPLETE;
        own->types[i] = keep(own, config->types[i]);
    }
    RETURN_IF_ERROR(copy_name(own->source, sizeof own->source, config->source));
    RETURN_IF_ERROR(copy_name(own->consumer, sizeof own->consumer, config->consumer));
    own->handle = config->handle;
    own->stale_changed = config->stale_changed;
    own->context = config->context;
    RETURN_IF_ERROR(crypto_open());
    return load_key(own, config->key_file);
}

static struct status start(struct florin_subscriber *own,
                           const struct florin_subscriber_config *config)
{
    const struct rpc_tls_config tls = {.ca_file = keep(own, config->tls_ca_file),
                                       .certificate_file = keep(own, config->tls_certificate_file),
                                       .key_file = keep(own, config->tls_key_file),
                                       .server_name = keep(own, config->tls_server_name)};
    const struct rpc_channel_config channel = {
        .name = own->source, .url = keep(own, config->rpc_url), .tls = tls};
    RETURN_IF_ERROR(rpc_channel_open(&channel, &own->channel));
    const struct event_subscriber_config inner = {
        .source = own->source,
        .consumer = own->consumer[0] != 0 ? own->consumer : NULL,
        .pub_url = keep(own, config->events_url),
        .tls = tls,
        .channel = own->channel,
        .token = give_token,
        .token_context = own,
        .types = own->types,
        .type_count = config->type_count,
        .after_seq = config->cursor.seq,
        .log_id = config->cursor.log_id,
        .not_before_ns = config->not_before_ns,
        .linger_ms = config->linger_ms,
        .handle = handle,
        .passed = passed,
        .stale_changed = stale_changed,
        .context = own,
    };
    return event_subscriber_open(&inner, &own->subscriber);
}

// ---- Life ----------------------------------------------------------------------------------

static void add_to_all(struct florin_subscriber *own)
{
    pthread_mutex_lock(&all_lock);
    own->next = all;
    all = own;
    pthread_mutex_unlock(&all_lock);
}

static void discard(struct florin_subscriber *own)
{
    key_signer_close(&own->signer);
    if (own->channel != NULL) return; // Its socket lives on, and knows its texts.
    for (size_t i = 0; i < own->text_count; i++)
        free(own->texts[i]);
    free(own);
}

int florin_subscriber_open(const struct florin_subscriber_config *config,
                           struct florin_subscriber **ret, const char **ret_reason)
{
    struct florin_subscriber *own = calloc(1, sizeof *own);
    CHECK(own != NULL);
    struct status status = take_config(own, config);
    if (status_ok(status)) {
        open_log(own->service);
        status = start(own, config);
        if (own->channel != NULL) add_to_all(own);
    }
    if (status_ok(status)) {
        *ret = own;
        return 0;
    }
    if (ret_reason != NULL) *ret_reason = status.reason;
    discard(own);
    return -1;
}

void florin_subscriber_close(struct florin_subscriber **subscriber)
{
    struct florin_subscriber *own = *subscriber;
    if (own == NULL) return;
    event_subscriber_close(&own->subscriber);
    key_signer_close(&own->signer);
    *subscriber = NULL;
}

void florin_subscriber_get_state(struct florin_subscriber *subscriber,
                                 struct florin_subscriber_state *ret)
{
    struct event_subscriber_state state;
    event_subscriber_get_state(subscriber->subscriber, &state);
    *ret = (struct florin_subscriber_state){.seq = state.seq,
                                            .head_seq = state.head_seq,
                                            .gap_count = state.gap_count,
                                            .is_stale = state.is_stale,
                                            .stop_reason = state.stop_reason};
}

const char *florin_subscriber_version(void)
{
    return florin_version();
}
