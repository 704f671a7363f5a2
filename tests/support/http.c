#include "tests/support/world.h"

#include <ctype.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALL_TIMEOUT_MS = 30000 };

struct http_client {
    CURL *curl;
    char base[64];
};

struct text {
    char *data;
    size_t size;
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http_client *http_client_open(const struct world *world)
{
    pthread_once(&curl_once, start_curl);
    struct http_client *client = calloc(1, sizeof *client);
    if (client == NULL) abort();
    client->curl = curl_easy_init();
    if (client->curl == NULL) abort();
    snprintf(client->base, sizeof client->base, "http://127.0.0.1:%u", world->port);
    return client;
}

void http_client_close(struct http_client **client)
{
    if (*client == NULL) return;
    curl_easy_cleanup((*client)->curl);
    free(*client);
    *client = NULL;
}

static void text_add(struct text *text, const char *data, size_t size)
{
    char *grown = realloc(text->data, text->size + size + 1);
    if (grown == NULL) abort();
    memcpy(grown + text->size, data, size);
    text->data = grown;
    text->size += size;
    text->data[text->size] = '\0';
}

static size_t take_body(char *data, size_t unit, size_t count, void *context)
{
    text_add(context, data, unit * count);
    return unit * count;
}

static size_t take_header(char *data, size_t unit, size_t count, void *context)
{
    struct text *headers = context;
    size_t size = unit * count, begin = headers->size;
    text_add(headers, data, size);
    for (size_t i = begin; i < headers->size && headers->data[i] != ':'; i++)
        headers->data[i] = (char)tolower((unsigned char)headers->data[i]);
    return size;
}

void http_answer_reset(struct http_answer *answer)
{
    json_decref(answer->json);
    free(answer->text);
    free(answer->headers);
    memset(answer, 0, sizeof *answer);
}

static struct curl_slist *make_headers(const char *token, const char *body, const char *lines)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    char line[WORLD_TOKEN_BYTES + 64];
    if (token != NULL) {
        snprintf(line, sizeof line, "Authorization: Bearer %s", token);
        list = curl_slist_append(list, line);
    }
    bool names_type = lines != NULL && strcasestr(lines, "content-type:") != NULL;
    if (body != NULL && !names_type)
        list = curl_slist_append(list, "Content-Type: application/json");
    while (lines != NULL && *lines != '\0') {
        size_t length = strcspn(lines, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, lines);
        list = curl_slist_append(list, line);
        lines += length + (lines[length] == '\n');
    }
    return list;
}

void http_call(struct http_client *client, const char *token, const char *method, const char *path,
               const char *body, const char *headers, struct http_answer *ret)
{
    http_answer_reset(ret);
    char url[4096];
    snprintf(url, sizeof url, "%s%s", client->base, path);
    struct text text = {0}, heads = {0};
    text_add(&text, "", 0);
    text_add(&heads, "", 0);
    struct curl_slist *list = make_headers(token, body, headers);
    CURL *curl = client->curl;
    curl_easy_reset(curl); // Keeps the connection.
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_NOBODY, strcmp(method, "HEAD") == 0 ? 1L : 0L);
    if (body != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
    } else if (strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, 0L);
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &heads);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)CALL_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret->status);
    curl_slist_free_all(list);
    ret->text = text.data;
    ret->size = text.size;
    ret->headers = heads.data;
    ret->json = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
}

const char *http_text(const struct http_answer *answer, const char *path)
{
    json_t *at = answer->json;
    while (at != NULL && *path != '\0') {
        char name[64];
        size_t length = strcspn(path, ".");
        snprintf(name, sizeof name, "%.*s", (int)length, path);
        at = json_is_array(at) ? json_array_get(at, strtoul(name, NULL, 10))
                               : json_object_get(at, name);
        path += length + (path[length] == '.');
    }
    return json_is_string(at) ? json_string_value(at) : "";
}

const char *http_header(const struct http_answer *answer, const char *name)
{
    static _Thread_local char value[1024];
    char start[128];
    snprintf(start, sizeof start, "\n%s:", name);
    const char *found = strstr(answer->headers, start);
    if (found == NULL) return NULL;
    found += strlen(start);
    found += strspn(found, " \t");
    snprintf(value, sizeof value, "%.*s", (int)strcspn(found, "\r\n"), found);
    return value;
}

void http_expect(struct http_client *client, const char *token, const char *method,
                 const char *path, const char *body, long status, struct http_answer *ret)
{
    http_call(client, token, method, path, body, NULL, ret);
    if (ret->status == status) return;
    fprintf(stderr, "%s %s %s\nanswered %ld, expected %ld:\n%s\n", method, path,
            body != NULL ? body : "", ret->status, status, ret->text);
    abort();
}
