#include "tests/support/mail_peer.h"

#include "common/base/check.h"
#include "common/base/text.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LINE_BYTES = 1024 };

struct mail_peer {
    struct mail_peer_config config;
    struct peer *peer;
    pthread_mutex_t lock; // Of what follows.
    struct mail_trouble trouble;
    bool has_trouble;
    size_t connections, reached[MAIL_STEP_COUNT], received;
    struct mail_received last;
};

/// One connection.
struct dialogue {
    struct mail_peer *peer;
    struct peer_line *line;
    struct mail_trouble trouble;
    bool has_trouble;
    struct mail_received mail;
};

/// answer says what the step's reply is, unless trouble has it; false: the dialogue is over.
static bool answer(struct dialogue *dialogue, enum mail_step step, const char *reply)
{
    char line[LINE_BYTES];
    pthread_mutex_lock(&dialogue->peer->lock);
    dialogue->peer->reached[step]++;
    pthread_mutex_unlock(&dialogue->peer->lock);
    bool is_trouble = dialogue->has_trouble && dialogue->trouble.at == step;
    if (is_trouble && dialogue->trouble.reply == NULL) {
        peer_hang(dialogue->line);
        return false;
    }
    if (is_trouble) reply = dialogue->trouble.reply;
    if (reply[0] == '\0') return false;
    snprintf(line, sizeof line, "%s\r\n", reply);
    return peer_write(dialogue->line, line);
}

static bool is_refusal(const struct dialogue *dialogue, enum mail_step step)
{
    return dialogue->has_trouble && dialogue->trouble.at == step;
}

/// take_address copies what stands between < and >.
static void take_address(const char *line, char ret[static MAIL_PEER_TEXT_BYTES])
{
    const char *begin = strchr(line, '<');
    size_t size = begin != NULL ? strcspn(begin + 1, ">") : 0;
    CHECK(size < MAIL_PEER_TEXT_BYTES);
    if (size > 0) memcpy(ret, begin + 1, size);
    ret[size] = '\0';
}

// ---- Commands ------------------------------------------------------------------------------

static bool take_ehlo(struct dialogue *dialogue, const char *line)
{
    (void)line;
    const struct mail_peer_config *config = &dialogue->peer->config;
    char reply[LINE_BYTES];
    bool offers_tls = config->identity != NULL && !dialogue->mail.is_tls;
    snprintf(reply, sizeof reply, "250-peer.example\r\n%s%s250 8BITMIME",
             offers_tls ? "250-STARTTLS\r\n" : "",
             config->user != NULL ? "250-AUTH PLAIN\r\n" : "");
    return answer(dialogue, MAIL_EHLO, reply);
}

static bool take_starttls(struct dialogue *dialogue, const char *line)
{
    (void)line;
    const struct peer_identity *identity = dialogue->peer->config.identity;
    if (!answer(dialogue, MAIL_STARTTLS, identity != NULL ? "220 go on" : "502 no")) return false;
    if (identity == NULL || is_refusal(dialogue, MAIL_STARTTLS)) return true;
    dialogue->mail.is_tls = peer_start_tls(dialogue->line, identity);
    return dialogue->mail.is_tls;
}

/// take_auth knows PLAIN: base64 of \0 user \0 password, with the command or on the next line.
static bool take_auth(struct dialogue *dialogue, const char *line)
{
    const struct mail_peer_config *config = &dialogue->peer->config;
    char next[LINE_BYTES], expected[LINE_BYTES];
    uint8_t plain[LINE_BYTES];
    const char *text = line + strlen("AUTH PLAIN");
    if (*text == '\0') {
        if (!peer_write(dialogue->line, "334 \r\n")) return false;
        if (!peer_read_line(dialogue->line, next, sizeof next)) return false;
        text = next;
    }
    text += strspn(text, " ");
    size_t size = 0;
    int expected_size =
        snprintf(expected, sizeof expected, "%c%s%c%s", 0, config->user, 0, config->password);
    dialogue->mail.is_authenticated =
        base64_decode(text, strlen(text), plain, sizeof plain, &size) &&
        size == (size_t)expected_size && memcmp(plain, expected, size) == 0;
    return answer(dialogue, MAIL_AUTH,
                  dialogue->mail.is_authenticated ? "235 welcome" : "535 5.7.8 wrong");
}

static bool take_from(struct dialogue *dialogue, const char *line)
{
    take_address(line, dialogue->mail.from);
    bool is_stranger = dialogue->peer->config.user != NULL && !dialogue->mail.is_authenticated;
    return answer(dialogue, MAIL_FROM, is_stranger ? "530 5.7.0 log in first" : "250 ok");
}

static bool take_rcpt(struct dialogue *dialogue, const char *line)
{
    take_address(line, dialogue->mail.to);
    return answer(dialogue, MAIL_RCPT, "250 ok");
}

