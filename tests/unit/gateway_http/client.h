/// @file tests/unit/gateway_http/client.h
/// A plain HTTP client over a blocking socket that sends exactly the bytes it is told to, and reads
/// answers strictly. Every wait ends after 10 s with a failed test.
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client {
    int fd;
    SSL *tls;
    char *buffer; // Received and not used yet.
    size_t begin, end, capacity;
};

struct reply {
    int status;
    char head[8192]; // Status line and headers, NUL-terminated.
    char *body;      // NUL-terminated; freed by reply_free.
    size_t body_size;
};

void client_open(struct client *client, uint16_t port);
/// Gives the serial number of the certificate that the server showed; 0: the handshake failed.
long client_open_tls(struct client *client, uint16_t port);
void client_close(struct client *client);
void client_reset(struct client *client); // Closes with RST.
void client_finish_sending(struct client *client);

void client_send(struct client *client, const char *text);
void client_send_bytes(struct client *client, const void *data, size_t size);

/// Reads one answer; `to_head`: the request was HEAD.
void client_receive(struct client *client, struct reply *ret, bool to_head);
void reply_free(struct reply *reply);
/// The header's value until the line's end, copied to a static buffer; NULL: absent.
const char *reply_header(const struct reply *reply, const char *name);

/// Sends text, reads one answer, checks its status.
void client_ask(struct client *client, const char *text, int status);
/// True if the server closes without another byte.
bool client_sees_end(struct client *client);
/// Throws away what was received so far and reads `size` bytes more.
void client_skip(struct client *client, size_t size);
