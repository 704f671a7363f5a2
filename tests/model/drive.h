// Random things to ask, the same to the reference and to the real ledger.
#pragma once

#include "services/ledger/unit.h"
#include "tests/model/reference.h"
#include "tests/unit/ledger/fixture.h"

// Operations run on the store's thread, where cmocka's asserts cannot say what failed: these print
// it, with the operation (the seed stands above), and abort.
#define EXPECT(condition_) model_expect((condition_), __FILE__, __LINE__, #condition_, "", "")
#define EXPECT_INT(a_, b_) model_expect_int((int64_t)(a_), (int64_t)(b_), __FILE__, __LINE__, #a_)
#define EXPECT_TEXT(a_, b_)                                                                        \
    model_expect(strcmp((a_), (b_)) == 0, __FILE__, __LINE__, #a_, (a_), (b_))
#define EXPECT_OK(status_)                                                                         \
    do {                                                                                           \
        struct status expected_ = (status_);                                                       \
        model_expect(status_ok(expected_), __FILE__, __LINE__, #status_, expected_.reason, "OK");  \
    } while (0)
#define EXPECT_REFUSED(status_, reason_)                                                           \
    do {                                                                                           \
        struct status expected_ = (status_);                                                       \
        const char *is_ = status_ok(expected_) ? "OK" : expected_.reason;                          \
        model_expect(strcmp(is_, (reason_)) == 0, __FILE__, __LINE__, #status_, is_, (reason_));   \
    } while (0)

void model_expect(bool condition, const char *file, int line, const char *what, const char *is,
                  const char *expected);
void model_expect_int(int64_t is, int64_t expected, const char *file, int line, const char *what);
extern size_t model_operation; // The one under way, and what it asked: for the message.
extern struct ref_ask model_asked;

enum { RECENT = 512, TEXTS = 4 };

struct model {
    struct fixture *fixture;
    struct ref ref;
    struct arena *arena;
    uint8_t generation[REF_ACCOUNTS]; // A slot whose account was closed gets a new one.
    struct ref_ask recent[RECENT];    // What was asked lately.
    size_t recent_count;
    uint64_t next_id, next_group;
    size_t operations, operations_max;
    size_t hits[LEDGER_REASON_COUNT], created, existed, batches, expired;
};

struct id128 model_id(uint8_t what, uint64_t n); // 0x50: transfers, 0x60: groups, 0x40: owners
struct id128 model_account(const struct model *model, uint8_t slot);
struct ledger_caller model_caller(uint8_t caller);
/// The ask as the real ledger takes it; texts in the model's arena.
struct ledger_movement model_movement(struct model *model, const struct ref_ask *ask);
/// model_verify_sca takes the approvals that model_movement makes: their claims as they are, for
/// genuine signatures are the business of others.
struct status model_verify_sca(void *context, struct bytes token, uint64_t now_s,
                               struct sca_claims *ret);

/// Something to ask: mostly sensible, often not.
struct ref_ask model_ask(struct model *model);
void model_remember(struct model *model, const struct ref_ask *ask);
bool one_in(uint64_t n);
