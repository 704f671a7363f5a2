#include "tests/unit/auth/scene.h"

#include "common/base/clock.h"

void scene_path(const struct scene *scene, const char *name, char ret[static SCENE_PATH_BYTES])
{
    snprintf(ret, SCENE_PATH_BYTES, "%s/%s", scene->house->directory, name);
}

void scene_write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

void scene_open_delivery(struct scene *scene)
{
    assert_status_ok(auth_delivery_open(&scene->house->service, &scene->config, &scene->delivery));
}

void scene_reopen_delivery(struct scene *scene)
{
    auth_delivery_close(&scene->delivery);
    scene_open_delivery(scene);
}

void scene_open_mail(struct scene *scene, uint16_t port)
{
    struct mail_peer_config config = {
        .port = port, .identity = scene->identity, .user = "florin", .password = SECRET};
    scene->mail = mail_peer_open(&config);
}

int scene_open(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    void *house = NULL;
    assert_non_null(scene);
    assert_int_equal(house_open(&house), 0);
    scene->house = house;
    scene_path(scene, "ca.pem", scene->pem);
    scene_path(scene, "smtp-password", scene->password_file);
    scene_write_file(scene->password_file, SECRET "\n");
    scene->identity = peer_identity_make("127.0.0.1", scene->pem);
    scene_open_mail(scene, 0);
    scene->web = web_peer_open(scene->identity);
    snprintf(scene->smtp_url, sizeof scene->smtp_url, "smtp://127.0.0.1:%u",
             mail_peer_port(scene->mail));
    snprintf(scene->sms_url, sizeof scene->sms_url, "https://127.0.0.1:%u/send?x=1",
             web_peer_port(scene->web));
    scene->config = (struct auth_delivery_config){
        .mode = AUTH_DELIVERY_LIVE,
        .smtp_url = scene->smtp_url,
        .smtp_from = "Florin Bank <no-reply@bank.example>",
        .smtp_user = "florin",
        .smtp_password_file = scene->password_file,
        .smtp_needs_tls = true,
        .sms_url = scene->sms_url,
        .sms_token_file = scene->password_file,
        .tls_ca_file = scene->pem,
        .timeout_ms = SCENE_LONG_MS,
    };
    scene_open_delivery(scene);
    *state = scene;
    return 0;
}

int scene_close(void **state)
{
    struct scene *scene = *state;
    void *house = scene->house;
    auth_delivery_close(&scene->delivery);
    mail_peer_close(&scene->mail);
    web_peer_close(&scene->web);
    peer_identity_free(&scene->identity);
    free(scene);
    return house_close(&house);
}

// ---- Messages ------------------------------------------------------------------------------

struct letter {
    struct scene *scene;
    struct auth_message message;
};

static struct status put_letter(struct store_txn *txn, void *context)
{
    const struct letter *letter = context;
    auth_store_put_message(letter->scene->house->service.auth, txn, &letter->message);
    return STATUS_SUCCESS;
}

void scene_post_kind(struct scene *scene, const char *to, enum auth_message_kind kind)
{
    uint64_t now_ns = scene->house->now_ns;
    bool has_code = auth_message_has_code(kind);
    struct letter letter = {scene,
                            {.channel = to[0] == '+' ? AUTH_MOBILE : AUTH_EMAIL,
                             .kind = kind,
                             .created_at_ns = now_ns,
                             .expires_at_ns = has_code ? now_ns + 300 * S : 0,
                             .to = to,
                             .code = has_code ? "042137" : "",
                             .detail = ""}};
    assert_status_ok(store_write_wait(scene->house->store, put_letter, &letter));
}

void scene_post(struct scene *scene, const char *to)
{
    scene_post_kind(scene, to, AUTH_MESSAGE_LOGIN_CODE);
}

size_t scene_waiting(struct scene *scene, const char *to, struct auth_message *ret)
{
    return house_messages(scene->house->caller, to, ret);
}

void scene_until(struct scene *scene, bool (*holds)(struct scene *scene), const char *what)
{
    uint64_t end_ns = clock_mono_ns() + SCENE_PUMP_MS * NS_PER_MS;
    while (!holds(scene)) {
        if (clock_mono_ns() > end_ns) fail_msg("it never came to that: %s", what);
        uint64_t wait_ms = auth_delivery_turn(scene->delivery, scene->house->now_ns);
        if (!holds(scene)) auth_delivery_wait(scene->delivery, -1, wait_ms < 20 ? wait_ms : 20);
    }
}

bool scene_is_idle(struct scene *scene)
{
    return auth_delivery_turn(scene->delivery, scene->house->now_ns) > 0 &&
           auth_delivery_in_flight(scene->delivery) == 0;
}

void scene_check_fate(struct scene *scene, const char *name, const char *to, enum becomes becomes)
{
    struct auth_message message;
    bool is_kept = scene_waiting(scene, to, &message) == 1;
    if (is_kept != (becomes == KEPT)) fail_msg("%s: %s", name, is_kept ? "kept" : "gone");
    if (!is_kept) return;
    if (message.attempts != 1 || message.not_before_ns != scene->house->now_ns + S)
        fail_msg("%s: is not due again in a second", name);
}

void scene_check_sent_later(struct scene *scene, const char *name, const char *to)
{
    struct auth_message message;
    house_wait(scene->house, 1);
    UNTIL(scene, scene_is_idle);
    if (scene_waiting(scene, to, &message) != 0) fail_msg("%s: is not sent later", name);
}

void scene_check_sent_in_the_end(struct scene *scene, const char *name, const char *to)
{
    enum { TRIES_MAX = 50, PAUSE_S_MAX = 300 };

    struct auth_message message;
    for (unsigned i = 0; i < TRIES_MAX && scene_waiting(scene, to, &message) > 0; i++) {
        house_wait(scene->house, PAUSE_S_MAX);
        UNTIL(scene, scene_is_idle);
    }
    if (scene_waiting(scene, to, &message) != 0) fail_msg("%s: is not sent in the end", name);
}
