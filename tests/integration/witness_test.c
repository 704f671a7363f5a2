// The real daemons and three real witnesses, two of whom must sign: what is served while they are
// there, away, killed; and that a store put back from an older backup does not start again.
#include "common/crypto/tlog_proof.h"
#include "tests/integration/cast.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WITNESSES = 3, NEEDED = 2, WAIT_TRIES = 6000, WAIT_PAUSE_MS = 10, OUTPUT_BYTES = 8192 };

enum { PATH_BYTES = WORLD_PATH_BYTES + 64, COMMAND_BYTES = 4096 };

#define ORIGIN "florin.local/audit"

struct one {
    unsigned port;
    pid_t pid; // 0: away.
    struct note_verifier key;
};

struct scene {
    struct cast cast;
    struct one witnesses[WITNESSES];
    struct note_verifier log_key;
    unsigned people;
};

// ---- Witnesses -----------------------------------------------------------------------------

static void path_of(const struct scene *scene, const char *name, size_t index,
                    char ret[static PATH_BYTES])
{
    snprintf(ret, PATH_BYTES, "%s/%s%zu", scene->cast.world.data, name, index);
}

// `florin witness --init` prints the verifier key.
static void make_key(struct scene *scene, size_t index)
{
    char command[COMMAND_BYTES], text[NOTE_VERIFIER_TEXT_BYTES + 1], state[PATH_BYTES];
    path_of(scene, "witness", index, state);
    snprintf(command, sizeof command,
             "%s/florin witness --init --name witness.example/w%zu --state %s",
             scene->cast.world.bin, index, state);
    FILE *output = popen(command, "re"); // NOLINT(bugprone-command-processor): our own words.
    assert_non_null(output);
    assert_non_null(fgets(text, sizeof text, output));
    assert_int_equal(pclose(output), 0);
    text[strcspn(text, "\n")] = '\0';
    struct status status = note_verifier_parse(bytes_of_text(text), &scene->witnesses[index].key);
    assert_int_equal(status.code, STATUS_OK);
    assert_int_equal(scene->witnesses[index].key.type, NOTE_COSIGNATURE);
}

static void arrive(struct scene *scene, size_t index)
{
    struct one *one = &scene->witnesses[index];
    char program[PATH_BYTES], listen[32], state[PATH_BYTES], logs[PATH_BYTES], output[PATH_BYTES];
    snprintf(program, sizeof program, "%s/florin", scene->cast.world.bin);
    snprintf(listen, sizeof listen, "127.0.0.1:%u", one->port);
    path_of(scene, "witness", index, state);
    path_of(scene, "witness.log", index, output);
    snprintf(logs, sizeof logs, "%s/logs", scene->cast.world.data);
    one->pid = fork();
    assert_true(one->pid >= 0);
    if (one->pid > 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL); // A test that aborts leaves no witness behind.
    if (freopen(output, "a", stderr) == NULL) _exit(127);
    execl(program, program, "witness", "--listen", listen, "--state", state, "--log", logs,
          (char *)NULL);
    _exit(127);
}

