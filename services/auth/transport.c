#include "services/auth/transport.h"

#include "common/base/check.h"

#include <curl/curl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ATTEMPT_SOCKETS_MAX = 8, HEADER_BYTES = 640, STACK_BYTES = 512 * 1024 };

/// How far SMTP has come: what the server's last reply is about.
enum stage {
    STAGE_SERVER,  // Greeting, STARTTLS, AUTH, MAIL: us.
    STAGE_MESSAGE, // RCPT, DATA: this message.
};

struct auth_attempt {
    struct auth_transport *transport;
    void *context;
    CURL *curl;
    struct curl_slist *list; // Recipients or headers.
    bool is_smtp;
    enum stage stage;
    struct bytes unsent;
    pthread_t thread;
    struct auth_attempt_report report; // Once it is among the ended.
    struct auth_attempt *next;

    pthread_mutex_t lock; // Of what follows: a cancel comes from another thread.
    bool is_cancelled;
    int sockets[ATTEMPT_SOCKETS_MAX];
    size_t socket_count;
};

struct auth_transport {
    struct auth_transport_config config;
    int ended_fd; // An eventfd: readable when attempts have ended.
    pthread_mutex_t lock;
    struct auth_attempt *ended; // Newest first; few.
};

static void init_libcurl(void)
{
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

struct auth_transport *auth_transport_open(const struct auth_transport_config *config)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CHECK(pthread_once(&once, init_libcurl) == 0);
    struct auth_transport *transport = calloc(1, sizeof *transport);
    CHECK(transport != NULL);
    transport->config = *config;
    transport->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(transport->ended_fd >= 0);
    pthread_mutex_init(&transport->lock, NULL);
    return transport;
}

void auth_transport_close(struct auth_transport **transport)
{
    struct auth_transport *old = *transport;
    if (old == NULL) return;
    CHECK(old->ended == NULL);
    pthread_mutex_destroy(&old->lock);
    close(old->ended_fd);
    free(old);
    *transport = NULL;
}

// ---- libcurl's callbacks -------------------------------------------------------------------

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    struct auth_attempt *attempt = context;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0) return CURL_SOCKET_BAD;
    pthread_mutex_lock(&attempt->lock);
    bool has_room = attempt->socket_count < ATTEMPT_SOCKETS_MAX && !attempt->is_cancelled;
    if (has_room) attempt->sockets[attempt->socket_count++] = fd;
    pthread_mutex_unlock(&attempt->lock);
    if (has_room) return fd;
    close(fd);
    return CURL_SOCKET_BAD;
}

static int close_socket(void *context, curl_socket_t fd)
{
    struct auth_attempt *attempt = context;
    pthread_mutex_lock(&attempt->lock);
    for (size_t i = 0; i < attempt->socket_count; i++) {
        if (attempt->sockets[i] != fd) continue;
        attempt->sockets[i] = attempt->sockets[--attempt->socket_count];
        break;
    }
    pthread_mutex_unlock(&attempt->lock);
    return close(fd);
}

static void shut_sockets(struct auth_attempt *attempt, int how)
{
    pthread_mutex_lock(&attempt->lock);
    for (size_t i = 0; i < attempt->socket_count; i++)
        (void)shutdown(attempt->sockets[i], how);
    pthread_mutex_unlock(&attempt->lock);
}

/// look_whether_cancelled is asked each second at the latest, also while a name is looked up.
static int look_whether_cancelled(void *context, curl_off_t down_total, curl_off_t down,
                                  curl_off_t up_total, curl_off_t up)
{
    (void)down_total, (void)down, (void)up_total, (void)up;
    struct auth_attempt *attempt = context;
    pthread_mutex_lock(&attempt->lock);
    bool is_cancelled = attempt->is_cancelled;
    pthread_mutex_unlock(&attempt->lock);
    return is_cancelled ? 1 : 0;
}

