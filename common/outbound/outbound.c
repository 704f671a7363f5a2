#include "common/outbound/outbound.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/thread.h"
#include "common/outbound/address.h"

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

enum { ATTEMPT_SOCKETS_MAX = 8, STACK_BYTES = 512 * 1024 };

/// How far SMTP has come: what the server's last reply is about.
enum stage {
    STAGE_SERVER,  // Greeting, STARTTLS, AUTH, MAIL: us.
    STAGE_MESSAGE, // RCPT, DATA: this message.
};

struct outbound_attempt {
    struct outbound *outbound;
    void *context;
    CURL *curl;
    struct curl_slist *list; // Recipients or headers.
    bool is_smtp;
    enum stage stage;
    struct bytes unsent;
    bool public_only, keeps_answer;
    bool has_forbidden;  // An address was not connected to, for it is not public.
    bool has_connected;  // Another one was.
    bool is_answer_long; // Longer than what is read.
    uint8_t *answer;     // Where it is kept: OUTBOUND_ANSWER_BYTES_MAX.
    size_t answer_bytes; // Also of one that is not kept.
    pthread_t thread;
    struct outbound_report report; // Once it is among the ended.
    struct outbound_attempt *next;

    pthread_mutex_t lock; // Of what follows: a cancel comes from another thread.
    bool is_cancelled;
    int sockets[ATTEMPT_SOCKETS_MAX];
    size_t socket_count;
};

struct outbound {
    struct outbound_config config;
    int ended_fd; // An eventfd: readable when attempts have ended.
    pthread_mutex_t lock;
    struct outbound_attempt *ended; // Newest first; few.
};

static void init_libcurl(void)
{
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

struct outbound *outbound_open(const struct outbound_config *config)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CHECK(pthread_once(&once, init_libcurl) == 0);
    struct outbound *outbound = calloc(1, sizeof *outbound);
    CHECK(outbound != NULL);
    outbound->config = *config;
    outbound->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(outbound->ended_fd >= 0);
    pthread_mutex_init(&outbound->lock, NULL);
    return outbound;
}

void outbound_close(struct outbound **outbound)
{
    struct outbound *old = *outbound;
    if (old == NULL) return;
    CHECK(old->ended == NULL);
    pthread_mutex_destroy(&old->lock);
    close(old->ended_fd);
    free(old);
    *outbound = NULL;
}

// ---- libcurl's callbacks -------------------------------------------------------------------

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    struct outbound_attempt *attempt = context;
    if (attempt->public_only && !outbound_address_is_public(&address->addr)) {
        attempt->has_forbidden = true;
        return CURL_SOCKET_BAD; // libcurl goes on with the host's next address.
    }
    attempt->has_connected = true;
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
    struct outbound_attempt *attempt = context;
    pthread_mutex_lock(&attempt->lock);
    for (size_t i = 0; i < attempt->socket_count; i++) {
        if (attempt->sockets[i] != fd) continue;
        attempt->sockets[i] = attempt->sockets[--attempt->socket_count];
        break;
    }
    pthread_mutex_unlock(&attempt->lock);
    return close(fd);
}

static void shut_sockets(struct outbound_attempt *attempt, int how)
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
    struct outbound_attempt *attempt = context;
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
    struct outbound_attempt *attempt = context;
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
    struct outbound_attempt *attempt = context;
    size_t room = size * count;
    size_t taken = attempt->unsent.size < room ? attempt->unsent.size : room;
    memcpy(buffer, attempt->unsent.data, taken);
    attempt->unsent = bytes_of(attempt->unsent.data + taken, attempt->unsent.size - taken);
    return taken;
}

/// take_answer keeps the answer's body, or lets it go; a long one is not read to its end.
static size_t take_answer(char *data, size_t size, size_t count, void *context)
{
    struct outbound_attempt *attempt = context;
    size_t got = size * count;
    attempt->is_answer_long = got > OUTBOUND_ANSWER_BYTES_MAX - attempt->answer_bytes;
    if (attempt->is_answer_long) return 0;
    if (attempt->keeps_answer) memcpy(attempt->answer + attempt->answer_bytes, data, got);
    attempt->answer_bytes += got;
    return got;
}

