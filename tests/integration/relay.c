#include "tests/integration/relay.h"

#include "common/base/bytes.h"
#include "common/base/clock.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    LINKS_MAX = 32,
    GREETING_BYTES = 8,
    HEADER_BYTES = 9, // 0x01 and the length.
    ID_BYTES = 4,
    READ_BYTES = 64 * 1024,
    MESSAGE_BYTES_MAX = 8 << 20,
    DOOMED_MAX = 64,
    DELAY_MS_MAX = 80,
    GHOST_MS_MIN = 50,
    GHOST_MS_MAX = 400,
    SILENCE_MS_MIN = 50, // How long a connection that lost something stands.
    SILENCE_MS_MAX = 400,
    GREETING_MS = 2000,
};

const char *const relay_fault_names[RELAY_FAULT_COUNT] = {
    "pass",       "delay",       "double",      "ghost",     "drop request",
    "drop reply", "cut request", "cut running", "cut reply",
};

/// How many of 40 cards each fault has.
static const unsigned deck_counts[RELAY_FAULT_COUNT] = {
    [RELAY_PASS] = 16,       [RELAY_DELAY] = 4,        [RELAY_DOUBLE] = 4,
    [RELAY_GHOST] = 4,       [RELAY_DROP_REQUEST] = 2, [RELAY_DROP_REPLY] = 2,
    [RELAY_CUT_REQUEST] = 2, [RELAY_CUT_RUNNING] = 3,  [RELAY_CUT_REPLY] = 3,
};

enum { DECK_CARDS = 40 };

/// What has been read of one direction and is not a whole message yet.
struct inbox {
    uint8_t *data;
    size_t size;
    bool is_greeted;
};

/// A reply that will not arrive: that to the request of this id.
struct doom {
    uint8_t id[ID_BYTES];
    enum relay_fault fault;
};

/// One client's connection and ours to the daemon for it. The ghosts' has no client.
struct link {
    uint64_t serial; // 0: free.
    int client, server;
    struct inbox from_client, from_server;
    struct doom dooms[DOOMED_MAX];
    size_t doom_count;
    uint64_t cut_at_ns; // UINT64_MAX: not planned.
};

/// A message on its way.
struct parcel {
    struct parcel *next;
    uint64_t due_ns, link_serial;
    bool is_request;
    size_t size;
    uint8_t bytes[];
};

struct relay {
    struct sockaddr_un listen_address, target_address;
    const char *victim;
    unsigned seed;
    int listener, wake;
    pthread_t thread;
    atomic_bool is_faulty, is_closing;
    atomic_uint_fast64_t counts[RELAY_FAULT_COUNT];
    uint8_t deck[DECK_CARDS];
    size_t deck_left;
    uint64_t next_serial;
    struct link links[LINKS_MAX];
    struct link *ghosts;
    struct parcel *parcels; // In order of due_ns.
};

static void give_up(const char *what)
{
    perror(what);
    abort();
}

static unsigned roll(struct relay *relay, unsigned count)
{
    return (unsigned)rand_r(&relay->seed) % count;
}

static uint64_t in_ms(uint64_t ms)
{
    return clock_mono_ns() + ms * NS_PER_MS;
}

// ---- Links ---------------------------------------------------------------------------------

static struct link *link_open(struct relay *relay, int client)
{
    for (size_t i = 0; i < LINKS_MAX; i++) {
        struct link *link = &relay->links[i];
        if (link->serial != 0) continue;
        int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (server < 0) give_up("socket");
        const struct sockaddr *target = (const struct sockaddr *)&relay->target_address;
        if (connect(server, target, sizeof relay->target_address) != 0) {
            close(server); // The daemon is away: so are we.
            return NULL;
        }
        *link = (struct link){.serial = ++relay->next_serial,
                              .client = client,
                              .server = server,
                              .cut_at_ns = UINT64_MAX};
        return link;
    }
    fprintf(stderr, "the relay has too many connections\n");
    abort();
}

// A daemon whose peer is gone before it was greeted listens anew (common/rpc/relisten.h), which it
// cannot here: its path is ours.
static void await_greeting(const struct link *link)
{
    struct pollfd greeting = {.fd = link->server, .events = POLLIN};
    if (!link->from_server.is_greeted) poll(&greeting, 1, GREETING_MS);
}

