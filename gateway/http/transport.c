#include "gateway/http/internal.h"

#include <errno.h>
#include <openssl/err.h>

ssize_t transport_read(struct connection *connection, uint8_t *data, size_t size)
{
    if (connection->tls == NULL) {
        const ssize_t got = recv(connection->fd, data, size, 0);
        if (got >= 0) return got;
        return errno == EAGAIN || errno == EINTR ? TRANSPORT_AGAIN : TRANSPORT_FAILED;
    }
    ERR_clear_error();
    size_t got = 0;
    if (SSL_read_ex(connection->tls, data, size, &got) == 1) return (ssize_t)got;
    switch (SSL_get_error(connection->tls, 0)) {
    case SSL_ERROR_WANT_WRITE:
        connection->tls_wants_write = true;
        return TRANSPORT_AGAIN;
    case SSL_ERROR_WANT_READ:
        return TRANSPORT_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        connection->tls_ready = false;
        return TRANSPORT_FAILED; // No close_notify after this.
    }
}

static ssize_t write_plain(int fd, const struct iovec *parts, int part_count)
{
    // sendmsg instead of writev because of MSG_NOSIGNAL; it is one system call as well.
    const struct msghdr message = {.msg_iov = (struct iovec *)parts,
                                   .msg_iovlen = (size_t)part_count};
    const ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    return errno == EAGAIN || errno == EINTR ? TRANSPORT_AGAIN : TRANSPORT_FAILED;
}

ssize_t transport_write(struct connection *connection, const struct iovec *parts, int part_count)
{
    if (connection->tls == NULL) return write_plain(connection->fd, parts, part_count);

    // One record for head and body. A retry after WANT_WRITE gathers the same bytes again, which
    // is what SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER asks for.
    uint8_t *scratch = connection->loop->tls_scratch;
    size_t size = 0;
    for (int i = 0; i < part_count && size < TLS_RECORD_BYTES; i++) {
        const size_t room = TLS_RECORD_BYTES - size;
        const size_t take = parts[i].iov_len < room ? parts[i].iov_len : room;
        memcpy(scratch + size, parts[i].iov_base, take);
        size += take;
    }
    ERR_clear_error();
    size_t sent = 0;
    if (SSL_write_ex(connection->tls, scratch, size, &sent) == 1) return (ssize_t)sent;
    switch (SSL_get_error(connection->tls, 0)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return TRANSPORT_AGAIN;
    default:
        connection->tls_ready = false;
        return TRANSPORT_FAILED;
    }
}

int transport_handshake(struct connection *connection)
{
    ERR_clear_error();
    const int result = SSL_accept(connection->tls);
    if (result == 1) {
        connection->tls_ready = true;
        return 0;
    }
    switch (SSL_get_error(connection->tls, result)) {
    case SSL_ERROR_WANT_WRITE:
        connection->tls_wants_write = true;
        return TRANSPORT_AGAIN;
    case SSL_ERROR_WANT_READ:
        return TRANSPORT_AGAIN;
    default:
        return TRANSPORT_FAILED;
    }
}

void transport_end(struct connection *connection)
{
    if (connection->tls != NULL && connection->tls_ready) {
        ERR_clear_error();
        SSL_shutdown(connection->tls); // Best effort: if it does not fit now, the FIN must do.
        connection->tls_ready = false;
    }
    shutdown(connection->fd, SHUT_WR);
}

/// We speak HTTP/1.1 only; a client that offers nothing of the kind goes on without ALPN.
static int select_protocol(SSL *tls, const unsigned char **ret, unsigned char *ret_size,
                           const unsigned char *offered, unsigned int offered_size, void *context)
{
    (void)tls;
    (void)context;
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *selected = NULL;
    if (SSL_select_next_proto(&selected, ret_size, ours, sizeof ours - 1, offered, offered_size) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    *ret = selected;
    return SSL_TLSEXT_ERR_OK;
}

struct status transport_load_tls(const char *cert_pem, const char *key_pem, SSL_CTX **ret)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    CHECK(tls != NULL);
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    // Idle connections keep no record buffers; a partial write is progress for the deadline.
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_alpn_select_cb(tls, select_protocol, NULL);
    struct status status = STATUS_SUCCESS;
    if (SSL_CTX_use_certificate_chain_file(tls, cert_pem) != 1) {
        status = REFUSE(INVALID_ARGUMENT, TLS_CERTIFICATE_INVALID,
                        "the TLS certificate file cannot be read as a PEM chain");
    } else if (SSL_CTX_use_PrivateKey_file(tls, key_pem, SSL_FILETYPE_PEM) != 1 ||
               SSL_CTX_check_private_key(tls) != 1) {
        status = REFUSE(INVALID_ARGUMENT, TLS_KEY_INVALID,
                        "the TLS key file cannot be read or does not fit the certificate");
    }
    ERR_clear_error();
    if (status_ok(status)) {
        *ret = tls;
    } else {
        SSL_CTX_free(tls);
    }
    return status;
}
