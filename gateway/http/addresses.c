#include "gateway/http/internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

// A chained hash table whose nodes are all made at open: an address that is counted has at least
// one connection, so there are never more of them than connections.
enum { NONE = -1 };

struct node {
    struct address_key key;
    uint32_t connection_count;
    int32_t next;
};

struct addresses {
    pthread_mutex_t lock;
    uint32_t bucket_mask;
    int32_t *buckets;
    struct node *nodes;
    int32_t free_node;
};

struct addresses *addresses_open(uint32_t connections_max)
{
    uint32_t bucket_count = 64;
    while (bucket_count < connections_max && bucket_count < UINT32_C(1) << 20) {
        bucket_count *= 2;
    }
    struct addresses *addresses = calloc(1, sizeof *addresses);
    CHECK(addresses != NULL);
    addresses->buckets = malloc(bucket_count * sizeof *addresses->buckets);
    addresses->nodes = calloc(connections_max + 1u, sizeof *addresses->nodes);
    CHECK(addresses->buckets != NULL && addresses->nodes != NULL);
    CHECK(pthread_mutex_init(&addresses->lock, NULL) == 0);
    addresses->bucket_mask = bucket_count - 1;
    for (uint32_t i = 0; i < bucket_count; i++) {
        addresses->buckets[i] = NONE;
    }
    for (uint32_t i = 0; i < connections_max; i++) {
        addresses->nodes[i].next = i + 1 < connections_max ? (int32_t)(i + 1) : NONE;
    }
    addresses->free_node = connections_max > 0 ? 0 : NONE;
    return addresses;
}

void addresses_close(struct addresses *addresses)
{
    if (addresses == NULL) return;
    pthread_mutex_destroy(&addresses->lock);
    free(addresses->buckets);
    free(addresses->nodes);
    free(addresses);
}

static bool same_key(struct address_key a, struct address_key b)
{
    return a.prefix == b.prefix && a.ipv6 == b.ipv6;
}

/// The link that points to the key's node, or to NONE at the end of its chain.
static int32_t *find_link(struct addresses *addresses, struct address_key key)
{
    const uint64_t hash = (key.prefix + key.ipv6) * UINT64_C(0x9E3779B97F4A7C15);
    int32_t *link = &addresses->buckets[(uint32_t)(hash >> 32) & addresses->bucket_mask];
    while (*link != NONE && !same_key(addresses->nodes[*link].key, key)) {
        link = &addresses->nodes[*link].next;
    }
    return link;
}

bool addresses_enter(struct addresses *addresses, struct address_key key, uint32_t max)
{
    pthread_mutex_lock(&addresses->lock);
    int32_t *link = find_link(addresses, key);
    if (*link == NONE && addresses->free_node != NONE) {
        const int32_t fresh = addresses->free_node;
        addresses->free_node = addresses->nodes[fresh].next;
        addresses->nodes[fresh] = (struct node){.key = key, .next = NONE};
        *link = fresh;
    }
    const bool entered = *link != NONE && addresses->nodes[*link].connection_count < max;
    if (entered) addresses->nodes[*link].connection_count++;
    pthread_mutex_unlock(&addresses->lock);
    return entered;
}

void addresses_leave(struct addresses *addresses, struct address_key key)
{
    pthread_mutex_lock(&addresses->lock);
    int32_t *link = find_link(addresses, key);
    CHECK(*link != NONE && addresses->nodes[*link].connection_count > 0);
    struct node *node = &addresses->nodes[*link];
    if (--node->connection_count == 0) {
        const int32_t freed = *link;
        *link = node->next;
        node->next = addresses->free_node;
        addresses->free_node = freed;
    }
    pthread_mutex_unlock(&addresses->lock);
}

struct address_key address_read(const struct sockaddr_storage *from,
                                char ret_text[static HTTP_ADDRESS_TEXT_BYTES])
{
    struct in_addr ipv4;
    if (from->ss_family == AF_INET6) {
        const struct in6_addr *ipv6 = &((const struct sockaddr_in6 *)from)->sin6_addr;
        if (!IN6_IS_ADDR_V4MAPPED(ipv6)) {
            CHECK(inet_ntop(AF_INET6, ipv6, ret_text, HTTP_ADDRESS_TEXT_BYTES) != NULL);
            return (struct address_key){.prefix = get_u64_be(ipv6->s6_addr), .ipv6 = true};
        }
        memcpy(&ipv4, ipv6->s6_addr + 12, sizeof ipv4);
    } else {
        CHECK(from->ss_family == AF_INET);
        ipv4 = ((const struct sockaddr_in *)from)->sin_addr;
    }
    CHECK(inet_ntop(AF_INET, &ipv4, ret_text, HTTP_ADDRESS_TEXT_BYTES) != NULL);
    return (struct address_key){.prefix = ntohl(ipv4.s_addr), .ipv6 = false};
}