static void link_close(struct link *link)
{
    await_greeting(link);
    if (link->client >= 0) close(link->client);
    close(link->server);
    free(link->from_client.data);
    free(link->from_server.data);
    *link = (struct link){0};
}

static struct link *find_link(struct relay *relay, uint64_t serial)
{
    for (size_t i = 0; i < LINKS_MAX; i++)
        if (relay->links[i].serial == serial) return &relay->links[i];
    return NULL;
}

static bool send_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

// The ghosts' connection greets like any REQ socket (protocol 0x30).
static void open_ghosts(struct relay *relay)
{
    static const uint8_t greeting[GREETING_BYTES] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
    relay->ghosts = link_open(relay, -1);
    if (relay->ghosts == NULL) give_up("the relay's target");
    if (!send_all(relay->ghosts->server, greeting, sizeof greeting)) give_up("greeting");
}

// ---- Parcels -------------------------------------------------------------------------------

static void post(struct relay *relay, const struct link *link, bool is_request,
                 const uint8_t *bytes, size_t size, uint64_t due_ns)
{
    struct parcel *parcel = malloc(sizeof *parcel + size);
    if (parcel == NULL) give_up("malloc");
    *parcel = (struct parcel){
        .due_ns = due_ns, .link_serial = link->serial, .is_request = is_request, .size = size};
    memcpy(parcel->bytes, bytes, size);
    struct parcel **at = &relay->parcels;
    while (*at != NULL && (*at)->due_ns <= due_ns)
        at = &(*at)->next;
    parcel->next = *at;
    *at = parcel;
}

static void deliver_due(struct relay *relay)
{
    uint64_t now_ns = clock_mono_ns();
    while (relay->parcels != NULL && relay->parcels->due_ns <= now_ns) {
        struct parcel *parcel = relay->parcels;
        relay->parcels = parcel->next;
        struct link *link = find_link(relay, parcel->link_serial);
        int fd = link == NULL ? -1 : parcel->is_request ? link->server : link->client;
        if (fd >= 0 && !send_all(fd, parcel->bytes, parcel->size)) link_close(link);
        free(parcel);
    }
}

// ---- Faults --------------------------------------------------------------------------------

static enum relay_fault draw(struct relay *relay)
{
    if (relay->deck_left == 0) {
        for (unsigned fault = 0; fault < RELAY_FAULT_COUNT; fault++)
            for (unsigned i = 0; i < deck_counts[fault]; i++)
                relay->deck[relay->deck_left++] = (uint8_t)fault;
        if (relay->deck_left != DECK_CARDS) give_up("the deck's counts");
    }
    size_t picked = roll(relay, (unsigned)relay->deck_left);
    uint8_t fault = relay->deck[picked];
    relay->deck[picked] = relay->deck[--relay->deck_left];
    return fault;
}

static enum relay_fault fault_of(struct relay *relay, const uint8_t *frame, size_t size)
{
    if (!atomic_load(&relay->is_faulty)) return RELAY_PASS;
    if (memmem(frame, size, relay->victim, strlen(relay->victim)) == NULL) return RELAY_PASS;
    enum relay_fault fault = draw(relay);
    atomic_fetch_add(&relay->counts[fault], 1);
    return fault;
}

static void doom_reply(struct link *link, const uint8_t *frame, enum relay_fault fault)
{
    if (link->doom_count == DOOMED_MAX) return; // Never answered ones; this one passes.
    struct doom *doom = &link->dooms[link->doom_count++];
    memcpy(doom->id, frame + HEADER_BYTES, ID_BYTES);
    doom->fault = fault;
}

// A stream that lost something does not live on for ever: its end is noticed some time later.
static void plan_cut(struct relay *relay, struct link *link)
{
    uint64_t at_ns = in_ms(SILENCE_MS_MIN + roll(relay, SILENCE_MS_MAX - SILENCE_MS_MIN));
    if (at_ns < link->cut_at_ns) link->cut_at_ns = at_ns;
}

