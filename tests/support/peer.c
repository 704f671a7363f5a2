#include "tests/support/peer.h"

#include "common/base/check.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINES_MAX = 256 };

struct peer_identity {
    SSL_CTX *context;
};

struct peer_line {
    struct peer *peer;
    size_t number;
    pthread_t thread;
    int fd;
    SSL *tls; // NULL: in clear.
};

struct peer {
    int fd;
    uint16_t port;
    peer_talk talk;
    void *context;
    pthread_t thread;
    pthread_mutex_t lock; // Of what follows, and of every line's fd.
    bool is_closing;
    size_t line_count, accepted;
    struct peer_line *lines[LINES_MAX];
};

// ---- Certificates --------------------------------------------------------------------------

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    CHECK(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static X509 *make_certificate(EVP_PKEY *key, const char *host)
{
    char names[128];
    bool is_address = strspn(host, "0123456789.") == strlen(host);
    snprintf(names, sizeof names, "%s:%s", is_address ? "IP" : "DNS", host);
    X509 *certificate = X509_new();
    CHECK(certificate != NULL);
    CHECK(X509_set_version(certificate, X509_VERSION_3) == 1);
    CHECK(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1);
    CHECK(X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) != NULL);
    CHECK(X509_gmtime_adj(X509_getm_notAfter(certificate), 86400) != NULL);
    CHECK(X509_set_pubkey(certificate, key) == 1);
    X509_NAME *name = X509_get_subject_name(certificate);
    CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)host, -1, -1,
                                     0) == 1);
    CHECK(X509_set_issuer_name(certificate, name) == 1);
    add_extension(certificate, NID_subject_alt_name, names);
    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
    return certificate;
}

struct peer_identity *peer_identity_make(const char *host, const char *pem_path)
{
    struct peer_identity *identity = calloc(1, sizeof *identity);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    CHECK(identity != NULL && key != NULL);
    X509 *certificate = make_certificate(key, host);
    FILE *file = fopen(pem_path, "w");
    CHECK(file != NULL && PEM_write_X509(file, certificate) == 1);
    fclose(file);
    identity->context = SSL_CTX_new(TLS_server_method());
    CHECK(identity->context != NULL);
    CHECK(SSL_CTX_use_certificate(identity->context, certificate) == 1);
    CHECK(SSL_CTX_use_PrivateKey(identity->context, key) == 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return identity;
}

void peer_identity_free(struct peer_identity **identity)
{
    if (*identity == NULL) return;
    SSL_CTX_free((*identity)->context);
    free(*identity);
    *identity = NULL;
}

// ---- Listening -----------------------------------------------------------------------------

static void *talk(void *context)
{
    struct peer_line *line = context;
    line->peer->talk(line, line->peer->context);
    pthread_mutex_lock(&line->peer->lock);
    SSL_free(line->tls);
    close(line->fd);
    line->fd = -1;
    pthread_mutex_unlock(&line->peer->lock);
    return NULL;
}

/// make_line gives a place for a connection: that of one whose thread is at its end, or a new one.
static struct peer_line *make_line(struct peer *peer, int fd)
{
    struct peer_line *line = NULL;
    for (size_t i = 0; i < peer->line_count && line == NULL; i++)
        if (peer->lines[i]->fd < 0) line = peer->lines[i];
    if (line != NULL) {
        pthread_join(line->thread, NULL);
    } else {
        line = calloc(1, sizeof *line);
        CHECK(line != NULL && peer->line_count < LINES_MAX);
        peer->lines[peer->line_count++] = line;
    }
    *line = (struct peer_line){.peer = peer, .number = peer->accepted++, .fd = fd};
    return line;
}

static void *accept_all(void *context)
{
    struct peer *peer = context;
    for (;;) {
        int fd = accept4(peer->fd, NULL, NULL, SOCK_CLOEXEC);
        pthread_mutex_lock(&peer->lock);
        bool is_over = fd < 0 || peer->is_closing;
        if (!is_over) {
            struct peer_line *line = make_line(peer, fd);
            CHECK(pthread_create(&line->thread, NULL, talk, line) == 0);
        }
        pthread_mutex_unlock(&peer->lock);
        if (!is_over) continue;
        if (fd >= 0) close(fd);
        return NULL;
    }
}

struct peer *peer_open(uint16_t port, peer_talk talk_, void *context)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    struct peer *peer = calloc(1, sizeof *peer);
    CHECK(peer != NULL);
    *peer = (struct peer){.talk = talk_, .context = context};
    pthread_mutex_init(&peer->lock, NULL);
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(peer->fd >= 0);
    CHECK(setsockopt(peer->fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0);
    CHECK(bind(peer->fd, (struct sockaddr *)&address, size) == 0);
    CHECK(listen(peer->fd, 64) == 0);
    CHECK(getsockname(peer->fd, (struct sockaddr *)&address, &size) == 0);
    peer->port = ntohs(address.sin_port);
    CHECK(pthread_create(&peer->thread, NULL, accept_all, peer) == 0);
    return peer;
}

uint16_t peer_port(const struct peer *peer)
{
    return peer->port;
}

void peer_close(struct peer **peer)
{
    struct peer *old = *peer;
    if (old == NULL) return;
    pthread_mutex_lock(&old->lock);
    old->is_closing = true;
    shutdown(old->fd, SHUT_RDWR); // Wakes accept.
    for (size_t i = 0; i < old->line_count; i++)
        if (old->lines[i]->fd >= 0) shutdown(old->lines[i]->fd, SHUT_RDWR);
    pthread_mutex_unlock(&old->lock);
    pthread_join(old->thread, NULL);
    for (size_t i = 0; i < old->line_count; i++) {
        pthread_join(old->lines[i]->thread, NULL);
        free(old->lines[i]);
    }
    close(old->fd);
    pthread_mutex_destroy(&old->lock);
    free(old);
    *peer = NULL;
}

size_t peer_line_number(const struct peer_line *line)
{
    return line->number;
}

// ---- Talking -------------------------------------------------------------------------------

bool peer_read(struct peer_line *line, char *ret, size_t size)
{
    for (size_t taken = 0; taken < size;) {
        ssize_t got = line->tls != NULL ? SSL_read(line->tls, ret + taken, (int)(size - taken))
                                        : read(line->fd, ret + taken, size - taken);
        if (got <= 0) return false;
        taken += (size_t)got;
    }
    return true;
}

bool peer_read_line(struct peer_line *line, char *ret, size_t ret_bytes)
{
    size_t size = 0;
    while (size + 1 < ret_bytes && peer_read(line, ret + size, 1)) {
        if (ret[size++] != '\n') continue;
        if (size >= 2 && ret[size - 2] == '\r') size--;
        ret[size - 1] = '\0';
        return true;
    }
    return false;
}

bool peer_write(struct peer_line *line, const char *text)
{
    size_t size = strlen(text);
    ssize_t sent = line->tls != NULL ? SSL_write(line->tls, text, (int)size)
                                     : send(line->fd, text, size, MSG_NOSIGNAL);
    return sent == (ssize_t)size;
}

bool peer_start_tls(struct peer_line *line, const struct peer_identity *identity)
{
    SSL *tls = SSL_new(identity->context);
    CHECK(tls != NULL && SSL_set_fd(tls, line->fd) == 1);
    if (SSL_accept(tls) != 1) {
        SSL_free(tls);
        return false;
    }
    line->tls = tls;
    return true;
}

void peer_hang(struct peer_line *line)
{
    char unused;
    while (peer_read(line, &unused, 1))
        continue;
}
