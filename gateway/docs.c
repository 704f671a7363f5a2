// The API reference for people: three files of this folder, made part of the program, that draw
// /openapi.json in the browser. Nothing is loaded from anywhere else.
#include "gateway/gateway.h"

// The bytes of a file, between two symbols.
#define EMBED(name_, file_)                                                                        \
    extern const uint8_t name_##_begin[], name_##_end[];                                           \
    __asm__(".pushsection .rodata\n"                                                               \
            ".global " #name_ "_begin, " #name_ "_end\n" #name_ "_begin:\n"                        \
            ".incbin \"" FLORIN_DOCS_DIRECTORY "/" file_ "\"\n" #name_ "_end:\n"                   \
            ".popsection\n")

EMBED(docs_page, "index.html");
EMBED(docs_script, "app.js");
EMBED(docs_style, "style.css");

static void serve(struct gateway_request *request, const char *type, const uint8_t *begin,
                  const uint8_t *end)
{
    struct gateway_answer answer = {.status = 200,
                                    .content_type = type,
                                    .cache_control = "public, max-age=60",
                                    .content_security_policy =
                                        "default-src 'none'; script-src 'self'; style-src 'self'; "
                                        "connect-src 'self'; base-uri 'none'; form-action 'none'; "
                                        "frame-ancestors 'none'",
                                    .body = bytes_of(begin, (size_t)(end - begin))};
    gateway_respond(request, &answer);
}

void gateway_docs_serve(struct gateway_request *request)
{
    serve(request, "text/html; charset=utf-8", docs_page_begin, docs_page_end);
}

void gateway_docs_script_serve(struct gateway_request *request)
{
    serve(request, "text/javascript; charset=utf-8", docs_script_begin, docs_script_end);
}

void gateway_docs_style_serve(struct gateway_request *request)
{
    serve(request, "text/css; charset=utf-8", docs_style_begin, docs_style_end);
}
