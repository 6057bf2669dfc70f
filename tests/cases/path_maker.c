/*
 * What certificates and lists of the path cases share: words of a line, names, times, extensions.
 */
#include "tests/cases/path_maker.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void path_stop(const char *what, const char *word)
{
    (void)fprintf(stderr, "%s: %s\n", what, word);
    ERR_print_errors_fp(stderr);
    exit(2);
}

void path_split(char *text, struct path_line *ret_line)
{
    char *to = text;

    *ret_line = (struct path_line){.n = 0};
    while (*text && ret_line->n < PATH_WORDS_MAX) {
        bool quoted = false;

        text += strspn(text, " \t");
        if (!*text || *text == '#')
            return;
        ret_line->words[ret_line->n++] = to;
        for (; *text && (quoted || (*text != ' ' && *text != '\t')); text++) {
            if (*text == '"')
                quoted = !quoted;
            else
                *to++ = *text;
        }
        if (*text)
            text++;
        *to++ = '\0';
    }
}

const char *path_value_at(const struct path_line *line, const char *name, size_t nth)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < line->n; i++)
        if (strncmp(line->words[i], name, len) == 0 && line->words[i][len] == '=' && nth-- == 0)
            return line->words[i] + len + 1;
    return NULL;
}

const char *path_value(const struct path_line *line, const char *name, const char *fallback)
{
    const char *value = path_value_at(line, name, 0);

    return value ? value : fallback;
}

struct path_object *path_find(struct path_world *world, const char *name)
{
    for (size_t i = 0; i < world->n; i++)
        if (strcmp(world->objects[i].name, name) == 0)
            return &world->objects[i];
    return NULL;
}

struct path_object *path_new(struct path_world *world, const struct path_line *line)
{
    struct path_object *object;

    if (world->n == PATH_OBJECTS_MAX || line->n < 2)
        path_stop("too many objects, or one without a name", line->words[0]);
    object = &world->objects[world->n++];
    *object = (struct path_object){.kind = line->words[0], .name = line->words[1]};
    return object;
}

void path_octets(struct path_object *object, const uint8_t *der, size_t len)
{
    object->der = malloc(len);
    memcpy(object->der, der, len);
    object->der_len = len;
}

/* "/C=US/O=a/CN=b"; "" is the empty name. */
X509_NAME *path_name(const char *text, int type)
{
    X509_NAME *name = X509_NAME_new();
    char *copy = strdup(text), *rest = copy;

    for (char *part = strsep(&rest, "/"); part; part = strsep(&rest, "/")) {
        char *value = strchr(part, '=');

        if (!value)
            continue;
        *value++ = '\0';
        if (X509_NAME_add_entry_by_txt(name, part, type, (const unsigned char *)value, -1, -1, 0) !=
            1)
            path_stop("no such name", text);
    }
    free(copy);
    return name;
}

int64_t path_day(const char *text)
{
    struct tm tm = {.tm_year = 0};

    if (sscanf(text, "%4d-%2d-%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday) != 3)
        path_stop("no day", text);
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    return (int64_t)timegm(&tm);
}

/* A day, or the octets of the field after "utc:" or "general:". */
void path_set_time(ASN1_TIME *time, const char *text)
{
    if (strncmp(text, "utc:", 4) == 0) {
        time->type = V_ASN1_UTCTIME;
        ASN1_STRING_set(time, text + 4, -1);
    } else if (strncmp(text, "general:", 8) == 0) {
        time->type = V_ASN1_GENERALIZEDTIME;
        ASN1_STRING_set(time, text + 8, -1);
    } else {
        ASN1_TIME_set(time, (time_t)path_day(text));
    }
}

X509_EXTENSION *path_extension(const struct path_world *world, X509 *issuer, X509 *subject,
                               const char *name, const char *value)
{
    X509_EXTENSION *extension;
    X509V3_CTX ctx;

    if (!value || !*value)
        return NULL;
    X509V3_set_ctx(&ctx, issuer, subject, NULL, NULL, 0);
    X509V3_set_nconf(&ctx, world->sections);
    extension = X509V3_EXT_nconf(world->sections, &ctx, name, value);
    if (!extension)
        path_stop(name, value);
    return extension;
}

const EVP_MD *path_digest(const EVP_PKEY *key, const char *name)
{
    if (EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448"))
        return NULL;
    return EVP_get_digestbyname(name);
}

void path_clear(struct path_world *world)
{
    for (size_t i = 0; i < world->n; i++) {
        X509_free(world->objects[i].x509);
        free(world->objects[i].der);
    }
    NCONF_free(world->sections);
    *world = (struct path_world){.n = 0};
}

void path_keep(const struct path_world *world, const char *directory, unsigned number)
{
    for (size_t i = 0; i < world->n; i++) {
        const struct path_object *object = &world->objects[i];
        char path[512];
        FILE *file;

        (void)snprintf(path, sizeof(path), "%s/%u.%s.%s", directory, number, object->name,
                       object->kind);
        file = fopen(path, "we");
        if (!file || fwrite(object->der, 1, object->der_len, file) != object->der_len)
            path_stop("cannot write", path);
        (void)fclose(file);
    }
}
