#include "tests/crash/scene.h"

void scene_keep(char *ret, size_t size, const char *text)
{
    int written = snprintf(ret, size, "%s", text);
    assert_true(written > 0 && (size_t)written < size);
}

void scene_register(struct scene *scene)
{
    scene->user_id = house_new_user(scene->caller, ASHA);
}

const char *scene_login(struct scene *scene, const char *device)
{
    Auth__LoginResponse *login = NULL;
    assert_status_ok(house_login(scene->caller, ASHA, PASSWORD, device, &login));
    assert_string_equal(login->status, "authenticated");
    caller_be(scene->caller, login->access_token);
    scene->claims = scene->caller->claims;
    return login->refresh_token;
}

void scene_staff(struct scene *scene, const char *role)
{
    scene->staff_id =
        people_new(scene->house, &(struct person){.email = "ravi@example.com", .role = role});
    people_be(scene->caller, scene->staff_id, id_of(0x78));
}

void scene_ask(struct scene *scene, struct status (*act)(struct scene *scene), unsigned times,
               const char *reason)
{
    for (unsigned i = 0; i < times; i++)
        assert_refused(act(scene), reason);
}

void scene_sessions(struct scene *scene, uint64_t count)
{
    assert_int_equal(door_gauge(scene->caller, AUTH_GAUGE_SESSIONS_ALIVE), count);
}
