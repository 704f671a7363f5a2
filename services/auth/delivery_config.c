#include "services/auth/delivery_config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WRONG(message_) REFUSE(INVALID_ARGUMENT, DELIVERY_CONFIG, message_)

/// is_url: of one of the schemes, with a host, and without a user or password in it.
static bool is_url(const char *text, const char *const schemes[2])
{
    for (size_t i = 0; i < 2; i++) {
        size_t size = strlen(schemes[i]);
        if (strncmp(text, schemes[i], size) == 0)
            return text[size] != '\0' && strpbrk(text, "@ \t\r\n\"<>\\") == NULL;
    }
    return false;
}

/// read_secret takes a file's first line, without control characters: it may stand in a header.
static bool read_secret(const char *path, char ret[static AUTH_DELIVERY_SECRET_BYTES])
{
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    bool is_read = fgets(ret, AUTH_DELIVERY_SECRET_BYTES, file) != NULL;
    fclose(file);
    if (!is_read) return false;
    size_t size = strcspn(ret, "\r\n");
    if (size == 0 || size == AUTH_DELIVERY_SECRET_BYTES - 1) return false;
    ret[size] = '\0';
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)ret[i] < 0x20 || ret[i] == 0x7f) return false;
    return true;
}

static struct status check_smtp(const struct auth_delivery_config *config,
                                struct auth_delivery_peers *ret)
{
    static const char *const schemes[] = {"smtps://", "smtp://"};
    if (!is_url(config->smtp_url, schemes)) {
        return WRONG("auth.delivery = live needs auth.smtp_url: smtp://host:587 or "
                     "smtps://host:465");
    }
    if (!auth_mail_parse_sender(config->smtp_from, &ret->sender)) {
        return WRONG("auth.delivery = live needs auth.smtp_from: Name <address@host>");
    }
    if (config->smtp_user[0] == '\0') return STATUS_SUCCESS;
    bool has_tls = config->smtp_needs_tls || strncmp(config->smtp_url, schemes[0], 8) == 0;
    if (!has_tls) {
        return WRONG("auth.smtp_user without auth.smtp_needs_tls would send the password in clear");
    }
    if (!read_secret(config->smtp_password_file, ret->smtp_password)) {
        return WRONG("auth.smtp_user needs auth.smtp_password_file: a readable file whose first "
                     "line is the password");
    }
    return STATUS_SUCCESS;
}

static struct status check_sms(const struct auth_delivery_config *config,
                               struct auth_delivery_peers *ret)
{
    static const char *const schemes[] = {"https://", "http://"};
    if (config->sms_url[0] == '\0') return STATUS_SUCCESS; // No text messages, then.
    if (!is_url(config->sms_url, schemes))
        return WRONG("auth.sms_url must begin with https:// or http://");
    if (config->sms_token_file[0] == '\0') return STATUS_SUCCESS;
    if (!read_secret(config->sms_token_file, ret->sms_token)) {
        return WRONG("auth.sms_token_file must be a readable file whose first line is the token");
    }
    return STATUS_SUCCESS;
}

struct status auth_delivery_check(const struct auth_delivery_config *config,
                                  struct auth_delivery_peers *ret)
{
    memset(ret, 0, sizeof *ret);
    RETURN_IF_ERROR(check_smtp(config, ret));
    RETURN_IF_ERROR(check_sms(config, ret));
    if (config->tls_ca_file[0] != '\0' && access(config->tls_ca_file, R_OK) != 0)
        return WRONG("auth.delivery_ca_file cannot be read");
    return STATUS_SUCCESS;
}