/// watch_commands follows the SMTP dialogue by the commands that leave. What becomes of QUIT is of
/// no interest, and libcurl would wait for its answer: nothing more is read from then on.
static int watch_commands(CURL *curl, curl_infotype type, char *data, size_t size, void *context)
{
    static const struct {
        const char *verb;
        enum stage stage;
    } verbs[] = {{"RCPT ", STAGE_MESSAGE}, {"DATA", STAGE_MESSAGE}};

    (void)curl;
    struct auth_attempt *attempt = context;
    if (type != CURLINFO_HEADER_OUT || !attempt->is_smtp) return 0;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        size_t verb_size = strlen(verbs[i].verb);
        if (size >= verb_size && memcmp(data, verbs[i].verb, verb_size) == 0)
            attempt->stage = verbs[i].stage;
    }
    if (size >= 4 && memcmp(data, "QUIT", 4) == 0) shut_sockets(attempt, SHUT_RD);
    return 0;
}

static size_t read_body(char *buffer, size_t size, size_t count, void *context)
{
    struct auth_attempt *attempt = context;
    size_t room = size * count;
    size_t taken = attempt->unsent.size < room ? attempt->unsent.size : room;
    memcpy(buffer, attempt->unsent.data, taken);
    attempt->unsent = bytes_of(attempt->unsent.data + taken, attempt->unsent.size - taken);
    return taken;
}

/// What a webhook answers beside its code is nobody's concern.
static size_t forget_answer(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    (void)context;
    return size * count;
}

// ---- What became of it ---------------------------------------------------------------------

static bool is_among(long code, const long *codes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (codes[i] == code) return true;
    return false;
}

#define IS_AMONG(code_, codes_) is_among((code_), (codes_), sizeof(codes_) / sizeof(codes_)[0])

static void judge_smtp(const struct auth_attempt *attempt, struct auth_attempt_report *report)
{
    static const long of_us[] = {530, 534, 535, 538}; // How we log in, whenever it is said.
    if (report->result == AUTH_ATTEMPT_ACCEPTED) return;
    long code = (long)report->code;
    bool is_of_message = attempt->stage == STAGE_MESSAGE && code >= 400;
    report->is_answered = is_of_message && !IS_AMONG(code, of_us);
    if (report->is_answered && code >= 500) report->result = AUTH_ATTEMPT_REFUSED;
}

/// judge_post: a message that the webhook will never take is one that it calls bad itself. What
/// speaks of our token, the address of the webhook or its load may be put right meanwhile.
static void judge_post(const struct auth_attempt *attempt, struct auth_attempt_report *report)
{
    static const long of_us[] = {401, 403, 404, 405, 407, 408, 421, 425, 426, 429, 431};
    curl_off_t wait_s = 0;
    if (report->result != AUTH_ATTEMPT_ACCEPTED) return;
    long code = (long)report->code;
    if (code >= 200 && code <= 299) return;
    report->result = AUTH_ATTEMPT_FAILED;
    report->what = "the webhook has answered an error";
    report->is_answered = code >= 400 && code <= 499 && !IS_AMONG(code, of_us);
    if (report->is_answered) report->result = AUTH_ATTEMPT_REFUSED;
    CHECK(curl_easy_getinfo(attempt->curl, CURLINFO_RETRY_AFTER, &wait_s) == CURLE_OK);
    if (wait_s > 0 && wait_s <= INT_MAX) report->wait_ms = (uint64_t)wait_s * 1000;
}

static struct auth_attempt_report judge(const struct auth_attempt *attempt, CURLcode outcome)
{
    long code = 0;
    bool is_accepted = outcome == CURLE_OK;
    CHECK(curl_easy_getinfo(attempt->curl, CURLINFO_RESPONSE_CODE, &code) == CURLE_OK);
    struct auth_attempt_report report = {
        .result = is_accepted ? AUTH_ATTEMPT_ACCEPTED : AUTH_ATTEMPT_FAILED,
        .is_answered = is_accepted,
        .code = code > 0 ? (uint32_t)code : 0,
        .what = curl_easy_strerror(outcome),
    };
    if (attempt->is_smtp)
        judge_smtp(attempt, &report);
    else
        judge_post(attempt, &report);
    return report;
}

