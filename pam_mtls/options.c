/*
 * Reads the module's arguments. Runs in the application's process; the arguments are root's, from
 * /etc/pam.d, but still wrong at times.
 */
#include "pam_mtls/options.h"

#include "common/text.h"
#include "pam_mtls/method.h"

enum { LOCAL_USERS_MAX = 1024 }; /* octets: break-glass users are few */

static bool set_mode(struct options *options, const char *value)
{
    options->method = method_of(value);
    return options->method != NULL;
}

static bool set_socket(struct options *options, const char *value)
{
    options->socket = value;
    return value[0] == '/';
}

static bool set_scope(struct options *options, const char *value)
{
    static const struct {
        const char *word;
        enum scope scope;
    } words[] = {{"all", SCOPE_ALL}, {"directory-users", SCOPE_DIRECTORY_USERS}};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(words[i].word, value) != 0)
            continue;
        options->scope = words[i].scope;
        return true;
    }
    return false;
}

/* No empty names: "local_users=root," is more likely a mistake than a wish. */
static bool set_local_users(struct options *options, const char *value)
{
    size_t len = strlen(value);

    options->local_users = value;
    return len <= LOCAL_USERS_MAX && value[0] != ',' && value[len - 1] != ',' &&
           !strstr(value, ",,");
}

static bool set_observe(struct options *options, const char *value)
{
    return text_time_s(bytes_of(value), &options->observe_until_s) && options->observe_until_s > 0;
}

static bool set_debug(struct options *options, const char *value)
{
    (void)value;
    options->debug = true;
    return true;
}

static const struct row {
    const char *name;
    bool has_value;
    bool (*set)(struct options *options, const char *value);
} rows[] = {
    {"mode", true, set_mode},       {"socket", true, set_socket},
    {"scope", true, set_scope},     {"local_users", true, set_local_users},
    {"observe", true, set_observe}, {"debug", false, set_debug},
};

static const struct row *row_of(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (bytes_equal(bytes_of(rows[i].name), name))
            return &rows[i];
    return NULL;
}

static bool set_one(struct options *options, const char *argument, unsigned *seen,
                    struct error *err)
{
    size_t name_len = strcspn(argument, "=");
    const char *value = argument[name_len] ? argument + name_len + 1 : NULL;
    const struct row *row = row_of((struct bytes){(const uint8_t *)argument, name_len});
    unsigned bit = row ? 1u << (row - rows) : 0;

    if (!row)
        return err_set(err, REASON_CONFIG_VALUE, "unknown argument \"%s\"", argument);
    if (*seen & bit)
        return err_set(err, REASON_CONFIG_VALUE, "argument %s twice", row->name);
    *seen |= bit;
    if (row->has_value != (value != NULL) || (value && *value == '\0') || !row->set(options, value))
        return err_set(err, REASON_CONFIG_VALUE, "bad argument \"%s\"", argument);
    return true;
}

bool options_parse(int argc, const char **argv, struct options *ret_options, struct error *err)
{
    struct options options = {.socket = OPTIONS_SOCKET};
    unsigned seen = 0;

    for (int i = 0; i < argc; i++)
        if (!set_one(&options, argv[i], &seen, err))
            return false;
    if (options.observe_until_s > 0 && options.method && !options.method->observable)
        return err_set(err, REASON_CONFIG_VALUE, "observe is not for mode=%s",
                       options.method->name);
    *ret_options = options;
    return true;
}

bool options_local_user(const struct options *options, const char *user)
{
    const char *at = options->local_users;

    while (at && *at) {
        size_t len = strcspn(at, ",");

        if (bytes_equal((struct bytes){(const uint8_t *)at, len}, bytes_of(user)))
            return true;
        at += len + (at[len] == ',');
    }
    return false;
}