// False: the link has been cut.
static bool take_request(struct relay *relay, struct link *link, const uint8_t *frame, size_t size)
{
    enum relay_fault fault = fault_of(relay, frame, size);
    uint64_t now_ns = clock_mono_ns();
    switch (fault) {
    case RELAY_DELAY:
        post(relay, link, true, frame, size, in_ms(1 + roll(relay, DELAY_MS_MAX)));
        return true;
    case RELAY_DOUBLE:
        post(relay, link, true, frame, size, now_ns);
        break;
    case RELAY_GHOST:
        post(relay, relay->ghosts, true, frame, size,
             in_ms(GHOST_MS_MIN + roll(relay, GHOST_MS_MAX - GHOST_MS_MIN)));
        break;
    case RELAY_DROP_REQUEST:
        plan_cut(relay, link);
        return true;
    case RELAY_CUT_REQUEST:
        link_close(link);
        return false;
    case RELAY_CUT_RUNNING:
        send_all(link->server, frame, size);
        link_close(link);
        return false;
    case RELAY_DROP_REPLY:
    case RELAY_CUT_REPLY:
        doom_reply(link, frame, fault);
        break;
    default:
        break;
    }
    post(relay, link, true, frame, size, now_ns);
    return true;
}

static bool take_reply(struct relay *relay, struct link *link, const uint8_t *frame, size_t size)
{
    if (link->client < 0) return true; // Nobody waits for a ghost's answer.
    for (size_t i = 0; i < link->doom_count; i++) {
        struct doom doom = link->dooms[i];
        if (memcmp(doom.id, frame + HEADER_BYTES, ID_BYTES) != 0) continue;
        link->dooms[i] = link->dooms[--link->doom_count];
        if (doom.fault == RELAY_CUT_REPLY) {
            link_close(link);
            return false;
        }
        plan_cut(relay, link);
        return true;
    }
    post(relay, link, false, frame, size, clock_mono_ns());
    return true;
}

// ---- Reading -------------------------------------------------------------------------------

// The size of the inbox's first whole item, greeting or message; 0: not whole yet.
static size_t first_item(const struct inbox *inbox)
{
    if (!inbox->is_greeted) return inbox->size >= GREETING_BYTES ? GREETING_BYTES : 0;
    if (inbox->size < HEADER_BYTES) return 0;
    uint64_t payload = get_u64_be(inbox->data + 1);
    if (inbox->data[0] != 1 || payload < ID_BYTES || payload > MESSAGE_BYTES_MAX) {
        fprintf(stderr, "the relay cannot read this framing\n");
        abort();
    }
    return inbox->size >= HEADER_BYTES + payload ? (size_t)(HEADER_BYTES + payload) : 0;
}

static bool take_item(struct relay *relay, struct link *link, bool is_request, size_t size)
{
    struct inbox *inbox = is_request ? &link->from_client : &link->from_server;
    if (inbox->is_greeted) {
        return is_request ? take_request(relay, link, inbox->data, size)
                          : take_reply(relay, link, inbox->data, size);
    }
    inbox->is_greeted = true;
    post(relay, link, is_request, inbox->data, size, clock_mono_ns());
    return true;
}

static void read_side(struct relay *relay, struct link *link, bool is_request)
{
    struct inbox *inbox = is_request ? &link->from_client : &link->from_server;
    uint8_t *grown = realloc(inbox->data, inbox->size + READ_BYTES);
    if (grown == NULL) give_up("realloc");
    inbox->data = grown;
    ssize_t got = recv(is_request ? link->client : link->server, inbox->data + inbox->size,
                       READ_BYTES, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        if (link == relay->ghosts && !atomic_load(&relay->is_closing)) give_up("the ghosts' end");
        link_close(link);
        return;
    }
    inbox->size += (size_t)got;
    for (size_t size; (size = first_item(inbox)) > 0;) {
        if (!take_item(relay, link, is_request, size)) return;
        inbox->size -= size;
        memmove(inbox->data, inbox->data + size, inbox->size);
    }
}

// ---- The thread ----------------------------------------------------------------------------

static void take_client(struct relay *relay)
{
    int client = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0) return;
    if (link_open(relay, client) == NULL) close(client);
}

static void cut_due(struct relay *relay)
{
    uint64_t now_ns = clock_mono_ns();
    for (size_t i = 0; i < LINKS_MAX; i++) {
        struct link *link = &relay->links[i];
        if (link->serial != 0 && link->cut_at_ns <= now_ns) link_close(link);
    }
}

