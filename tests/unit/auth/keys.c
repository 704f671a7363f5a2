#include "tests/unit/auth/keys.h"

static size_t count_of(const char *const *list)
{
    size_t count = 0;
    while (count < KEYS_MAX && list[count] != NULL)
        count++;
    return count;
}

struct status keys_create(struct caller *caller, const struct asked_key *asked,
                          Auth__ApiKeyWithSecret **ret)
{
    static const char *const usual[] = {"ledger.account.read", NULL};
    const char *const *scopes = asked->scopes[0] != NULL ? asked->scopes : usual;
    Auth__CreateApiKeyRequest request = AUTH__CREATE_API_KEY_REQUEST__INIT;
    request.name = text_of(asked->name != NULL ? asked->name : "nightly export");
    if (!id128_is_nil(asked->owner_id)) request.owner_id = people_id(&asked->owner_id);
    request.scopes = (char **)(uintptr_t)scopes;
    request.n_scopes = count_of(scopes);
    request.allowed_addresses = (char **)(uintptr_t)asked->addresses;
    request.n_allowed_addresses = count_of(asked->addresses);
    request.expires_at = asked->expires_at_ns;
    return caller_call(caller, AUTH_CREATE_API_KEY, &request, ret);
}

struct status keys_rotate(struct caller *caller, const Auth__ApiKey *key, uint32_t overlap_s,
                          Auth__ApiKeyWithSecret **ret)
{
    Auth__RotateApiKeyRequest request = AUTH__ROTATE_API_KEY_REQUEST__INIT;
    request.id = key->id;
    request.overlap_s = overlap_s;
    return caller_call(caller, AUTH_ROTATE_API_KEY, &request, ret);
}

struct status keys_revoke(struct caller *caller, const Auth__ApiKey *key)
{
    Auth__RevokeApiKeyRequest request = AUTH__REVOKE_API_KEY_REQUEST__INIT;
    request.id = key->id;
    return caller_call(caller, AUTH_REVOKE_API_KEY, &request, NULL);
}

struct status keys_exchange(struct caller *caller, const char *key, const char *client_ip,
                            Auth__IssueTokenResponse **ret)
{
    Auth__ExchangeApiKeyRequest request = AUTH__EXCHANGE_API_KEY_REQUEST__INIT;
    request.key = text_of(key);
    request.client_ip = text_of(client_ip);
    return caller_call(caller, AUTH_EXCHANGE_API_KEY, &request, ret);
}

struct status keys_issue(struct caller *caller, const char *client_id, const char *key,
                         const char *scope, Auth__IssueTokenResponse **ret)
{
    Auth__IssueTokenRequest request = AUTH__ISSUE_TOKEN_REQUEST__INIT;
    request.grant_type = text_of("client_credentials");
    request.client_id = text_of(client_id);
    request.client_secret = text_of(key);
    request.scope = text_of(scope);
    return caller_call(caller, AUTH_ISSUE_TOKEN, &request, ret);
}
