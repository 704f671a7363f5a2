#include "common/rpc/transport.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/rpc/limits.h"

#include <errno.h>
#include <nng/supplemental/tls/tls.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    RECONNECT_MS_MIN = 10,
    SYNC_TIMEOUT_MS = 10 * 1000, // nng's default is for ever; every call of ours has its own.
    PEM_BYTES_MAX = 256 << 10,
};

struct status transport_status(int error, const char *during)
{
    if (error == 0) return STATUS_SUCCESS;
    LOG_WARN("rpc transport", LOG_TEXT("during", during), LOG_TEXT("error", nng_strerror(error)));
    return (struct status){STATUS_UNAVAILABLE, "RPC_SOCKET", during};
}

struct status transport_set_common(nng_socket socket)
{
    int error = nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, RPC_MESSAGE_BYTES_MAX);
    if (error == 0) error = nng_socket_set_ms(socket, NNG_OPT_SENDTIMEO, SYNC_TIMEOUT_MS);
    if (error == 0) error = nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, SYNC_TIMEOUT_MS);
    if (error == 0) error = nng_socket_set_ms(socket, NNG_OPT_RECONNMINT, RECONNECT_MS_MIN);
    if (error == 0)
        error = nng_socket_set_ms(socket, NNG_OPT_RECONNMAXT, TRANSPORT_RECONNECT_MS_MAX);
    return transport_status(error, "setting the socket's limits");
}

// ---- Addresses -----------------------------------------------------------------------------

static bool has_scheme(const char *url, const char *scheme)
{
    return strncmp(url, scheme, strlen(scheme)) == 0;
}

static bool is_loopback(const char *url)
{
    static const char *const hosts[] = {"tcp://127.0.0.1:", "tcp://localhost:", "tcp://[::1]:"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        if (has_scheme(url, hosts[i])) return true;
    }
    return false;
}

static struct status check_url(const char *url, bool allow_plain_tcp)
{
    if (has_scheme(url, "ipc://") || has_scheme(url, "inproc://")) return STATUS_SUCCESS;
    if (has_scheme(url, "tls+tcp://")) return STATUS_SUCCESS;
    if (has_scheme(url, "tcp://") && allow_plain_tcp && is_loopback(url)) return STATUS_SUCCESS;
    return REFUSE(INVALID_ARGUMENT, RPC_URL,
                  "an address is ipc://, tls+tcp://, or tcp:// on loopback where that is allowed");
}

// Whoever may enter the directory may connect: the peer's uid is the second lock, this the first.
static struct status check_directory(const char *url)
{
    char path[4096];
    struct stat about;
    if (!has_scheme(url, "ipc://")) return STATUS_SUCCESS;
    snprintf(path, sizeof path, "%s", url + strlen("ipc://"));
    char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return REFUSE(INVALID_ARGUMENT, RPC_URL, "an ipc:// address has a full path");
    }
    *slash = '\0';
    if (stat(path[0] != '\0' ? path : "/", &about) == 0 && (about.st_mode & 077) == 0) {
        return STATUS_SUCCESS;
    }
    return REFUSE(FAILED_PRECONDITION, SOCKET_DIRECTORY_OPEN,
                  "the directory of an ipc:// socket must exist with mode 0700");
}

// A peer that is refused comes again at once: one line a second is enough to say so.
static void log_refused_peer(uint64_t uid)
{
    static atomic_uint_fast64_t next_ns;
    uint64_t now_ns = clock_mono_ns(), due_ns = atomic_load(&next_ns);
    if (now_ns < due_ns ||
        !atomic_compare_exchange_strong(&next_ns, &due_ns, now_ns + NS_PER_SECOND)) {
        return;
    }
    LOG_WARN("rpc peer refused", LOG_U64("uid", uid));
}

bool transport_peer_is_ours(nng_pipe pipe)
{
    uint64_t uid = 0;
    if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) != 0) {
        nng_sockaddr address; // Not ipc: TLS has looked at the peer, or it is this very process.
        return nng_pipe_get_addr(pipe, NNG_OPT_REMADDR, &address) != 0 ||
               address.s_family != NNG_AF_IPC;
    }
    if (uid == 0 || uid == (uint64_t)geteuid()) return true;
    log_refused_peer(uid);
    return false;
}

// ---- TLS -----------------------------------------------------------------------------------

// nng wants a certificate and its key in one file; ours are two, read here and given as text.
static struct status read_pem(const char *path, char **ret)
{
    const struct status unreadable =
        REFUSE(FAILED_PRECONDITION, TLS_CONFIG, "a TLS file is missing, unreadable or too long");
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    if (file == NULL) return unreadable;
    char *text = calloc(1, PEM_BYTES_MAX + 1);
    CHECK(text != NULL);
    size_t size = fread(text, 1, PEM_BYTES_MAX, file);
    bool whole = size > 0 && feof(file) != 0;
    fclose(file);
    if (!whole) {
        free(text);
        return unreadable;
    }
    *ret = text;
    return STATUS_SUCCESS;
}