static int wait_ms(const struct relay *relay)
{
    uint64_t next_ns = relay->parcels != NULL ? relay->parcels->due_ns : UINT64_MAX;
    for (size_t i = 0; i < LINKS_MAX; i++) {
        const struct link *link = &relay->links[i];
        if (link->serial != 0 && link->cut_at_ns < next_ns) next_ns = link->cut_at_ns;
    }
    if (next_ns == UINT64_MAX) return -1;
    uint64_t now_ns = clock_mono_ns();
    return next_ns <= now_ns ? 0 : (int)((next_ns - now_ns) / NS_PER_MS + 1);
}

static void *run(void *context)
{
    struct relay *relay = context;
    struct pollfd fds[2 + 2 * LINKS_MAX];
    uint64_t serials[LINKS_MAX];
    while (!atomic_load(&relay->is_closing)) {
        fds[0] = (struct pollfd){.fd = relay->wake, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = relay->listener, .events = POLLIN};
        for (size_t i = 0; i < LINKS_MAX; i++) {
            const struct link *link = &relay->links[i];
            serials[i] = link->serial;
            bool is_open = link->serial != 0;
            fds[2 + 2 * i] = (struct pollfd){.fd = is_open ? link->client : -1, .events = POLLIN};
            fds[3 + 2 * i] = (struct pollfd){.fd = is_open ? link->server : -1, .events = POLLIN};
        }
        if (poll(fds, 2 + 2 * LINKS_MAX, wait_ms(relay)) < 0 && errno != EINTR) give_up("poll");
        if (fds[1].revents != 0) take_client(relay);
        for (size_t i = 0; i < LINKS_MAX; i++) {
            struct link *link = &relay->links[i];
            // What is read may cut the link, and its place may be taken again.
            if (fds[2 + 2 * i].revents != 0 && serials[i] != 0 && link->serial == serials[i])
                read_side(relay, link, true);
            if (fds[3 + 2 * i].revents != 0 && serials[i] != 0 && link->serial == serials[i])
                read_side(relay, link, false);
        }
        deliver_due(relay);
        cut_due(relay);
    }
    return NULL;
}

// ---- Life ----------------------------------------------------------------------------------

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int size = snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (size < 0 || (size_t)size >= sizeof address.sun_path) give_up(path);
    return address;
}

struct relay *relay_open(const char *listen_path, const char *target_path, const char *victim,
                         unsigned seed)
{
    struct relay *relay = calloc(1, sizeof *relay);
    if (relay == NULL) give_up("calloc");
    relay->listen_address = address_of(listen_path);
    relay->target_address = address_of(target_path);
    relay->victim = victim;
    relay->seed = seed;
    relay->wake = eventfd(0, EFD_CLOEXEC);
    relay->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr *at = (const struct sockaddr *)&relay->listen_address;
    if (relay->wake < 0 || relay->listener < 0 ||
        bind(relay->listener, at, sizeof relay->listen_address) != 0 ||
        listen(relay->listener, LINKS_MAX) != 0)
        give_up(listen_path);
    open_ghosts(relay);
    if (pthread_create(&relay->thread, NULL, run, relay) != 0) give_up("pthread_create");
    return relay;
}

void relay_close(struct relay **relay)
{
    struct relay *old = *relay;
    if (old == NULL) return;
    atomic_store(&old->is_closing, true);
    if (eventfd_write(old->wake, 1) != 0) give_up("eventfd");
    pthread_join(old->thread, NULL);
    for (size_t i = 0; i < LINKS_MAX; i++)
        if (old->links[i].serial != 0) link_close(&old->links[i]);
    for (struct parcel *parcel = old->parcels, *next; parcel != NULL; parcel = next) {
        next = parcel->next;
        free(parcel);
    }
    close(old->listener);
    close(old->wake);
    free(old);
    *relay = NULL;
}

void relay_set_faulty(struct relay *relay, bool is_faulty)
{
    atomic_store(&relay->is_faulty, is_faulty);
}

uint64_t relay_count(struct relay *relay, enum relay_fault fault)
{
    return atomic_load(&relay->counts[fault]);
}