static bool read_body(struct dialogue *dialogue)
{
    char line[LINE_BYTES];
    size_t size = 0;
    while (peer_read_line(dialogue->line, line, sizeof line)) {
        if (strcmp(line, ".") == 0) return true;
        const char *text = line[0] == '.' ? line + 1 : line;
        int added =
            snprintf(dialogue->mail.body + size, MAIL_PEER_BODY_BYTES - size, "%s\r\n", text);
        CHECK(added > 0 && (size_t)added < MAIL_PEER_BODY_BYTES - size);
        size += (size_t)added;
    }
    return false;
}

static bool take_data(struct dialogue *dialogue, const char *line)
{
    (void)line;
    if (!answer(dialogue, MAIL_DATA, "354 go on")) return false;
    if (is_refusal(dialogue, MAIL_DATA)) return true;
    if (!read_body(dialogue)) return false;
    dialogue->mail.is_accepted = !is_refusal(dialogue, MAIL_BODY);
    pthread_mutex_lock(&dialogue->peer->lock);
    dialogue->peer->received++;
    dialogue->peer->last = dialogue->mail;
    pthread_mutex_unlock(&dialogue->peer->lock);
    return answer(dialogue, MAIL_BODY, "250 taken");
}

static bool take_quit(struct dialogue *dialogue, const char *line)
{
    (void)line;
    (void)answer(dialogue, MAIL_QUIT, "221 bye");
    return false;
}

static bool take_command(struct dialogue *dialogue, const char *line)
{
    static const struct {
        const char *verb;
        bool (*take)(struct dialogue *dialogue, const char *line);
    } commands[] = {
        {"EHLO", take_ehlo},       {"HELO", take_ehlo},       {"STARTTLS", take_starttls},
        {"AUTH PLAIN", take_auth}, {"MAIL FROM:", take_from}, {"RCPT TO:", take_rcpt},
        {"DATA", take_data},       {"QUIT", take_quit},
    };

    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strncasecmp(line, commands[i].verb, strlen(commands[i].verb)) == 0)
            return commands[i].take(dialogue, line);
    return peer_write(dialogue->line, "502 unknown\r\n");
}

static void talk(struct peer_line *line, void *context)
{
    struct mail_peer *peer = context;
    struct dialogue dialogue = {.peer = peer, .line = line};
    char command[LINE_BYTES];
    pthread_mutex_lock(&peer->lock);
    peer->connections++;
    dialogue.trouble = peer->trouble;
    dialogue.has_trouble = peer->has_trouble;
    pthread_mutex_unlock(&peer->lock);
    if (peer->config.is_tls_from_start) {
        if (!peer_start_tls(line, peer->config.identity)) return;
        dialogue.mail.is_tls = true;
    }
    if (!answer(&dialogue, MAIL_GREETING, "220 peer.example")) return;
    while (peer_read_line(line, command, sizeof command) && take_command(&dialogue, command))
        continue;
}

// ---- For the test --------------------------------------------------------------------------

struct mail_peer *mail_peer_open(const struct mail_peer_config *config)
{
    struct mail_peer *peer = calloc(1, sizeof *peer);
    CHECK(peer != NULL);
    peer->config = *config;
    pthread_mutex_init(&peer->lock, NULL);
    peer->peer = peer_open(config->port, talk, peer);
    return peer;
}

void mail_peer_close(struct mail_peer **peer)
{
    if (*peer == NULL) return;
    peer_close(&(*peer)->peer);
    pthread_mutex_destroy(&(*peer)->lock);
    free(*peer);
    *peer = NULL;
}

uint16_t mail_peer_port(const struct mail_peer *peer)
{
    return peer_port(peer->peer);
}

void mail_peer_set_trouble(struct mail_peer *peer, const struct mail_trouble *trouble)
{
    pthread_mutex_lock(&peer->lock);
    peer->has_trouble = trouble != NULL;
    if (trouble != NULL) peer->trouble = *trouble;
    pthread_mutex_unlock(&peer->lock);
}

size_t mail_peer_connections(struct mail_peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    size_t count = peer->connections;
    pthread_mutex_unlock(&peer->lock);
    return count;
}

size_t mail_peer_reached(struct mail_peer *peer, enum mail_step step)
{
    pthread_mutex_lock(&peer->lock);
    size_t count = peer->reached[step];
    pthread_mutex_unlock(&peer->lock);
    return count;
}

size_t mail_peer_received(struct mail_peer *peer, struct mail_received *ret_last)
{
    pthread_mutex_lock(&peer->lock);
    size_t count = peer->received;
    if (ret_last != NULL) *ret_last = peer->last;
    pthread_mutex_unlock(&peer->lock);
    return count;
}