static void leave(struct scene *scene, size_t index, int how)
{
    struct one *one = &scene->witnesses[index];
    int status = 0;
    if (one->pid == 0) return;
    kill(one->pid, how);
    assert_int_equal(waitpid(one->pid, &status, 0), one->pid);
    one->pid = 0;
    if (how == SIGTERM && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        fail_msg("witness %zu did not end cleanly: %d", index, status);
}

static void write_file(const struct scene *scene, const char *name, const char *text)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", scene->cast.world.data, name);
    FILE *file = fopen(path, "we");
    assert_true(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void write_files(struct scene *scene)
{
    char text[NOTE_VERIFIER_TEXT_BYTES + 2], keys[PATH_BYTES];
    static char list[WITNESSES * 512];
    uint8_t public_key[KEY_PUBLIC_BYTES];
    snprintf(keys, sizeof keys, "%s/keys", scene->cast.world.data);
    assert_int_equal(key_public_load(keys, "audit-log", public_key).code, STATUS_OK);
    assert_int_equal(note_verifier_make(ORIGIN, public_key, &scene->log_key).code, STATUS_OK);
    size_t size = note_verifier_format(&scene->log_key, text);
    memcpy(text + size, "\n", 2);
    write_file(scene, "logs", text);
    size = 0;
    for (size_t i = 0; i < WITNESSES; i++) {
        note_verifier_format(&scene->witnesses[i].key, text);
        size += (size_t)snprintf(list + size, sizeof list - size, "%s http://127.0.0.1:%u\n", text,
                                 scene->witnesses[i].port);
    }
    write_file(scene, "witnesses", list);
}

// ---- Looking -------------------------------------------------------------------------------

static uint64_t number_of(const struct http_answer *answer, const char *member)
{
    const json_t *value = json_object_get(answer->json, member);
    if (json_is_string(value)) return strtoull(json_string_value(value), NULL, 10);
    return json_is_integer(value) ? (uint64_t)json_integer_value(value) : 0;
}

struct sight {
    uint64_t size, published; // By /status.
    uint64_t checkpoint;      // By the checkpoint itself; its signatures are verified.
    unsigned who;             // A bit for each witness that has cosigned it.
};

static unsigned check_note(struct scene *scene, struct bytes note, uint64_t *ret_size)
{
    struct note_verifier keys[1 + WITNESSES] = {scene->log_key};
    bool is_signed[1 + WITNESSES];
    struct bytes text;
    struct checkpoint checkpoint;
    unsigned who = 0;
    for (size_t i = 0; i < WITNESSES; i++)
        keys[1 + i] = scene->witnesses[i].key;
    assert_int_equal(note_open_any(note, keys, 1 + WITNESSES, &text, is_signed).code, STATUS_OK);
    assert_true(is_signed[0]);
    assert_int_equal(checkpoint_parse(text, &checkpoint).code, STATUS_OK);
    for (unsigned i = 0; i < WITNESSES; i++)
        who |= is_signed[1 + i] ? 1U << i : 0;
    *ret_size = checkpoint.size;
    return who;
}

// false while audit is away: the gateway may notice it late.
static bool look(struct scene *scene, struct sight *ret)
{
    struct http_answer answer = {0};
    *ret = (struct sight){0};
    http_call(scene->cast.client, NULL, "GET", "/v1/audit/log/checkpoint", NULL, NULL, &answer);
    if (answer.status == 200)
        ret->who = check_note(scene, bytes_of(answer.text, answer.size), &ret->checkpoint);
    bool is_known = answer.status == 200 || answer.status == 404;
    if (answer.status == 404)
        assert_string_equal(http_text(&answer, "reason"), "CHECKPOINT_NOT_PUBLISHED");
    http_answer_reset(&answer);
    if (!is_known) return false;
    http_call(scene->cast.client, scene->cast.auditor.token, "GET", "/v1/audit/status", NULL, NULL,
              &answer);
    is_known = answer.status == 200;
    if (is_known) {
        ret->size = number_of(&answer, "size");
        ret->published = number_of(&answer, "published_size");
        assert_int_equal(number_of(&answer, "witnesses_needed"), NEEDED);
    }
    http_answer_reset(&answer);
    return is_known;
}

static unsigned count(unsigned who)
{
    return (unsigned)__builtin_popcount(who);
}

// Until the log is published up to its end (and beyond `size`), by enough, and `by` among them.
static struct sight wait_published(struct scene *scene, uint64_t size, unsigned by)
{
    struct sight sight = {0};
    for (unsigned i = 0; i < WAIT_TRIES; i++) {
        bool is_known = look(scene, &sight);
        if (sight.checkpoint > 0) assert_true(count(sight.who) >= NEEDED);
        if (is_known && sight.size > size && sight.checkpoint == sight.size &&
            (sight.who & by) == by)
            return sight;
        poll(NULL, 0, WAIT_PAUSE_MS);
    }
    fail_msg("log %" PRIu64 ", published %" PRIu64 ", by %x", sight.size, sight.checkpoint,
             sight.who);
    return sight;
}

// Somebody registers: some more events.
static void happen(struct scene *scene)
{
    char name[32];
    struct person person;
    snprintf(name, sizeof name, "person%u", scene->people++);
    people_register(&scene->cast.world, scene->cast.client, name, &person);
}

static struct sight wait_longer(struct scene *scene, uint64_t size)
{
    struct sight sight = {0};
    for (unsigned i = 0; i < WAIT_TRIES; i++) {
        if (look(scene, &sight) && sight.size > size) return sight;
        poll(NULL, 0, WAIT_PAUSE_MS);
    }
    fail_msg("the log stays at %" PRIu64, sight.size);
    return sight;
}

// ---- Tests ---------------------------------------------------------------------------------

// Who holds a proof holds the witnesses' word with it.
static void expect_proof_file(struct scene *scene, uint64_t index, unsigned by)
{
    struct http_answer answer = {0};
    struct tlog_proof proof;
    char path[64];
    uint64_t size;
    snprintf(path, sizeof path, "/v1/audit/events/%" PRIu64 "/proof", index);
    http_call(scene->cast.client, scene->cast.auditor.token, "GET", path, NULL,
              "Accept: text/plain", &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(tlog_proof_parse(bytes_of(answer.text, answer.size), &proof).code, STATUS_OK);
    assert_int_equal(proof.index, index);
    assert_int_equal(check_note(scene, proof.checkpoint, &size) & by, by);
    assert_true(size > index);
    http_answer_reset(&answer);
}

static void test_two_of_three_sign_what_is_served(void **state)
{
    struct scene *scene = *state;
    struct sight before = wait_published(scene, 0, 1 | 2);
    happen(scene);
    wait_published(scene, before.size, 1 | 2);
    expect_proof_file(scene, before.size, 1 | 2);
    arrive(scene, 2);
    happen(scene);
    wait_published(scene, before.size, 1 | 2 | 4);
}

static void test_with_too_few_nothing_is_published_and_events_go_on(void **state)
{
    struct scene *scene = *state;
    struct http_answer answer = {0};
    char path[64];
    if (scene->witnesses[2].pid == 0) arrive(scene, 2);
    wait_published(scene, 0, 1 | 2 | 4);
    leave(scene, 1, SIGTERM);
    leave(scene, 2, SIGTERM);
    struct sight before = wait_longer(scene, 0); // Nobody signs what comes after this.
    happen(scene);
    struct sight now = wait_longer(scene, before.size);
    assert_true(now.checkpoint <= before.size);
    assert_int_equal(now.published, now.checkpoint);
    snprintf(path, sizeof path, "/v1/audit/events/%" PRIu64 "/proof", now.checkpoint);
    http_expect(scene->cast.client, scene->cast.auditor.token, "GET", path, NULL, 422, &answer);
    assert_string_equal(http_text(&answer, "reason"), "ENTRY_NOT_PUBLISHED");
    http_answer_reset(&answer);
    snprintf(path, sizeof path, "/v1/audit/events/%" PRIu64 "/proof", now.checkpoint - 1);
    http_expect(scene->cast.client, scene->cast.auditor.token, "GET", path, NULL, 200, &answer);
    http_answer_reset(&answer);
    http_expect(scene->cast.client, NULL, "GET", "/readyz", NULL, 200, &answer);
    http_answer_reset(&answer);
    arrive(scene, 1);
    wait_published(scene, before.size, 1 | 2);
    arrive(scene, 2);
}

// A witness may die at any moment: it has forgotten nothing that it told.
static void test_killed_witnesses_go_on(void **state)
{
    struct scene *scene = *state;
    if (scene->witnesses[2].pid == 0) arrive(scene, 2);
    struct sight before = wait_published(scene, 0, 0);
    for (size_t i = 0; i < 9; i++) {
        happen(scene);
        leave(scene, i % WITNESSES, SIGKILL);
        arrive(scene, i % WITNESSES);
    }
    wait_published(scene, before.size, 1 | 2 | 4);
}

static void test_a_killed_log_goes_on(void **state)
{
    struct scene *scene = *state;
    if (scene->witnesses[2].pid == 0) arrive(scene, 2);
    struct sight before = wait_published(scene, 0, 0);
    for (size_t i = 0; i < 3; i++) {
        happen(scene);
        pid_t pid = world_daemon_pid(&scene->cast.world, "audit");
        assert_true(pid > 0);
        kill(pid, SIGKILL);
        for (unsigned k = 0; k < WAIT_TRIES; k++) {
            pid_t now = world_daemon_pid(&scene->cast.world, "audit");
            if (now > 0 && now != pid) break;
            poll(NULL, 0, WAIT_PAUSE_MS);
        }
        world_wait_ready(&scene->cast.world);
        cast_login(&scene->cast);
    }
    wait_published(scene, before.size, 1 | 2 | 4);
}

static int run(const char *command, char output[static OUTPUT_BYTES])
{
    FILE *program = popen(command, "re"); // NOLINT(bugprone-command-processor): our own words.
    assert_non_null(program);
    size_t size = fread(output, 1, OUTPUT_BYTES - 1, program);
    output[size] = '\0';
    int status = pclose(program);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_a_store_put_back_from_an_older_backup_does_not_start(void **state)
{
    struct scene *scene = *state;
    struct world *world = &scene->cast.world;
    char command[COMMAND_BYTES], output[OUTPUT_BYTES];
    if (scene->witnesses[2].pid == 0) arrive(scene, 2);
    struct sight before = wait_published(scene, 0, 0);
    snprintf(command, sizeof command, "backup %s/backup --service audit", world->data);
    assert_int_equal(world_florin(world, command, output, sizeof output), 0);
    happen(scene);
    happen(scene);
    struct sight after = wait_published(scene, before.size, 1 | 2 | 4);
    world_stop(world);

    snprintf(command, sizeof command, "mv %s/audit %s/audit.lost", world->data, world->data);
    assert_int_equal(run(command, output), 0);
    snprintf(command, sizeof command, "restore %s/backup --service audit", world->data);
    assert_int_equal(world_florin(world, command, output, sizeof output), 0);
    snprintf(command, sizeof command,
             "%s/florin-audit --data.directory=%s --audit.witnesses=%s/witnesses "
             "--audit.witnesses_needed=%d 2>&1",
             world->bin, world->data, world->data, NEEDED);
    int code = run(command, output);
    const char *seen = strstr(output, "has seen "); // And maybe one event more, since we looked.
    uint64_t entries = seen != NULL ? strtoull(seen + strlen("has seen "), NULL, 10) : 0;
    if (code == 0 || strstr(output, "LOG_ROLLED_BACK") == NULL || entries < after.checkpoint)
        fail_msg("exit %d, expected LOG_ROLLED_BACK at %" PRIu64 ":\n%s", code, after.checkpoint,
                 output);

    // What was there before the accident starts, of course.
    snprintf(command, sizeof command, "mv %s/audit %s/audit.old && mv %s/audit.lost %s/audit",
             world->data, world->data, world->data, world->data);
    assert_int_equal(run(command, output), 0);
    world_start(world);
    cast_login(&scene->cast);
    wait_published(scene, after.size - 1, 1 | 2 | 4);
}

// ---- Life ----------------------------------------------------------------------------------

static int open_scene(void **state)
{
    static struct scene scene;
    struct world *world = &scene.cast.world;
    char output[OUTPUT_BYTES];
    *state = &scene;
    world_make(world);
    assert_int_equal(world_florin(world, "init", output, sizeof output), 0);
    for (size_t i = 0; i < WITNESSES; i++) {
        scene.witnesses[i].port = world_free_port();
        make_key(&scene, i);
    }
    write_files(&scene);
    snprintf(world->ini, sizeof world->ini,
             "[auth]\nstaff_access_token_life = 5min\n"
             "[audit]\nwitnesses = %.200s/witnesses\nwitnesses_needed = %d\n",
             world->data, NEEDED);
    write_file(&scene, "florin.ini", world->ini);
    arrive(&scene, 0);
    arrive(&scene, 1);
    world_start(world);
    cast_gather(&scene.cast);
    return 0;
}

static int close_scene(void **state)
{
    struct scene *scene = *state;
    cast_dismiss(&scene->cast);
    if (scene->cast.world.supervisor != 0) world_stop(&scene->cast.world);
    for (size_t i = 0; i < WITNESSES; i++)
        leave(scene, i, SIGTERM);
    world_remove(&scene->cast.world);
    return 0;
}

int main(void)
{
    // In this order: each one begins with what the one before has left.
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_of_three_sign_what_is_served),
        cmocka_unit_test(test_with_too_few_nothing_is_published_and_events_go_on),
        cmocka_unit_test(test_killed_witnesses_go_on),
        cmocka_unit_test(test_a_killed_log_goes_on),
        cmocka_unit_test(test_a_store_put_back_from_an_older_backup_does_not_start),
    };
    cast_pick_tests();
    return cmocka_run_group_tests_name("witness", tests, open_scene, close_scene);
}