// ---- The attempt's thread ------------------------------------------------------------------

static void *run(void *context)
{
    struct auth_attempt *attempt = context;
    struct auth_transport *transport = attempt->transport;
    CURLcode outcome = curl_easy_perform(attempt->curl);
    attempt->report = judge(attempt, outcome);
    pthread_mutex_lock(&transport->lock);
    attempt->next = transport->ended;
    transport->ended = attempt;
    pthread_mutex_unlock(&transport->lock);
    CHECK(eventfd_write(transport->ended_fd, 1) == 0);
    return NULL;
}

// ---- Starting ------------------------------------------------------------------------------

#define SET(attempt_, option_, value_)                                                             \
    CHECK(curl_easy_setopt((attempt_)->curl, (option_), (value_)) == CURLE_OK)

static struct auth_attempt *make_attempt(struct auth_transport *transport, const char *url,
                                         struct bytes body, void *context)
{
    struct auth_attempt *attempt = calloc(1, sizeof *attempt);
    CHECK(attempt != NULL);
    *attempt = (struct auth_attempt){
        .transport = transport, .context = context, .unsent = body, .curl = curl_easy_init()};
    CHECK(attempt->curl != NULL);
    pthread_mutex_init(&attempt->lock, NULL);
    uint64_t timeout_ms = transport->config.timeout_ms;
    SET(attempt, CURLOPT_URL, url);
    SET(attempt, CURLOPT_PROXY, "");
    SET(attempt, CURLOPT_NOSIGNAL, 1L);
    SET(attempt, CURLOPT_QUICK_EXIT, 1L); // An end does not wait for a name that is looked up.
    SET(attempt, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    SET(attempt, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)(timeout_ms + 999) / 1000);
    SET(attempt, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(attempt, CURLOPT_FORBID_REUSE, 1L); // QUIT is said by the attempt's own thread.
    SET(attempt, CURLOPT_NOPROGRESS, 0L);
    SET(attempt, CURLOPT_XFERINFOFUNCTION, look_whether_cancelled);
    SET(attempt, CURLOPT_XFERINFODATA, attempt);
    SET(attempt, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(attempt, CURLOPT_OPENSOCKETDATA, attempt);
    SET(attempt, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    SET(attempt, CURLOPT_CLOSESOCKETDATA, attempt);
    SET(attempt, CURLOPT_WRITEFUNCTION, forget_answer);
    SET(attempt, CURLOPT_DEBUGFUNCTION, watch_commands);
    SET(attempt, CURLOPT_DEBUGDATA, attempt);
    SET(attempt, CURLOPT_VERBOSE, 1L); // To watch_commands, which prints nothing.
    if (transport->config.tls_ca_file[0] != '\0') {
        SET(attempt, CURLOPT_CAINFO, transport->config.tls_ca_file);
        SET(attempt, CURLOPT_CAPATH, NULL);
    }
    return attempt;
}

static void add_to_list(struct auth_attempt *attempt, const char *text)
{
    struct curl_slist *list = curl_slist_append(attempt->list, text);
    CHECK(list != NULL);
    attempt->list = list;
}

static struct auth_attempt *start(struct auth_attempt *attempt)
{
    pthread_attr_t attributes;
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0);
    CHECK(pthread_create(&attempt->thread, &attributes, run, attempt) == 0);
    pthread_attr_destroy(&attributes);
    pthread_setname_np(attempt->thread, "auth-delivery");
    return attempt;
}

struct auth_attempt *auth_transport_start_smtp(struct auth_transport *transport,
                                               const struct auth_smtp_request *request,
                                               void *context)
{
    struct auth_attempt *attempt = make_attempt(transport, request->url, request->body, context);
    attempt->is_smtp = true;
    add_to_list(attempt, request->to);
    SET(attempt, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    SET(attempt, CURLOPT_USE_SSL, request->needs_tls ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_TRY);
    SET(attempt, CURLOPT_MAIL_FROM, request->from);
    SET(attempt, CURLOPT_MAIL_RCPT, attempt->list);
    SET(attempt, CURLOPT_UPLOAD, 1L);
    SET(attempt, CURLOPT_READFUNCTION, read_body);
    SET(attempt, CURLOPT_READDATA, attempt);
    SET(attempt, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body.size);
    if (request->user[0] != '\0') {
        SET(attempt, CURLOPT_USERNAME, request->user);
        SET(attempt, CURLOPT_PASSWORD, request->password);
    }
    return start(attempt);
}

struct auth_attempt *auth_transport_start_post(struct auth_transport *transport,
                                               const struct auth_post_request *request,
                                               void *context)
{
    char header[HEADER_BYTES];
    struct auth_attempt *attempt = make_attempt(transport, request->url, request->body, context);
    add_to_list(attempt, "Content-Type: application/json");
    add_to_list(attempt, "Expect:");
    int size = snprintf(header, sizeof header, "Idempotency-Key: %s", request->id);
    CHECK(size > 0 && (size_t)size < sizeof header);
    add_to_list(attempt, header);
    size = snprintf(header, sizeof header, "Authorization: Bearer %s", request->token);
    CHECK(size > 0 && (size_t)size < sizeof header);
    if (request->token[0] != '\0') add_to_list(attempt, header);
    SET(attempt, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(attempt, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(attempt, CURLOPT_FOLLOWLOCATION, 0L);
    SET(attempt, CURLOPT_HTTPHEADER, attempt->list);
    SET(attempt, CURLOPT_POST, 1L);
    SET(attempt, CURLOPT_POSTFIELDS, (const char *)request->body.data);
    SET(attempt, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
    return start(attempt);
}

// ---- Ending --------------------------------------------------------------------------------

void auth_attempt_cancel(struct auth_attempt *attempt)
{
    pthread_mutex_lock(&attempt->lock);
    attempt->is_cancelled = true;
    pthread_mutex_unlock(&attempt->lock);
    shut_sockets(attempt, SHUT_RDWR);
}

static void unlink_ended(struct auth_attempt *attempt)
{
    struct auth_transport *transport = attempt->transport;
    pthread_mutex_lock(&transport->lock);
    struct auth_attempt **at = &transport->ended;
    while (*at != NULL && *at != attempt)
        at = &(*at)->next;
    if (*at != NULL) *at = attempt->next;
    pthread_mutex_unlock(&transport->lock);
}

void auth_attempt_close(struct auth_attempt **attempt)
{
    struct auth_attempt *old = *attempt;
    if (old == NULL) return;
    auth_attempt_cancel(old);
    CHECK(pthread_join(old->thread, NULL) == 0);
    unlink_ended(old);
    curl_easy_cleanup(old->curl);
    curl_slist_free_all(old->list);
    pthread_mutex_destroy(&old->lock);
    free(old);
    *attempt = NULL;
}

void *auth_transport_next(struct auth_transport *transport, struct auth_attempt_report *ret)
{
    pthread_mutex_lock(&transport->lock);
    struct auth_attempt *attempt = transport->ended;
    if (attempt != NULL) transport->ended = attempt->next;
    pthread_mutex_unlock(&transport->lock);
    if (attempt == NULL) return NULL;
    *ret = attempt->report;
    return attempt->context;
}

void auth_transport_wait(struct auth_transport *transport, int wake_fd, uint64_t wait_ms)
{
    eventfd_t unused;
    struct pollfd fds[] = {{.fd = transport->ended_fd, .events = POLLIN},
                           {.fd = wake_fd, .events = POLLIN}}; // -1 is passed over.
    (void)poll(fds, 2, wait_ms < INT_MAX ? (int)wait_ms : INT_MAX);
    (void)eventfd_read(transport->ended_fd, &unused); // Does not block: nobody may have rung.
}