// ---- What became of it ---------------------------------------------------------------------

static bool is_among(long code, const long *codes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (codes[i] == code) return true;
    return false;
}

#define IS_AMONG(code_, codes_) is_among((code_), (codes_), sizeof(codes_) / sizeof(codes_)[0])

static void judge_smtp(const struct outbound_attempt *attempt, struct outbound_report *report)
{
    static const long of_us[] = {530, 534, 535, 538}; // How we log in, whenever it is said.
    if (report->result == OUTBOUND_ACCEPTED) return;
    long code = (long)report->code;
    bool is_of_message = attempt->stage == STAGE_MESSAGE && code >= 400;
    report->is_answered = is_of_message && !IS_AMONG(code, of_us);
    if (report->is_answered && code >= 500) report->result = OUTBOUND_REFUSED;
}

/// judge_post: a message that the server will never take is one that it calls bad itself. What
/// speaks of our token, the address of the server or its load may be put right meanwhile.
static void judge_post(const struct outbound_attempt *attempt, struct outbound_report *report)
{
    static const long of_us[] = {401, 403, 404, 405, 407, 408, 421, 425, 426, 429, 431};
    curl_off_t wait_s = 0;
    if (report->result != OUTBOUND_ACCEPTED) return;
    long code = (long)report->code;
    if (code >= 200 && code <= 299) return;
    report->result = OUTBOUND_FAILED;
    report->what = "the server has answered an error";
    report->is_answered = code >= 400 && code <= 499 && !IS_AMONG(code, of_us);
    if (report->is_answered) report->result = OUTBOUND_REFUSED;
    CHECK(curl_easy_getinfo(attempt->curl, CURLINFO_RETRY_AFTER, &wait_s) == CURLE_OK);
    if (wait_s > 0 && wait_s <= INT_MAX) report->wait_ms = (uint64_t)wait_s * 1000;
}

