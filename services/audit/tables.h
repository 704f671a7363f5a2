/// @file services/audit/tables.h
/// The store's tables, for the files that read and write them (store*.c). README.md "Key spaces".
#pragma once

#include "common/store/store.h"

enum audit_table {
    AUDIT_TABLE_ENTRIES = STORE_TABLE_SERVICE_FIRST, // index -> entry
    AUDIT_TABLE_SIDES,                               // index -> side
    AUDIT_TABLE_TILES,                               // level, index -> hashes
    AUDIT_TABLE_SEARCH,                              // kind, name, index -> nothing
    AUDIT_TABLE_MARKS,                               // source -> mark
    AUDIT_TABLE_LOG,                                 // "head", "checkpoint", "published", "first"
    AUDIT_TABLE_CURSORS,    // follower -> index                         follower.c
    AUDIT_TABLE_COUNTS,     // hour, action, outcome -> count            counts.c
    AUDIT_TABLE_FINDINGS,   // finding                                   suspicion.c
    AUDIT_TABLE_WATCHES,    // rule, subject -> what the rule remembers  suspicion.c
    AUDIT_TABLE_INBOX,      // user, index -> notification               inbox.c
    AUDIT_TABLE_CONSUMERS,  // name -> durable consumer                  consumers.c
    AUDIT_TABLE_WEBHOOKS,   // id -> webhook                             webhook*.c
    AUDIT_TABLE_DELIVERIES, // webhook, index -> delivery                webhook*.c
    AUDIT_TABLE_DUE,        // webhook, time, index -> nothing           webhook*.c
    AUDIT_TABLE_OWNERS,     // account -> whose it is                    inbox.c
    AUDIT_TABLE_KEYS,       // version -> wrapped data key               common/daemon/keychain.h
};