static void free_pem(char **text)
{
    if (*text != NULL) explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

static void free_tls(nng_tls_config **config)
{
    if (*config != NULL) nng_tls_config_free(*config);
    *config = NULL;
}

// The certificate of a server must carry the name under which it is called.
static void host_of(const char *url, char *ret_host, size_t size)
{
    const char *host = strstr(url, "://");
    snprintf(ret_host, size, "%s", host != NULL ? host + 3 : url);
    ret_host[strcspn(ret_host, ":/")] = '\0';
}

// Mutual either way: each side shows a certificate of our CA, and each side insists on it.
static struct status make_tls(const struct rpc_tls_config *tls, const char *url, bool is_client,
                              nng_tls_config **ret)
{
    char host[256];
    CLEANUP(free_pem) char *ca = NULL;
    CLEANUP(free_pem) char *certificate = NULL;
    CLEANUP(free_pem) char *key = NULL;
    CLEANUP(free_tls) nng_tls_config *config = NULL;
    RETURN_IF_ERROR(read_pem(tls->ca_file, &ca));
    RETURN_IF_ERROR(read_pem(tls->certificate_file, &certificate));
    RETURN_IF_ERROR(read_pem(tls->key_file, &key));
    host_of(url, host, sizeof host);

    int error =
        nng_tls_config_alloc(&config, is_client ? NNG_TLS_MODE_CLIENT : NNG_TLS_MODE_SERVER);
    if (error == 0) error = nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED);
    if (error == 0) error = nng_tls_config_version(config, NNG_TLS_1_2, NNG_TLS_1_2);
    if (error == 0) error = nng_tls_config_ca_chain(config, ca, NULL);
    if (error == 0) error = nng_tls_config_own_cert(config, certificate, key, NULL);
    if (error == 0 && is_client) {
        error =
            nng_tls_config_server_name(config, tls->server_name != NULL ? tls->server_name : host);
    }
    if (error != 0) return REFUSE(FAILED_PRECONDITION, TLS_CONFIG, "a TLS file is not acceptable");
    *ret = config;
    config = NULL;
    return STATUS_SUCCESS;
}

static const char *copy_of(const char *text)
{
    if (text == NULL) return NULL;
    char *copy = strdup(text);
    CHECK(copy != NULL);
    return copy;
}

struct rpc_tls_config transport_tls_copy(const struct rpc_tls_config *tls)
{
    return (struct rpc_tls_config){.ca_file = copy_of(tls->ca_file),
                                   .certificate_file = copy_of(tls->certificate_file),
                                   .key_file = copy_of(tls->key_file),
                                   .server_name = copy_of(tls->server_name)};
}

void transport_tls_free(struct rpc_tls_config *tls)
{
    free((char *)tls->ca_file);
    free((char *)tls->certificate_file);
    free((char *)tls->key_file);
    free((char *)tls->server_name);
    *tls = (struct rpc_tls_config){0};
}

// ---- Listening and dialing -----------------------------------------------------------------

struct status transport_listen(nng_socket socket, const char *url, const struct rpc_tls_config *tls,
                               bool allow_plain_tcp, nng_listener *ret)
{
    nng_listener listener = NNG_LISTENER_INITIALIZER;
    CLEANUP(free_tls) nng_tls_config *config = NULL;
    RETURN_IF_ERROR(check_url(url, allow_plain_tcp));
    RETURN_IF_ERROR(check_directory(url));
    if (has_scheme(url, "tls+tcp://")) RETURN_IF_ERROR(make_tls(tls, url, false, &config));
    int error = nng_listener_create(&listener, socket, url);
    if (error == 0 && config != NULL) {
        error = nng_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, config);
    }
    if (error == 0 && has_scheme(url, "ipc://")) {
        error = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, 0600);
    }
    if (error == 0 && strstr(url, "tcp://") != NULL) {
        error = nng_listener_set_bool(listener, NNG_OPT_TCP_KEEPALIVE, true);
    }
    if (error == 0) error = nng_listener_start(listener, 0);
    if (error == 0) *ret = listener;
    bool is_left_over = error != 0 && nng_listener_id(listener) > 0;
    if (is_left_over) nng_listener_close(listener);
    return transport_status(error, "listening");
}

struct status transport_dial(nng_socket socket, const char *url, const struct rpc_tls_config *tls,
                             nng_dialer *ret)
{
    nng_dialer dialer = NNG_DIALER_INITIALIZER;
    CLEANUP(free_tls) nng_tls_config *config = NULL;
    RETURN_IF_ERROR(check_url(url, true));
    if (has_scheme(url, "tls+tcp://")) RETURN_IF_ERROR(make_tls(tls, url, true, &config));
    int error = nng_dialer_create(&dialer, socket, url);
    if (error == 0 && config != NULL) {
        error = nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, config);
    }
    if (error == 0 && strstr(url, "tcp://") != NULL) {
        error = nng_dialer_set_bool(dialer, NNG_OPT_TCP_KEEPALIVE, true);
    }
    if (error == 0) error = nng_dialer_start(dialer, NNG_FLAG_NONBLOCK);
    if (error == 0) *ret = dialer;
    bool is_left_over = error != 0 && nng_dialer_id(dialer) > 0;
    if (is_left_over) nng_dialer_close(dialer);
    return transport_status(error, "dialing");
}