static const char *content_type(const struct outbound_attempt *attempt)
{
    char *type = NULL;
    CHECK(curl_easy_getinfo(attempt->curl, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK);
    return type != NULL ? type : "";
}

/// why_not: libcurl's own words, but for where they mislead whoever reads them in a list.
static const char *why_not(const struct outbound_attempt *attempt, CURLcode outcome)
{
    if (attempt->is_smtp) return curl_easy_strerror(outcome);
    switch (outcome) {
    case CURLE_OUT_OF_MEMORY: // What it allows a line of the head to take.
        return "the answer's head is too long, or there is no memory";
    case CURLE_UNSUPPORTED_PROTOCOL:
        return "the answer is not HTTP";
    default:
        return curl_easy_strerror(outcome);
    }
}

static struct outbound_report judge(const struct outbound_attempt *attempt, CURLcode outcome)
{
    long code = 0;
    // Nobody wants the rest of an answer that is not kept: its code stands.
    if (attempt->is_answer_long && !attempt->keeps_answer) outcome = CURLE_OK;
    bool is_accepted = outcome == CURLE_OK;
    CHECK(curl_easy_getinfo(attempt->curl, CURLINFO_RESPONSE_CODE, &code) == CURLE_OK);
    struct outbound_report report = {
        .result = is_accepted ? OUTBOUND_ACCEPTED : OUTBOUND_FAILED,
        .is_answered = is_accepted,
        .is_forbidden = !is_accepted && attempt->has_forbidden && !attempt->has_connected,
        .code = code > 0 ? (uint32_t)code : 0,
        .what = why_not(attempt, outcome),
        .content_type = attempt->is_smtp ? "" : content_type(attempt),
        .answer = bytes_of(attempt->answer, attempt->keeps_answer ? attempt->answer_bytes : 0),
    };
    if (report.is_forbidden) report.what = "address not allowed";
    if (!is_accepted && attempt->is_answer_long) report.what = "the answer is too long";
    if (attempt->is_smtp)
        judge_smtp(attempt, &report);
    else
        judge_post(attempt, &report);
    return report;
}

// ---- The attempt's thread ------------------------------------------------------------------

static void *run(void *context)
{
    struct outbound_attempt *attempt = context;
    struct outbound *outbound = attempt->outbound;
    uint64_t begun_ns = clock_mono_ns();
    CURLcode outcome = curl_easy_perform(attempt->curl);
    attempt->report = judge(attempt, outcome);
    attempt->report.duration_ms = (uint32_t)((clock_mono_ns() - begun_ns) / NS_PER_MS);
    pthread_mutex_lock(&outbound->lock);
    attempt->next = outbound->ended;
    outbound->ended = attempt;
    pthread_mutex_unlock(&outbound->lock);
    CHECK(eventfd_write(outbound->ended_fd, 1) == 0);
    return NULL;
}

// ---- Starting ------------------------------------------------------------------------------

#define SET(attempt_, option_, value_)                                                             \
    CHECK(curl_easy_setopt((attempt_)->curl, (option_), (value_)) == CURLE_OK)

static struct outbound_attempt *make_attempt(struct outbound *outbound, const char *url,
                                             struct bytes body, void *context)
{
    struct outbound_attempt *attempt = calloc(1, sizeof *attempt);
    CHECK(attempt != NULL);
    *attempt = (struct outbound_attempt){
        .outbound = outbound, .context = context, .unsent = body, .curl = curl_easy_init()};
    CHECK(attempt->curl != NULL);
    pthread_mutex_init(&attempt->lock, NULL);
    uint64_t timeout_ms = outbound->config.timeout_ms;
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
    SET(attempt, CURLOPT_WRITEFUNCTION, take_answer);
    SET(attempt, CURLOPT_WRITEDATA, attempt);
    SET(attempt, CURLOPT_DEBUGFUNCTION, watch_commands);
    SET(attempt, CURLOPT_DEBUGDATA, attempt);
    SET(attempt, CURLOPT_VERBOSE, 1L); // To watch_commands, which prints nothing.
    if (outbound->config.tls_ca_file[0] != '\0') {
        SET(attempt, CURLOPT_CAINFO, outbound->config.tls_ca_file);
        SET(attempt, CURLOPT_CAPATH, NULL);
    }
    return attempt;
}

static void add_to_list(struct outbound_attempt *attempt, const char *text)
{
    struct curl_slist *list = curl_slist_append(attempt->list, text);
    CHECK(list != NULL);
    attempt->list = list;
}

static struct outbound_attempt *start(struct outbound_attempt *attempt)
{
    thread_start(&attempt->thread, "outbound", STACK_BYTES, run, attempt);
    return attempt;
}

struct outbound_attempt *outbound_start_mail(struct outbound *outbound,
                                             const struct outbound_mail *mail, void *context)
{
    struct outbound_attempt *attempt = make_attempt(outbound, mail->url, mail->body, context);
    attempt->is_smtp = true;
    add_to_list(attempt, mail->to);
    SET(attempt, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    SET(attempt, CURLOPT_USE_SSL, mail->needs_tls ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_TRY);
    SET(attempt, CURLOPT_MAIL_FROM, mail->from);
    SET(attempt, CURLOPT_MAIL_RCPT, attempt->list);
    SET(attempt, CURLOPT_UPLOAD, 1L);
    SET(attempt, CURLOPT_READFUNCTION, read_body);
    SET(attempt, CURLOPT_READDATA, attempt);
    SET(attempt, CURLOPT_INFILESIZE_LARGE, (curl_off_t)mail->body.size);
    if (mail->user[0] != '\0') {
        SET(attempt, CURLOPT_USERNAME, mail->user);
        SET(attempt, CURLOPT_PASSWORD, mail->password);
    }
    return start(attempt);
}

static bool is_safe_text(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f) return false;
    return true;
}

bool outbound_header_is_safe(const struct outbound_header *header)
{
    return header->name[0] != '\0' && strpbrk(header->name, ": ") == NULL &&
           is_safe_text(header->name) && is_safe_text(header->value) &&
           strlen(header->name) + strlen(header->value) <= OUTBOUND_HEADER_BYTES_MAX;
}

static void add_header(struct outbound_attempt *attempt, const struct outbound_header *header)
{
    char line[OUTBOUND_HEADER_BYTES_MAX + 3];
    CHECK(outbound_header_is_safe(header));
    if (header->value[0] == '\0') return;
    int size = snprintf(line, sizeof line, "%s: %s", header->name, header->value);
    CHECK(size > 0 && (size_t)size < sizeof line);
    add_to_list(attempt, line);
}

struct outbound_attempt *outbound_start_post(struct outbound *outbound,
                                             const struct outbound_post *post, void *context)
{
    CHECK(post->header_count <= OUTBOUND_HEADERS_MAX);
    struct outbound_attempt *attempt = make_attempt(outbound, post->url, post->body, context);
    attempt->public_only = post->public_only;
    attempt->keeps_answer = post->keep_answer;
    if (post->keep_answer) {
        attempt->answer = malloc(OUTBOUND_ANSWER_BYTES_MAX);
        CHECK(attempt->answer != NULL);
    }
    struct outbound_header content_type = {"Content-Type", post->content_type};
    add_header(attempt, &content_type);
    add_to_list(attempt, "Expect:"); // libcurl would ask before it sends a large body.
    for (size_t i = 0; i < post->header_count; i++)
        add_header(attempt, &post->headers[i]);
    SET(attempt, CURLOPT_PROTOCOLS_STR, post->https_only ? "https" : "http,https");
    SET(attempt, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(attempt, CURLOPT_FOLLOWLOCATION, 0L);
    SET(attempt, CURLOPT_HTTPHEADER, attempt->list);
    SET(attempt, CURLOPT_USERAGENT, post->user_agent);
    SET(attempt, CURLOPT_POST, 1L);
    SET(attempt, CURLOPT_POSTFIELDS, post->body.size > 0 ? (const char *)post->body.data : "");
    SET(attempt, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->body.size);
    return start(attempt);
}

// ---- Ending --------------------------------------------------------------------------------

void outbound_attempt_cancel(struct outbound_attempt *attempt)
{
    pthread_mutex_lock(&attempt->lock);
    attempt->is_cancelled = true;
    pthread_mutex_unlock(&attempt->lock);
    shut_sockets(attempt, SHUT_RDWR);
}

static void unlink_ended(struct outbound_attempt *attempt)
{
    struct outbound *outbound = attempt->outbound;
    pthread_mutex_lock(&outbound->lock);
    struct outbound_attempt **at = &outbound->ended;
    while (*at != NULL && *at != attempt)
        at = &(*at)->next;
    if (*at != NULL) *at = attempt->next;
    pthread_mutex_unlock(&outbound->lock);
}

void outbound_attempt_close(struct outbound_attempt **attempt)
{
    struct outbound_attempt *old = *attempt;
    if (old == NULL) return;
    outbound_attempt_cancel(old);
    CHECK(pthread_join(old->thread, NULL) == 0);
    unlink_ended(old);
    curl_easy_cleanup(old->curl);
    curl_slist_free_all(old->list);
    pthread_mutex_destroy(&old->lock);
    free(old->answer);
    free(old);
    *attempt = NULL;
}

void *outbound_next(struct outbound *outbound, struct outbound_report *ret)
{
    pthread_mutex_lock(&outbound->lock);
    struct outbound_attempt *attempt = outbound->ended;
    if (attempt != NULL) outbound->ended = attempt->next;
    pthread_mutex_unlock(&outbound->lock);
    if (attempt == NULL) return NULL;
    *ret = attempt->report;
    return attempt->context;
}

void outbound_wait(struct outbound *outbound, int wake_fd, uint64_t wait_ms)
{
    eventfd_t unused;
    struct pollfd fds[] = {{.fd = outbound->ended_fd, .events = POLLIN},
                           {.fd = wake_fd, .events = POLLIN}}; // -1 is passed over.
    (void)poll(fds, 2, wait_ms < INT_MAX ? (int)wait_ms : INT_MAX);
    (void)eventfd_read(outbound->ended_fd, &unused); // Does not block: nobody may have rung.
}
