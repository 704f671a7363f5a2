#include "services/auth/mail.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    LINE_BYTES_MAX = 76,       // Of quoted-printable, without CRLF.
    WORD_PLAIN_BYTES_MAX = 42, // 56 characters of base64 and 12 around them: below 75.
    WORD_TEXT_BYTES_MAX = WORD_PLAIN_BYTES_MAX / 3 * 4 + 16,
};

// ---- Addresses -----------------------------------------------------------------------------

static bool is_of(const char *text, size_t size, const char *allowed)
{
    return size > 0 && strspn(text, allowed) >= size;
}

#define ALPHANUMERIC "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

bool auth_mail_address_is_safe(const char *address)
{
    const char *at = strchr(address, '@');
    if (at == NULL || strlen(address) >= AUTH_MAIL_ADDRESS_BYTES) return false;
    return is_of(address, (size_t)(at - address), ALPHANUMERIC "!#$%&'*+-/=?^_`{|}~.") &&
           is_of(at + 1, strlen(at + 1), ALPHANUMERIC ".-");
}

static bool copy_text(const char *from, size_t size, char *ret, size_t room)
{
    if (size >= room) return false;
    memcpy(ret, from, size);
    ret[size] = '\0';
    return true;
}

/// parse_name takes a name with or without quotes around it, and none within.
static bool parse_name(const char *text, size_t size, char ret[static AUTH_MAIL_NAME_BYTES])
{
    while (size > 0 && text[size - 1] == ' ')
        size--;
    if (size >= 2 && text[0] == '"' && text[size - 1] == '"') {
        text++;
        size -= 2;
    }
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < 0x20 || strchr("\"\\<>\x7f", text[i]) != NULL) return false;
    return text_is_utf8(text, size) && copy_text(text, size, ret, AUTH_MAIL_NAME_BYTES);
}

bool auth_mail_parse_sender(const char *text, struct auth_mail_sender *ret)
{
    struct auth_mail_sender sender = {0};
    size_t size = strlen(text);
    const char *open = strchr(text, '<');
    bool is_read;
    if (open == NULL) {
        is_read = copy_text(text, size, sender.address, sizeof sender.address);
    } else {
        is_read = text[size - 1] == '>' && parse_name(text, (size_t)(open - text), sender.name) &&
                  copy_text(open + 1, strlen(open) - 2, sender.address, sizeof sender.address);
    }
    if (!is_read || !auth_mail_address_is_safe(sender.address)) return false;
    *ret = sender;
    return true;
}

// ---- Writing -------------------------------------------------------------------------------

struct output {
    char *bytes;
    size_t size;
};

static void put(struct output *output, const char *text, size_t size)
{
    CHECK(output->size + size <= AUTH_MAIL_BYTES_MAX);
    memcpy(output->bytes + output->size, text, size);
    output->size += size;
}

static void put_text(struct output *output, const char *text)
{
    put(output, text, strlen(text));
}

static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text < 0x20 || *text > 0x7e) return false;
    return true;
}

/// put_words writes encoded words, each of whole characters, one a line.
static void put_words(struct output *output, const char *text)
{
    size_t left = strlen(text);
    for (bool is_first = true; left > 0; is_first = false) {
        char word[WORD_TEXT_BYTES_MAX];
        size_t size = 0, step;
        while ((step = text_next_code_point(text + size, left - size)) > 0 &&
               size + step <= WORD_PLAIN_BYTES_MAX)
            size += step;
        CHECK(size > 0);
        base64_encode((const uint8_t *)text, size, word);
        if (!is_first) put_text(output, "\r\n ");
        put_text(output, "=?UTF-8?B?");
        put_text(output, word);
        put_text(output, "?=");
        text += size;
        left -= size;
    }
}

static void put_from(struct output *output, const struct auth_mail_sender *from)
{
    put_text(output, "From: ");
    if (is_plain(from->name) && from->name[0] != '\0') {
        put_text(output, "\"");
        put_text(output, from->name);
        put_text(output, "\"");
    } else {
        put_words(output, from->name);
    }
    if (from->name[0] != '\0') put_text(output, "\r\n ");
    put_text(output, "<");
    put_text(output, from->address);
    put_text(output, ">\r\n");
}

static void put_date(struct output *output, uint64_t at_ns)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char text[64];
    struct tm tm;
    time_t seconds = (time_t)(at_ns / NS_PER_SECOND);
    CHECK(gmtime_r(&seconds, &tm) != NULL);
    snprintf(text, sizeof text, "Date: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday],
             tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    put_text(output, text);
}

/// put_body: quoted-printable. Also a blank or a dot that would begin or end a line wrongly is
/// safe: blanks at ends are encoded, and doubling dots is SMTP's.
static void put_body(struct output *output, const char *text)
{
    size_t column = 0;
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            put_text(output, "\r\n");
            column = 0;
            continue;
        }
        char piece[4] = {*text};
        bool is_blank = *text == ' ';
        bool is_literal = is_blank ? text[1] != '\n' && text[1] != '\0'
                                   : *text > 0x20 && *text < 0x7f && *text != '=';
        if (!is_literal) snprintf(piece, sizeof piece, "=%02X", (unsigned)(unsigned char)*text);
        if (column + strlen(piece) > LINE_BYTES_MAX - 1) { // One is the = of the soft break.
            put_text(output, "=\r\n");
            column = 0;
        }
        put_text(output, piece);
        column += strlen(piece);
    }
    put_text(output, "\r\n");
}

size_t auth_mail_write(const struct auth_mail *mail, char ret[static AUTH_MAIL_BYTES_MAX])
{
    CHECK(auth_mail_address_is_safe(mail->to));
    struct output output = {.bytes = ret};
    put_date(&output, mail->at_ns);
    put_from(&output, mail->from);
    put_text(&output, "To: ");
    put_text(&output, mail->to);
    put_text(&output, "\r\nSubject: ");
    if (is_plain(mail->subject) && strlen(mail->subject) < LINE_BYTES_MAX - sizeof "Subject: ")
        put_text(&output, mail->subject);
    else
        put_words(&output, mail->subject);
    put_text(&output, "\r\nMessage-ID: <");
    put_text(&output, mail->message_id);
    put_text(&output, strchr(mail->from->address, '@'));
    put_text(&output, ">\r\nMIME-Version: 1.0\r\n"
                      "Content-Type: text/plain; charset=utf-8\r\n"
                      "Content-Transfer-Encoding: quoted-printable\r\n"
                      "Auto-Submitted: auto-generated\r\n\r\n");
    put_body(&output, mail->text);
    return output.size;
}
